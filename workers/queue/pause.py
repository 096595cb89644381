"""Pause lanes and sources. The flags lie in Redis: they survive restarts, and every worker looks each second.

What runs is finished; what waits stays where it is. A source's messages are put off while it is paused.
"""

from typing import Any

from workers.errors import ConfigError
from workers.queue.connect import Redis
from workers.queue.lanes import BY_NAME, PAUSED

SOURCE = "source:"


def check(what: str) -> str:
    """A lane's name such as "upsert:high", or "source:NAME"; ConfigError otherwise."""
    if what in BY_NAME or (what.startswith(SOURCE) and len(what) > len(SOURCE)):
        return what
    raise ConfigError("pause", "", what, "a lane (" + ", ".join(sorted(BY_NAME)) + ") or source:NAME")


async def pause(redis: Redis, what: str) -> bool:
    """Pause a lane or source; False if it was paused already."""
    return bool(await redis.sadd(PAUSED, check(what)))  # pyright: ignore[reportGeneralTypeIssues]


async def resume(redis: Redis, what: str) -> bool:
    """Let it run again; False if it was not paused."""
    return bool(await redis.srem(PAUSED, check(what)))  # pyright: ignore[reportGeneralTypeIssues]


async def paused(redis: Redis) -> frozenset[str]:
    """What is paused now."""
    members: Any = await redis.smembers(PAUSED)  # pyright: ignore[reportGeneralTypeIssues]
    return frozenset(name.decode() for name in members)
