"""The two servers for one command: three seconds to answer, and a sentence that names the address if they do not."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import anyio

from workers.queue import connect as queue
from workers.settings import Config
from workers.store import connect as store
from workers.store.connect import Database
from workers.user import user

__all__ = ["Redis", "both", "database", "queues", "run", "user"]

Redis = queue.Redis
T = TypeVar("T")


def run(verb: Callable[[], Awaitable[T]]) -> T:
    """Run a verb's coroutine on a loop of its own. Ctrl-C cancels it, then raises KeyboardInterrupt."""
    return anyio.run(_interruptible, verb)


async def _interruptible(verb: Callable[[], Awaitable[T]]) -> T:
    # asyncio's own Ctrl-C cancels the task once, and the driver's wait_for on Python 3.11 may swallow that
    # (evidence E3x); a scope's cancel is delivered again until it is heard.
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:
        loop.add_signal_handler(signal.SIGINT, scope.cancel)
        try:
            return await verb()
        finally:
            loop.remove_signal_handler(signal.SIGINT)
    raise KeyboardInterrupt


@asynccontextmanager
async def database(config: Config) -> AsyncGenerator[Database]:
    """MongoDB; raises Unreachable where it does not answer, here or inside the block."""
    settings = config.settings.mongo
    with store.reaching(settings.url):
        async with store.open_database(settings, app_name="jobimport command", fast=True) as db:
            await store.ping(db)
            yield db


@asynccontextmanager
async def queues(config: Config) -> AsyncGenerator[Redis]:
    """Redis; raises Unreachable where it does not answer, here or inside the block."""
    url = config.settings.redis.url
    async with queue.reaching(url), queue.open_redis(config.settings.redis, fast=True) as redis:
        await queue.now_ms(redis)
        yield redis


@asynccontextmanager
async def both(config: Config) -> AsyncGenerator[tuple[Database, Redis]]:
    """MongoDB and Redis."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(database(config))
        redis = await stack.enter_async_context(queues(config))
        yield db, redis
