"""At most so many fetches of a host at once, over all workers: named slots with a lease, on Redis TIME.

A worker that dies leaves its slot to its lease. Redis away takes no slot: a fetch that has begun goes on.
"""

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import anyio

from workers.errors import Deferred
from workers.queue.connect import Redis, Trouble
from workers.queue.lanes import host_key
from workers.queue.scripts import SLOT

log = logging.getLogger(__name__)

LEASE = 30.0
PATIENCE = 2.0
"""Seconds that a worker waits for a slot before it puts the fetch off."""

PUT_OFF = 5.0


class Slot:
    """A connection that is held until the block ends."""

    def __init__(self, redis: Redis, host: str, limit: int, holder: str, lease: float) -> None:
        self._redis, self._limit, self._holder, self._lease = redis, limit, holder, lease
        self._key = host_key(host)

    async def take(self) -> bool:
        """Take the slot, or hold it longer; False while others have them all."""
        return not await SLOT(self._redis, [self._key], [self._holder, self._limit, int(self._lease * 1000)])

    async def renew(self) -> None:
        """Hold it longer. A Redis that is away, or a slot lost meanwhile, does not end a fetch that has begun."""
        with suppress(*Trouble):
            await self.take()

    async def free(self) -> None:
        """Give it back."""
        with anyio.move_on_after(2, shield=True), suppress(*Trouble):
            await self._redis.zrem(self._key, self._holder)


@asynccontextmanager
async def slot(
    redis: Redis, url: str, limit: int, holder: str, *, lease: float = LEASE, patience: float | None = None
) -> AsyncGenerator[Slot]:
    """Hold one of the `limit` connections to a URL's host and port; renew it within `lease` seconds.

    Raises Deferred when none comes free within `patience` seconds: nothing is wrong, so no attempt is used.
    """
    host = urlsplit(url).netloc.rpartition("@")[2].lower()
    held = Slot(redis, host, limit, holder, lease)
    deadline = time.monotonic() + (PATIENCE if patience is None else patience)
    try:
        while not await held.take():
            if time.monotonic() >= deadline:
                raise Deferred(f"{host} has its {limit} connections already", PUT_OFF)
            await anyio.sleep(0.2)
    except Trouble:
        log.debug("no slot of %s is taken: Redis is away", host)
    try:
        yield held
    finally:
        await held.free()
