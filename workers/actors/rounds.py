"""Rounds: what any worker does beside its mailboxes, every so often, and one worker at a time by a lease in MongoDB."""

import logging
from collections.abc import Awaitable, Callable

import anyio

from workers.errors import Transient
from workers.queue.connect import Trouble as RedisTrouble
from workers.store.connect import Trouble as MongoTrouble
from workers.store.connect import describe, unhung
from workers.store.writing import Overtaken

log = logging.getLogger(__name__)


async def rounds(name: str, work: Callable[[], Awaitable[object]], *, every: float, limit: float) -> None:
    """Work a round every so many seconds, for as long as the process lives.

    An outage, a round that takes longer than `limit` seconds, or a worker that has taken the lease over ends a round,
    and no more than that.
    """
    while True:
        await anyio.sleep(every)
        try:
            with unhung(limit):
                await work()
        except Overtaken:
            log.info("%s: another worker is at it now", name)
        except MongoTrouble as error:
            log.info("%s waits: %s", name, describe(error))
        except (*RedisTrouble, Transient) as error:
            log.info("%s waits: %s", name, type(error).__name__)
