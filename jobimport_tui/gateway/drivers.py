"""Everything that loads redis or pymongo, behind one name: `live` imports this module in a thread."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio.to_thread

from jobimport_tui.display.format import clock
from jobimport_tui.gateway import mongo_side, redis_side
from jobimport_tui.gateway.mongo_side import MongoSide
from jobimport_tui.gateway.protocol import Refused, WorkerOrder
from jobimport_tui.gateway.redis_side import RedisSide
from jobimport_tui.state import Dead
from workers import control
from workers.events import follow
from workers.model import Event, Source
from workers.queue import dead
from workers.queue.connect import Redis, open_redis
from workers.queue.connect import Trouble as RedisTrouble
from workers.queue.dead import DeadLetter
from workers.sources import load_one
from workers.store import runs
from workers.store.connect import Database, open_database
from workers.store.verifying import verify

FOLLOW_MS = 3000
"""How long one question for events waits in Redis: of an idle console's CPU a tenth was to ask every second."""


class Drivers:
    """The two servers' clients and what is done with both."""

    RedisSide = RedisSide
    MongoSide = MongoSide
    Gap = follow.Gap
    RedisTrouble = RedisTrouble
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
        """Every event after an id, by a client that waits longer than `FOLLOW_MS`."""
        return follow.follow(redis, after, block_ms=FOLLOW_MS)

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

    async def put_back(
        self, db: Database, redis: Redis, letter_id: str, load: Callable[[str], Awaitable[Source]], user: str
    ) -> str:
        """Try a dead letter's work again."""
        letter = await _letter(redis, letter_id)
        if not letter.run:
            raise Refused("no worker can read its message: discard it")
        source = await load(letter.source) if letter.stage == "fetch" else None
        run = (await control.requeue(db, redis, letter, source, user)).run
        if run is None:
            raise Refused(f"{letter_id} is gone already")
        return f"requeued into run {run.id} of {run.source}"

    async def give_up(self, db: Database, redis: Redis, letter_id: str, user: str) -> str:
        """Discard a dead letter."""
        if not await control.discard(db, redis, await _letter(redis, letter_id), user):
            raise Refused(f"{letter_id} is gone already")
        return f"{letter_id} is discarded"

    async def every_letter(self, redis: Redis) -> tuple[Dead, ...]:
        """Every dead letter, newest first."""
        async with aclosing(dead.letters(redis)) as letters:
            found = [redis_side.dead_line(letter) async for letter in letters]
        return tuple(sorted(found, key=lambda letter: letter.at, reverse=True))

    async def switch(self, db: Database, redis: Redis, what: str, user: str, *, is_pause: bool) -> str:
        """Pause or resume."""
        act = control.pause if is_pause else control.resume
        is_news = await act(db, redis, what, user)
        return f"{what}: {'paused' if is_pause else 'running'}" + ("" if is_news else " already")

    async def give_order(self, db: Database, redis: Redis, worker: str, order: WorkerOrder, user: str) -> str:
        """Tell a worker what to do."""
        is_news = await control.order(redis, worker, None if order == "work" else order, user, db=db)
        told = {"quiet": "is to take nothing new", "stop": "is to end", "work": "is to work"}[order]
        return f"{worker} {told}" + ("" if is_news else " already")

    async def tell(self, db: Database, redis: Redis, user: str, text: str, source: str) -> None:
        """Write down what was done to a source's file, and tell the other consoles."""
        await control.act(db, redis, user, text, source=source)

    async def approve(self, db: Database, redis: Redis, run_id: int, user: str) -> str:
        """Close what a run held back."""
        run = await control.approve(db, redis, run_id, user)
        if run is None:
            raise Refused(f"there is no run {run_id}")
        if run.active:
            return f"run {run_id} of {run.source} is approved: it closes what is missing from its feed"
        return f"run {run_id} was approved already by {run.approved_by}: {run.stats.closed:,} closed"

    async def retry_rejects(
        self, db: Database, redis: Redis, run_id: int, load: Callable[[str], Awaitable[Source]], user: str
    ) -> str:
        """Try a run's rejected listings again."""
        run = await runs.get(db, run_id)
        if run is None:
            raise Refused(f"there is no run {run_id}")
        source = await load(run.source)
        retry = await anyio.to_thread.run_sync(_load_retrying)
        retried = await retry(db, redis, run, source, user)
        return f"run {run_id}: {retried.tried:,} rejected listings are tried again"

    async def recount(self, db: Database, run_id: int) -> str:
        """Count a run again."""
        run = await runs.get(db, run_id)
        if run is None:
            raise Refused(f"there is no run {run_id}")
        if run.active:
            raise Refused(f"run {run_id} has not ended yet: {run.state}")
        checked = await verify(db, run, run.stats)
        return f"run {run_id} {checked.sentence()}"


def _load_retrying() -> Any:
    """Mapping a listing anew needs the feed parsers, which no console loads before it is asked to. In a thread."""
    from workers.actors.retrying import retry_rejects

    return retry_rejects


async def _letter(redis: Redis, letter_id: str) -> DeadLetter:
    letter = await dead.get(redis, letter_id)
    if letter is None:
        raise Refused(f"{letter_id} is gone already")
    return letter


def _time(moment: datetime | None) -> str:
    return clock(moment.timestamp()) if moment else "-"
