"""At most so many requests a source, over all workers: the generic cell rate algorithm, on Redis TIME."""

import re

from workers.errors import ConfigError
from workers.queue.connect import Redis, where
from workers.queue.scripts import GCRA

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


async def take(redis: Redis, source: str, rate: str, *, burst: int = 1) -> float:
    """Ask for one request under a rate such as "10/m": 0.0 if granted, else the seconds to wait.

    A grant is spent at once; a refusal costs nothing. "" grants everything. Raises ConfigError, Trouble.
    """
    if not rate:
        return 0.0
    wait = await GCRA(redis, [where(redis, source).rate(source)], [emission_ms(rate), max(1, burst)])
    return int(wait) / 1000


def emission_ms(rate: str) -> float:
    """Milliseconds between two requests at a rate such as "10/m"."""
    match = re.fullmatch(r"(\d+)/([smhd])", rate)
    if match is None or not int(match[1]):
        raise ConfigError("source", "rate", rate, 'a number a unit of time, such as "10/m"')
    return _UNITS[match[2]] / int(match[1])
