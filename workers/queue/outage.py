"""Redis is away: every loop waits in place, for ever; the log hears of it once, and once when it is over."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic

log = logging.getLogger(__name__)

FIRST, LONGEST = 0.1, 5.0

DEADLINE = 5.0
"""Seconds for one call: the connection itself has no time-out, with which Python 3.11 swallows cancellation (E3x)."""


class Outage:
    """One a process, shared by all of its loops."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._since: float | None = None
        self._tries = 0
        self._back = asyncio.Event()

    @asynccontextmanager
    async def call(self, seconds: float = DEADLINE) -> AsyncGenerator[None]:
        """Bound a call; one that gets through ends the outage. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            yield
        self.over()

    async def wait(self, error: Exception) -> None:
        """Sleep before the next try: full jitter, growing to 5 s; less where another loop gets through."""
        if self._since is None:
            self._since, self._tries = monotonic(), 0
            self._back.clear()
            reason = " ".join(str(error).split())[:200]
            log.warning("%s is away, waiting for it: %s %s", self._what, type(error).__name__, reason)
        self._tries += 1
        span = min(LONGEST, FIRST * 2 ** min(self._tries, 10))
        try:
            async with asyncio.timeout(random.uniform(FIRST, max(FIRST, span))):
                await self._back.wait()
        except TimeoutError:
            return

    def over(self) -> None:
        """A call got through."""
        if self._since is not None:
            log.warning("%s answers again after %.1f s", self._what, monotonic() - self._since)
            self._since = None
            self._back.set()
