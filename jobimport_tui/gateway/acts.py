"""What an operator does: each method does one thing through workers.control, and says what became of it."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import anyio.to_thread

from jobimport_tui.gateway.protocol import Refused, WorkerOrder
from jobimport_tui.state import Dead
from workers.settings import Config
from workers.user import user

if TYPE_CHECKING:
    from jobimport_tui.gateway.drivers import Drivers
    from jobimport_tui.gateway.mongo_side import MongoSide
    from jobimport_tui.gateway.redis_side import RedisSide

T = TypeVar("T")


class Acts:
    """The acting half of the live gateway; the watching half gives drivers, sides and `_told`."""

    config: Config
    _redis: "RedisSide | None"
    _mongo: "MongoSide | None"

    def _ready(self) -> "Drivers":
        raise NotImplementedError

    async def _told(self, answer: Awaitable[T]) -> T:
        raise NotImplementedError

    def _both(self) -> tuple[Any, Any]:
        """Clients of MongoDB and Redis, for what needs both."""
        if self._redis is None:
            raise Refused("refused: redis is not connected yet")
        if self._mongo is None:
            raise Refused("refused: mongodb is not connected yet")
        return self._mongo.db, self._redis.redis

    async def import_source(self, name: str) -> str:
        """Start an import."""
        drivers, (db, redis) = self._ready(), self._both()
        source = await self._told(anyio.to_thread.run_sync(drivers.load_source, self.config.sources, name))
        return await self._told(drivers.start_import(db, redis, source, user()))

    async def cancel(self, run_id: int) -> str:
        """Ask a run to stop."""
        drivers, (db, redis) = self._ready(), self._both()
        return await self._told(drivers.stop_run(db, redis, run_id, user()))

    async def requeue(self, letter_id: str) -> str:
        """Try a dead letter again."""
        drivers, (db, redis) = self._ready(), self._both()
        load = self._loading(drivers)
        return await self._told(drivers.put_back(db, redis, letter_id, load, user()))

    def _loading(self, drivers: "Drivers") -> Callable[[str], Awaitable[Any]]:
        async def load(name: str) -> Any:
            return await anyio.to_thread.run_sync(drivers.load_source, self.config.sources, name)

        return load

    async def discard(self, letter_id: str) -> str:
        """Give a dead letter up."""
        drivers, (db, redis) = self._ready(), self._both()
        return await self._told(drivers.give_up(db, redis, letter_id, user()))

    async def pause(self, what: str) -> str:
        """Pause a lane or a source."""
        drivers, (db, redis) = self._ready(), self._both()
        return await self._told(drivers.switch(db, redis, what, user(), is_pause=True))

    async def resume(self, what: str) -> str:
        """Let a lane or a source go on."""
        drivers, (db, redis) = self._ready(), self._both()
        return await self._told(drivers.switch(db, redis, what, user(), is_pause=False))

    async def order(self, worker: str, order: WorkerOrder) -> str:
        """Tell a worker what to do."""
        drivers, (db, redis) = self._ready(), self._both()
        return await self._told(drivers.give_order(db, redis, worker, order, user()))

    async def approve(self, run_id: int) -> str:
        """Close what a run held back."""
        drivers, (db, redis) = self._ready(), self._both()
        return await self._told(drivers.approve(db, redis, run_id, user()))

    async def verify(self, run_id: int) -> str:
        """Count a run again."""
        drivers, (db, _) = self._ready(), self._both()
        return await self._told(drivers.recount(db, run_id))

    async def retry_rejects(self, run_id: int) -> str:
        """Try a run's rejected listings again."""
        drivers, (db, redis) = self._ready(), self._both()
        return await self._told(drivers.retry_rejects(db, redis, run_id, self._loading(drivers), user()))

    async def letters(self) -> tuple[Dead, ...]:
        """Read every dead letter, however many there are."""
        drivers, (_, redis) = self._ready(), self._both()
        return await self._told(drivers.every_letter(redis))
