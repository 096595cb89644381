"""Waiting for what other processes do, while the servers may be away."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from workers.errors import Transient
from workers.queue.connect import Trouble as RedisTrouble
from workers.store.connect import Trouble as MongoTrouble

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[object]], limit: float, every: float = 0.1) -> bool:
    """Wait until it says something true; False after `limit` seconds."""
    with anyio.move_on_after(limit):
        while not await look():  # noqa: ASYNC110 (other processes' doing raises no event here)
            await anyio.sleep(every)
        return True
    return False


async def patiently(work: Callable[[], Awaitable[T]], limit: float = 180.0) -> T:
    """Do it again until the servers let it through."""
    with anyio.fail_after(limit):
        while True:
            try:
                return await work()
            except (MongoTrouble, Transient, *RedisTrouble):
                await anyio.sleep(0.2)
