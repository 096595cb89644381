"""Everything that loads redis or pymongo, behind one name: `live` imports this module in a thread."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

from jobimport_tui.display.format import clock
from jobimport_tui.gateway import mongo_side, redis_side
from jobimport_tui.gateway.mongo_side import MongoSide
from jobimport_tui.gateway.redis_side import RedisSide
from workers import control
from workers.events import follow
from workers.model import Event, Source
from workers.queue.connect import Redis, open_redis
from workers.queue.connect import Trouble as RedisTrouble
from workers.sources import load_one
from workers.store.connect import Database, open_database


class Drivers:
    """The two servers' clients and what is done with both."""

    RedisSide = RedisSide
    MongoSide = MongoSide
    Gap = follow.Gap
    open_redis = staticmethod(open_redis)
    open_database = staticmethod(open_database)
    redis_reason = staticmethod(redis_side.reason)
    mongo_reason = staticmethod(mongo_side.reason)

    async def latest(self, redis: Redis, count: int) -> list[tuple[str, Event]]:
        """The newest events, oldest first."""
        return await follow.latest(redis, count)

    async def last_id(self, redis: Redis) -> str:
        """Id of the newest event."""
        return await follow.last_id(redis)

    def follow(self, redis: Redis, after: str) -> AsyncIterator[follow.Heard]:
        """Every event after an id."""
        return follow.follow(redis, after)

    def load_source(self, folder: Path, name: str) -> Source:
        """One source file. Blocking."""
        return load_one(folder, name)

    def trouble(self, error: Exception) -> str:
        """A failure in a few words, whichever server it came from."""
        if isinstance(error, RedisTrouble):
            return f"redis: {redis_side.reason(error, '')}"
        return f"mongodb: {mongo_side.reason(error)}"

    async def start_import(self, db: Database, redis: Redis, source: Source, user: str) -> str:
        """Ask for an import; says what became of it."""
        asked = await control.request_import(db, redis, source, trigger="manual", user=user)
        if asked.run is None:
            return f"{source.name} was read a moment ago: not before {_time(asked.not_before)}Z (min_interval)"
        if not asked.opened:
            return f"{source.name} is being imported already: run {asked.run.id}, {asked.run.state}"
        if not asked.rung:
            return f"run {asked.run.id} of {source.name} is accepted; it starts when redis is back"
        return f"run {asked.run.id} of {source.name} was opened"

    async def stop_run(self, db: Database, redis: Redis, run_id: int, user: str) -> str:
        """Ask a run to stop; says what became of it."""
        run = await control.cancel(db, redis, run_id, user)
        if run is None:
            return f"there is no active run {run_id}"
        return f"run {run_id} is being cancelled" if run.active else f"run {run_id} has ended already: {run.state}"


def _time(moment: datetime | None) -> str:
    return clock(moment.timestamp()) if moment else "-"
