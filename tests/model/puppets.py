"""Actors on strings: each stands still, or dies, at the n-th time it would speak to MongoDB or Redis."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple

import anyio
import anyio.lowlevel
from pymongo.asynchronous.collection import AsyncCollection
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

Fate = Literal["crash", "freeze"]

SPOKEN: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (
        AsyncCollection,
        (
            "aggregate",
            "bulk_write",
            "count_documents",
            "delete_many",
            "delete_one",
            "find_one",
            "find_one_and_update",
            "insert_many",
            "insert_one",
            "update_many",
            "update_one",
        ),
    ),
    (Redis, ("execute_command",)),
    (Pipeline, ("execute",)),
)


class String(NamedTuple):
    """Where an actor's way ends for now: before its `at`-th word."""

    at: int
    fate: Fate


class Puppet:
    """One call of an actor. `quiet` is set when it has ended or stands still."""

    def __init__(self, name: str, act: Callable[[], Awaitable[object]], string: String | None) -> None:
        self.name, self._act, self._string = name, act, string
        self.quiet = anyio.Event()
        self.frozen = self.crashed = self.ended = False
        self.error: Exception | None = None
        self._words = 0
        self._thaw = anyio.Event()
        self._scope = anyio.CancelScope()

    def __repr__(self) -> str:
        state = "frozen" if self.frozen else "crashed" if self.crashed else f"ended {self.error or ''}"
        return f"<{self.name} {state} after {self._words}>"

    async def run(self) -> None:
        _current.set(self)
        with self._scope:
            try:
                await self._act()
            except Exception as error:  # noqa: BLE001 (what the broker would judge)
                self.error = error
        self.crashed = self._scope.cancelled_caught
        self.ended, self.frozen = True, False
        self.quiet.set()

    async def speak(self) -> None:
        """It is about to speak to a server."""
        self._words += 1
        if self._string is None or self._words < self._string.at:
            return
        if self._string.fate == "crash":
            self._scope.cancel()
            await anyio.lowlevel.checkpoint()
            return
        self.frozen = True
        self.quiet.set()
        await self._thaw.wait()

    def thaw(self, string: String | None) -> None:
        """It goes on, to another `string`."""
        self._string, self._words = string, 0
        thawed, self._thaw = self._thaw, anyio.Event()
        self.frozen, self.quiet = False, anyio.Event()
        thawed.set()

    def kill(self) -> None:
        """Kill -9, wherever it is."""
        self._scope.cancel()


_current: ContextVar[Puppet | None] = ContextVar("puppet", default=None)


@contextmanager
def strung() -> Generator[None]:
    """Within the block every word of a puppet passes by it; others speak as ever."""
    real = [(owner, name, getattr(owner, name)) for owner, names in SPOKEN for name in names]
    for owner, name, method in real:
        setattr(owner, name, _heard(method))
    try:
        yield
    finally:
        for owner, name, method in real:
            setattr(owner, name, method)


def _heard(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def heard(self: Any, *args: Any, **kwargs: Any) -> Any:
        puppet = _current.get()
        if puppet is not None:
            await puppet.speak()
        return await method(self, *args, **kwargs)

    return heard
