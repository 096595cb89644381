"""The counter of words.

Mailbox   none: any worker, every 30 s, one at a time by a lease in MongoDB.
Messages  runs that have ended since the words were last counted.
Promises  The dictionary's counts follow the listings, at 1/200 of the time at most; nothing but the order of what a
          beginning stands for depends on them.
"""

import logging

import anyio

from workers.actors.desk import Desk
from workers.store import leases, terms
from workers.store.connect import Trouble, describe

log = logging.getLogger(__name__)

EVERY = 30.0


async def run(desk: Desk, *, every: float = EVERY) -> None:
    """Count for as long as the process lives, whenever the lease can be had."""
    while True:
        await anyio.sleep(every)
        try:
            if await leases.acquire(desk.db, "terms", desk.worker, seconds=every * 2):
                await terms.recount_if_due(desk.db)
        except Trouble as error:
            log.info("counting words waits: %s", describe(error))
