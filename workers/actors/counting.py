"""The counter of words.

Mailbox   none: any worker, every 30 s, one at a time by a lease in MongoDB.
Messages  runs that have ended since the words were last counted.
Promises  The dictionary's counts follow the listings, at 1/200 of the time at most; nothing but the order of what a
          beginning stands for depends on them.
"""

from workers.actors.desk import Desk
from workers.actors.rounds import rounds
from workers.store import leases, terms

EVERY = 30.0
ROUND_SECONDS = 1800.0
"""Far more than counting the words of a million listings takes."""


async def run(desk: Desk, *, every: float = EVERY) -> None:
    """Count for as long as the process lives, whenever the lease can be had."""

    async def count() -> None:
        if await leases.acquire(desk.db, "terms", desk.worker, seconds=every * 2):
            await terms.recount_if_due(desk.db)

    await rounds("counting of words", count, every=every, limit=ROUND_SECONDS)
