"""Pause lanes and sources. The flags lie in Redis: they survive restarts, and every worker looks each second.

What runs is finished; what waits stays where it is. A source's messages are put off while it is paused.
"""

from collections.abc import Callable
from typing import Any

from workers.errors import ConfigError
from workers.queue.connect import Redis, each
from workers.queue.lanes import BY_NAME, Partition

SOURCE = "source:"


def check(what: str) -> str:
    """A lane's name such as "upsert:high", or "source:NAME"; ConfigError otherwise."""
    if what in BY_NAME or (what.startswith(SOURCE) and len(what) > len(SOURCE)):
        return what
    raise ConfigError("pause", "", what, "a lane (" + ", ".join(sorted(BY_NAME)) + ") or source:NAME")


async def pause(redis: Redis, what: str) -> bool:
    """Pause a lane or source, in every partition; False if it was paused already."""
    check(what)
    return await _in_each(redis, lambda pipe, partition: pipe.sadd(partition.paused, what))


async def resume(redis: Redis, what: str) -> bool:
    """Let it run again; False if it was not paused."""
    check(what)
    return await _in_each(redis, lambda pipe, partition: pipe.srem(partition.paused, what))


async def _in_each(redis: Redis, change: Callable[[Any, Partition], object]) -> bool:
    async with redis.pipeline(transaction=False) as pipe:
        for partition in each(redis):
            change(pipe, partition)
        return any(await pipe.execute())


async def paused_in(redis: Redis, partition: Partition) -> frozenset[str]:
    """What is paused now, as a partition has it: what its readers go by."""
    members: Any = await redis.smembers(partition.paused)  # pyright: ignore[reportGeneralTypeIssues]
    return frozenset(name.decode() for name in members)


async def paused(redis: Redis) -> frozenset[str]:
    """What is paused now, in any partition."""
    return frozenset().union(*await flags(redis))


async def flags(redis: Redis) -> list[frozenset[str]]:
    """What is paused in each partition: they differ where one was away while an operator spoke."""
    return [await paused_in(redis, partition) for partition in each(redis)]
