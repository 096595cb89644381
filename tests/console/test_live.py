"""The gateway on real servers: what workers store and say is what the console shows, through outages too."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from jobimport_tui.gateway.live import LiveGateway
from jobimport_tui.gateway.protocol import ListingQuery, Refused, RunQuery
from jobimport_tui.state import Snapshot
from workers.events.publish import publish
from workers.model import BatchTotals, Counts, Event, Job, JobMetadata, RawItem, Reject, Run, RunState, Stats, Timing
from workers.queue import registry
from workers.settings import Config, MongoSettings, RedisSettings, Settings

if TYPE_CHECKING:
    from workers.queue.connect import Redis
    from workers.service.embedded import MongoServer, RedisServer
    from workers.store.connect import Database

pytestmark = pytest.mark.xdist_group("servers")

SOURCE = 'url = "http://127.0.0.1:1/feed"\nkind = "snapshot"\nmin_interval = "1h"\n'


class Watch:
    """A running gateway and the newest snapshot that it published."""

    def __init__(self, gateway: LiveGateway) -> None:
        self.gateway, self.snapshot = gateway, Snapshot()
        self.news = anyio.Event()

    async def until(self, is_so: Callable[[Snapshot], object], seconds: float = 15) -> Snapshot:
        with anyio.move_on_after(seconds):
            while not is_so(self.snapshot):
                await self.news.wait()
                self.news = anyio.Event()
            return self.snapshot
        raise AssertionError(self.snapshot)


@pytest.fixture
def config(redis_url: str, mongo_url: str, tmp_path: Path) -> Config:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "acme.toml").write_text(SOURCE)
    (tmp_path / "sources" / "off.toml").write_text(SOURCE + "enabled = false\n")
    (tmp_path / "sources" / "bad.toml").write_text("url = 3\n")
    return Config(tmp_path, Settings(redis=RedisSettings(redis_url), mongo=MongoSettings(mongo_url)))


@asynccontextmanager
async def watching(config: Config, ahead: float = 0.0) -> AsyncIterator[Watch]:
    watch = Watch(LiveGateway(config, clock=lambda: datetime.now(UTC).timestamp() + ahead))

    def keep(snapshot: Snapshot) -> None:
        watch.snapshot = snapshot
        watch.news.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.gateway.run, keep)
        yield watch
        tasks.cancel_scope.cancel()


def both_up(snapshot: Snapshot) -> bool:
    return snapshot.redis.is_up and snapshot.mongodb.is_up


async def test_an_empty_system(config: Config, ready_db: "Database") -> None:
    async with watching(config) as watch:
        snapshot = await watch.until(lambda s: both_up(s) and len(s.sources.rows) == 3)
        assert [lane.lane for lane in snapshot.queues.lanes] == [
            "fetch:high",
            "upsert:high",
            "fetch",
            "upsert",
            "close",
        ]
        assert [(row.name, row.state) for row in snapshot.sources.rows] == [
            ("acme", "on"),
            ("bad", "broken"),
            ("off", "off"),
        ]
        assert "bad.toml" in snapshot.sources.rows[1].problem
        assert snapshot.runs.recent == () and snapshot.failed.rows == ()


async def test_a_database_of_an_older_version_is_said_once(config: Config, ready_db: "Database") -> None:
    from workers.store import runs

    run, _ = await runs.open_run(
        ready_db, source="acme", trigger="cli", requested_by="ana", priority="normal", app_version="0"
    )
    await runs.finish(ready_db, run.id, state="failed", stats=Stats(), batches=BatchTotals(), timing=Timing())
    async with watching(config) as watch:
        snapshot = await watch.until(lambda s: both_up(s) and s.events)
        [line] = [line for line in snapshot.events if "jobimport migrate" in line.text]
        assert line.text.startswith("an older version has made this database, and it works")


async def test_an_import_is_requested_followed_and_cancelled(config: Config, ready_db: "Database") -> None:
    async with watching(config) as watch:
        await watch.until(both_up)
        assert await watch.gateway.import_source("acme") == "run 1 of acme was opened"
        snapshot = await watch.until(lambda s: s.runs.flights and s.queues.lanes[2].waiting)
        assert snapshot.runs.flights[0].run.state == "queued"
        assert await watch.gateway.import_source("acme") == "acme is being imported already: run 1, queued"
        assert await watch.gateway.cancel(1) == "run 1 is being cancelled"
        await watch.until(lambda s: s.runs.flights and s.runs.flights[0].run.cancel_requested)
        assert [line.mark for line in watch.snapshot.events][:1] == ["action"]
        with pytest.raises(Refused, match="no source 'nosuch'"):
            await watch.gateway.import_source("nosuch")


async def test_events_move_a_run_and_rows_confirm_its_end(config: Config, ready_db: "Database", redis: "Redis") -> None:
    from workers.store import runs

    run, _ = await runs.open_run(
        ready_db, source="acme", trigger="cli", requested_by="ana", priority="normal", app_version="0"
    )
    async with watching(config) as watch:
        await watch.until(lambda s: both_up(s) and s.runs.flights)
        for done in (1, 2, 3):
            await publish(
                redis,
                Event(
                    kind="run",
                    at=datetime.now(UTC).timestamp(),
                    run=run.id,
                    source="acme",
                    state="importing",
                    stats=Stats(total=done * 500, new=done * 500),
                    batches=BatchTotals(total=4, done=done),
                ),
            )
        await watch.until(lambda s: s.runs.flights[0].run.stats.total == 1500)
        assert watch.snapshot.runs.flights[0].share == 0.75
        stats = Stats(total=2000, new=2000)
        await runs.finish(
            ready_db,
            run.id,
            state="succeeded",
            stats=stats,
            batches=BatchTotals(total=4, done=4),
            timing=Timing(fetch=9),
        )
        at = datetime.now(UTC).timestamp()
        await publish(redis, Event(kind="run", at=at, run=run.id, source="acme", state="succeeded", stats=stats))
        snapshot = await watch.until(lambda s: s.runs.recent and s.runs.recent[0].timing.fetch == 9)
        assert snapshot.runs.flights == ()
        detail = await watch.gateway.run_detail(run.id)
        assert detail.run.requested_by == "ana" and detail.run.stats.total == 2000
        assert [r.id for r in await watch.gateway.runs(RunQuery(source="acme", state="succeeded"))] == [run.id]
        with pytest.raises(Refused, match="expected active, bad, queued"):
            await watch.gateway.runs(RunQuery(state="nonsense"))


async def test_a_run_begun_before_the_console_shows_its_totals(config: Config, ready_db: "Database") -> None:
    from workers.model import Batch
    from workers.store import batches, runs

    run, _ = await runs.open_run(
        ready_db, source="acme", trigger="cli", requested_by="ana", priority="normal", app_version="0"
    )
    await batches.add(ready_db, Batch(id=f"{run.id}:0001", run=run.id, source="acme", size=3, items=b"x"))
    await batches.settle(ready_db, f"{run.id}:0001", Counts(new=2, failed=1), worker="w", took_ms=5)
    async with watching(config) as watch:
        snapshot = await watch.until(lambda s: s.runs.flights)
        assert snapshot.runs.flights[0].run.stats.total == 3
        assert (await watch.gateway.run_detail(run.id)).batches.done == 1


async def test_listings_are_found_by_words(config: Config, ready_db: "Database") -> None:
    from workers.store import jobs

    now = datetime.now(UTC)

    def to_job(item: RawItem) -> Job:
        title = item.fields["title"][0]
        return Job(
            source="acme",
            external_id=item.external_id,
            title=title,
            company="Acme",
            search_terms=title.casefold().split(),
            posted_at=now,
            raw_hash=item.raw_hash,
            content_hash=item.raw_hash,
            metadata=JobMetadata(source="acme", source_url="http://x/"),
        )

    titles = ["Night \x1b[31mNurse", "Data Engineer"]
    items = [RawItem(str(i), i, {"title": [title]}, bytes([i]) * 16) for i, title in enumerate(titles)]
    await jobs.upsert(ready_db, 1, "acme", items, to_job, now)
    async with watching(config) as watch:
        await watch.until(both_up)
        found = (await watch.gateway.listings(ListingQuery(text="engin"))).rows
        assert [row.title for row in found] == ["Data Engineer"]
        assert await watch.gateway.count_listings(ListingQuery()) == "2"
        assert (await watch.gateway.listing("acme:1"))["company"] == "Acme"
        with pytest.raises(Refused, match="no listing acme:9"):
            await watch.gateway.listing("acme:9")


async def test_workers_are_seen(config: Config, ready_db: "Database", redis: "Redis") -> None:
    beat = registry.WorkerBeat(id="host:1", host="host", pid=1, lanes=["fetch"], slots=4, busy=1, done=7)
    await registry.beat(redis, beat)
    async with watching(config) as watch:
        snapshot = await watch.until(lambda s: s.workers.rows)
        assert (snapshot.workers.rows[0].id, snapshot.workers.rows[0].done) == ("host:1", 7)


async def test_redis_goes_and_comes_back(config: Config, ready_db: "Database", redis_server: "RedisServer") -> None:
    async with watching(config) as watch:
        before = await watch.until(both_up)
        redis_server.kill()
        down = await watch.until(lambda s: s.redis.state == "down")
        assert down.redis.reason and down.redis.since and down.redis.retry_at
        assert down.mongodb.is_up
        assert down.queues.lanes == before.queues.lanes  # the numbers stay
        await redis_server.start()
        await watch.until(lambda s: s.redis.is_up, seconds=3)
        await watch.gateway.import_source("acme")
        await watch.until(lambda s: s.events and s.events[0].source == "acme")  # events are heard again


async def test_mongodb_goes_and_comes_back(config: Config, ready_db: "Database", mongo_server: "MongoServer") -> None:
    async with watching(config) as watch:
        await watch.until(both_up)
        mongo_server.kill()
        down = await watch.until(lambda s: s.mongodb.state == "down")
        assert down.redis.is_up
        with pytest.raises(Refused, match="mongodb"):
            await watch.gateway.listings(ListingQuery())
        await mongo_server.start()
        await watch.until(lambda s: s.mongodb.is_up, seconds=5)


async def test_nothing_is_there_at_first(tmp_path: Path) -> None:
    settings = Settings(
        redis=RedisSettings("redis://127.0.0.1:1/0"), mongo=MongoSettings("mongodb://127.0.0.1:1/nothing")
    )
    async with watching(Config(tmp_path, settings)) as watch:
        snapshot = await watch.until(lambda s: len(s.down) == 2)
        assert snapshot.redis.reason == snapshot.mongodb.reason == "connection refused"
        with pytest.raises(Refused):
            await watch.gateway.run_detail(1)


async def test_what_was_rejected_stays_while_its_feed_is_unchanged_or_is_read_again(
    config: Config, ready_db: "Database"
) -> None:
    from workers.store import rejects, runs

    async def run(state: RunState, failed: int = 0) -> Run:
        opened, _ = await runs.open_run(
            ready_db, source="acme", trigger="cli", requested_by="t", priority="normal", app_version="0"
        )
        if failed:
            lost = [
                Reject(external_id=str(n), position=n, reason="no_title", field="title", value="")
                for n in range(failed)
            ]
            await rejects.write(ready_db, f"{opened.id}:0000", "m", opened.id, "acme", lost)
        if state != "queued":
            stats = Stats(total=9, failed=failed)
            await runs.finish(ready_db, opened.id, state=state, stats=stats, batches=BatchTotals(), timing=Timing())
        return opened

    def last(snapshot: Snapshot) -> Run | None:
        return next((row.last for row in snapshot.sources.rows if row.name == "acme"), None)

    partial = await run("partial", failed=3)
    await run("unchanged")
    async with watching(config) as watch:
        await watch.until(both_up)
        await watch.until(lambda s: last(s) is not None)
        (group,) = await watch.gateway.rejected()
        assert (group.run, group.count, group.kind) == (partial.id, 3, "no_title")
        running = await run("queued")
        await watch.until(lambda s: (run := last(s)) and run.id == running.id)
        assert [group.count for group in await watch.gateway.rejected()] == [3]
        whole = Stats(total=9)
        await runs.finish(ready_db, running.id, state="succeeded", stats=whole, batches=BatchTotals(), timing=Timing())
        watch.gateway.refresh()
        await watch.until(
            lambda s: any(row.last is not None and row.last.state == "succeeded" for row in s.sources.rows)
        )
        assert await watch.gateway.rejected() == ()
