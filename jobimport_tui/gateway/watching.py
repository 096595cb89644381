"""The operator's saved searches: saved, looked at, forgotten."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import anyio

from workers.user import user

if TYPE_CHECKING:
    from jobimport_tui.gateway.mongo_side import MongoSide

T = TypeVar("T")


class Watching:
    """The part of the live gateway that changes watches; who counts what is new in them is told to look."""

    _look_at_watches: anyio.Event

    async def _ask(self, question: "Callable[[MongoSide], Awaitable[T]]") -> T:
        raise NotImplementedError

    async def watch(self, name: str, text: str) -> str:
        """Save a search."""
        told = await self._ask(lambda mongo: mongo.watch(user(), name, text))
        self._look_at_watches.set()
        return told

    async def looked(self, name: str) -> None:
        """Note a look."""
        await self._ask(lambda mongo: mongo.looked(user(), name))
        self._look_at_watches.set()

    async def unwatch(self, name: str) -> str:
        """Forget a saved search."""
        told = await self._ask(lambda mongo: mongo.unwatch(user(), name))
        self._look_at_watches.set()
        return told
