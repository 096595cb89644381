"""The linker.

Mailbox   none: any worker, every ten seconds, one at a time by a lease in MongoDB.
Messages  ended runs that are `copies_due`, closed listings that are still in a group, and once a day all blocks.
Promises  Open listings that advertise one job in several sources are linked (store.copies), some seconds after the run
          that brought, changed or closed one of them has ended. Nothing is merged, deleted or counted: no run waits
          for it, and none fails of it. May be killed at any point and run any number of times.
"""

import logging
from functools import partial

from workers.actors.desk import Desk, utcnow
from workers.actors.rounds import rounds
from workers.store import copies, leases

log = logging.getLogger(__name__)

EVERY = 10.0
LEASE = 60.0
ROUND_SECONDS = 1800.0
"""What a first import of a million listings may take; each chunk of it renews the lease."""


async def run(desk: Desk, *, every: float = EVERY) -> None:
    """Link for as long as the process lives, whenever the lease can be had."""
    await rounds("linker", partial(link_what_is_due, desk), every=every, limit=ROUND_SECONDS)


async def link_what_is_due(desk: Desk) -> int:
    """One round; returns how many links were changed, 0 where another worker has the lease."""
    may_write = partial(leases.acquire, desk.db, "linker", desk.worker, seconds=LEASE)
    if not await may_write():
        return 0
    moved = 0
    for run in await copies.due(desk.db):
        moved += await copies.link_run(desk.db, run, may_write=may_write)
    moved += await copies.link_closed(desk.db, may_write=may_write)
    moved += await copies.walk_on(desk.db, utcnow(), may_write=may_write)
    if moved:
        log.info("%d links between copies were changed", moved)
    return moved
