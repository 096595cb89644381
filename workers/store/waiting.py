"""Who is cancelled while waiting for a server gives the lock back.

pymongo waits under its topology's lock, by `asyncio.wait_for(condition.wait(), ...)`. Until Python 3.12 that runs the
wait in a task of its own. Cancelled twice (a scope's cancel is delivered until it is heard) the waiter leaves before
that task has the lock again: the lock is held for good, closing the client hangs, and so does the end of the loop.
Of six consoles left again and again with both servers down, on a busy machine, four hung within 25 times. This goes
when Python 3.11 does: later ones wait in the same task.
"""

import asyncio
from typing import Any

from pymongo.asynchronous import pool, topology


async def _wait(condition: Any, timeout: float | None) -> bool:
    """False where the time was up first."""
    try:
        async with asyncio.timeout(timeout):
            return bool(await condition.wait())
    except TimeoutError:
        return False


def mend() -> None:
    """Mend the driver; any number of times."""
    topology._async_cond_wait = _wait  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
    pool._async_cond_wait = _wait  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
