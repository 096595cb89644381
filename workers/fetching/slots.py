"""At most so many connections a host at once from this process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.lowlevel import RunVar

from workers.errors import Deferred

RETRY_AFTER = 15.0

_limiters: RunVar[dict[str, anyio.CapacityLimiter]] = RunVar("fetching_slots")


@asynccontextmanager
async def slot(host: str, limit: int, patience: float) -> AsyncGenerator[None]:
    """Hold one of the host's `limit` connections.

    Raises Deferred when none comes free within `patience` seconds: nothing is wrong, so no attempt is used.
    """
    limiters = _of_this_loop()
    limiter = limiters.setdefault(host, anyio.CapacityLimiter(limit))
    limiter.total_tokens = limit
    borrower = object()
    with anyio.move_on_after(patience) as waiting:
        await limiter.acquire_on_behalf_of(borrower)
    if waiting.cancelled_caught:
        text = f"{host} has {limit} connections open from this process already"
        raise Deferred(text, RETRY_AFTER)
    try:
        yield
    finally:
        limiter.release_on_behalf_of(borrower)
        seen = limiter.statistics()
        if not seen.borrowed_tokens and not seen.tasks_waiting:
            limiters.pop(host, None)


def _of_this_loop() -> dict[str, anyio.CapacityLimiter]:
    try:
        return _limiters.get()
    except LookupError:
        _limiters.set({})
        return _limiters.get()
