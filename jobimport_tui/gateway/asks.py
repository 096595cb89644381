"""What is asked one by one: pages, details, searches. A question that fails is refused in one sentence."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from jobimport_tui.fingerprint import Group
from jobimport_tui.gateway.looks import Days
from jobimport_tui.gateway.protocol import ListingQuery, ListingsFound, Refused, RunDetail, RunQuery
from jobimport_tui.gateway.source_files import Past
from jobimport_tui.hourly import Hour, hour
from workers.errors import JobImportError
from workers.model import Run

if TYPE_CHECKING:
    from jobimport_tui.gateway.drivers import Drivers
    from jobimport_tui.gateway.mongo_side import MongoSide
    from jobimport_tui.gateway.redis_side import RedisSide

T = TypeVar("T")

EVENTS_READ = 10_000
"""All that the stream keeps."""

HOUR_SECONDS = 3.0


class Asks:
    """The asking half of the live gateway; the watching half gives the drivers, MongoDB's side and the past."""

    _mongo: "MongoSide | None"
    _redis: "RedisSide | None"
    _past: Past
    clock: Callable[[], float]

    def _ready(self) -> "Drivers":
        raise NotImplementedError

    async def runs(self, query: RunQuery) -> list[Run]:
        """Read a page of the import history."""
        return await self._ask(lambda mongo: mongo.runs(query))

    async def run_detail(self, run_id: int) -> RunDetail:
        """Read one run."""
        return await self._ask(lambda mongo: mongo.run_detail(run_id))

    async def runs_of(self, source: str) -> list[Run]:
        """Read the newest ended runs of a source."""
        return await self._ask(lambda mongo: mongo.runs_of(source))

    async def days(self, source: str) -> Days:
        """Read the last weeks, and the last hour where Redis answers."""
        now = self.clock()
        days = await self._ask(lambda mongo: mongo.days(source, datetime.fromtimestamp(now, UTC)))
        return Days(days=days, hour=await self._last_hour(source, now))

    async def _last_hour(self, source: str, now: float) -> Hour | None:
        drivers = self._ready()
        if self._redis is None:
            return None
        try:
            with anyio.fail_after(HOUR_SECONDS):
                events = await drivers.latest(self._redis.redis, EVENTS_READ)
        except (*drivers.RedisTrouble, TimeoutError):
            return None
        return hour([event for _, event in events], now, source)

    async def listings(self, query: ListingQuery) -> ListingsFound:
        """Search a page of listings."""
        return await self._ask(lambda mongo: mongo.listings(query))

    async def count_listings(self, query: ListingQuery) -> str:
        """Count what a query finds."""
        return await self._ask(lambda mongo: mongo.count_listings(query))

    async def complete(self, text: str) -> str | None:
        """Complete the last word of a query."""
        return await self._ask(lambda mongo: mongo.complete(text))

    async def export(self, query: ListingQuery, path: str) -> int:
        """Write what a query finds to a file."""
        return await self._ask(lambda mongo: mongo.export(query, path))

    async def listing(self, listing_id: str) -> dict[str, Any]:
        """Read one listing."""
        return await self._ask(lambda mongo: mongo.listing(listing_id))

    async def rejected(self) -> tuple[Group, ...]:
        """Group the rejected listings of the last run of each source that has read its feed."""
        last = self._past.last
        return await self._ask(lambda mongo: mongo.rejected(last))

    async def _ask(self, question: "Callable[[MongoSide], Awaitable[T]]") -> T:
        if self._mongo is None:
            raise Refused("mongodb is not connected yet")
        return await self._told(question(self._mongo))

    async def _told(self, answer: Awaitable[T]) -> T:
        """An answer, or the refusal that its failure is."""
        try:
            return await answer
        except Refused:
            raise
        except JobImportError as error:
            raise Refused(str(error)) from error
        except Exception as error:
            raise Refused(self._ready().trouble(error)) from error
