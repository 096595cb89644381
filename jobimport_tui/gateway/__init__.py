"""The only place that touches workers.store, workers.queue and workers.events.

    protocol     what the console asks for; the tests' fake speaks it too
    live         both servers, each with a loop of its own that reconnects; publishes snapshots
    late         stands for it until it is first asked: the first paint waits for none of its modules
    redis_side   depths, workers, dead letters, events
    mongo_side   runs, listings, rejects
    source_files config/sources/*.toml

redis_side and mongo_side load the drivers: `live` imports them in a thread, after the first paint.
"""
