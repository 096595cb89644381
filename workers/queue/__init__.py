"""Redis: the mailboxes. Only this package and workers.events speak to it; MongoDB stays the truth.

address     what a URL means: one server, Sentinels, a Cluster, TLS
connect     clients by URL, Redis time, what counts as trouble
lanes       the names of every key
message     the envelope, readable by taskiq and built without it
ring        put messages into their lanes
depth       what waits, runs, is delayed, is dead: one round trip
dead        the dead letters: list, requeue, discard
pause       stop lanes and sources, across restarts
rate        at most so many requests a source, over all workers
hosts       at most so many fetches of a host at once, over all workers
registry    which workers live
scripts     lua/*.lua: everything that must happen at once
policy      what a failure means: retry, later, dead
outage      Redis is away: wait in place, say so once
station     what the parts of a broker share
intake      one turn of reading: own entries, the dead's entries, new entries
delivery    what is in hand, and its lease
endings     done, retry, later, dead: gathered, then settled by one script
housekeeping  the clocks: leases, pump, pauses, the long gone
post        intake, endings and housekeeping for each partition
broker      all of it as a taskiq broker; retry is its middleware (these two alone import taskiq)
"""
