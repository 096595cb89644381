"""A worker that is frozen at one await: SIGSTOP, for actors called by hand.

with frozen(batches, "begin_writing", after=True) as ice:
    tasks.start_soon(upsert, desk, row)
    await ice.reached.wait()   # ... whatever the others do meanwhile ...
    ice.thaw.set()
"""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any

import anyio


class Ice:
    """`reached` is set when the first call stands still; it goes on when `thaw` is set."""

    def __init__(self) -> None:
        self.reached, self.thaw = anyio.Event(), anyio.Event()
        self.broken = False

    async def stand_still(self) -> None:
        if not self.broken:
            self.broken = True
            self.reached.set()
            await self.thaw.wait()


@contextmanager
def frozen(owner: Any, name: str, *, after: bool = False) -> Generator[Ice]:
    """The first call of `owner.name`, made within the block, stands still before it runs, or after it has run."""
    real: Callable[..., Awaitable[Any]] = getattr(owner, name)
    ice = Ice()

    async def slow(*args: Any, **kwargs: Any) -> Any:
        if not after:
            await ice.stand_still()
        result = await real(*args, **kwargs)
        if after:
            await ice.stand_still()
        return result

    setattr(owner, name, slow)
    try:
        yield ice
    finally:
        setattr(owner, name, real)
        ice.thaw.set()
