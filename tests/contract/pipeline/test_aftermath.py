"""What follows from a run's end: by whoever ended it, or by the reconciler where that one died."""

from datetime import timedelta

import pytest

from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors import aftermath, closer, reconciler
from workers.actors.fetcher import fetch
from workers.actors.upserter import upsert
from workers.model import BatchTotals, Run, Stats, Timing
from workers.model.health import Health
from workers.source_edits import set_enabled
from workers.store import batches, daily, runs, source_state
from workers.store.documents import utc_now

pytestmark = pytest.mark.anyio


async def imported(plant: Plant, items: int) -> Run:
    """One import by hand, up to the moment before its close."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(items))))
        plant.source("board", server.url("/feed"), kind="snapshot")
        run = await plant.request("board")
        desk = plant.desk()
        await fetch(desk, run.id, last_attempt=True)
    async for row in plant.db.import_batches.find({"run": run.id, "state": "pending"}):
        await upsert(desk, row["_id"])
    assert not await batches.pending(plant.db, run.id)
    return run


async def test_a_run_that_ends_is_in_the_figures_of_its_day(plant: Plant):
    run = await imported(plant, 7)
    await closer.close(plant.desk(), run.id)
    [day] = await daily.of_source(plant.db, "board", run.queued_at, run.queued_at)
    assert (day.runs, day.new, day.feed_listings, day.fill_rate["title"]) == (1, 7, 7, 1.0)
    ended = await runs.get(plant.db, run.id)
    stored = [row["quality"] async for row in plant.db.jobs.find()]
    assert ended and ended.scored == 7 and ended.quality_sum == sum(stored) > 0
    assert ended.quality == day.quality == round(sum(stored) / 7, 1)


async def test_a_closer_that_dies_after_the_end_is_made_good(plant: Plant, monkeypatch: pytest.MonkeyPatch):
    run = await imported(plant, 3)

    async def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(closer, "after_end", die)
        await closer.close(plant.desk(), run.id)
    ended = await runs.get(plant.db, run.id)
    assert ended and ended.state == "succeeded" and ended.tally_due
    assert (await daily.of_source(plant.db, "board", run.queued_at, utc_now()))[0].runs == 0
    await reconciler.reconcile(plant.desk())
    assert (await daily.of_source(plant.db, "board", run.queued_at, utc_now()))[0].new == 3
    assert await aftermath.catch_up(plant.desk()) == 0


async def health_of(plant: Plant, name: str = "board") -> Health:
    state = await source_state.get(plant.db, name)
    assert state is not None and state.health is not None
    return state.health


async def past(plant: Plant, count: int, every: timedelta, total: int = 100) -> None:
    """Runs of the source that have ended, the last of them one rhythm ago."""
    now = utc_now()
    for n in range(count, 0, -1):
        run, _ = await runs.open_run(
            plant.db, source="board", trigger="cli", requested_by="test", priority="normal", app_version="0"
        )
        await plant.db.import_logs.update_one({"_id": run.id}, {"$set": {"queued_at": now - every * n}})
        stats = Stats(total=total, unchanged=total)
        await runs.finish(plant.db, run.id, state="succeeded", stats=stats, batches=BatchTotals(), timing=Timing())


async def test_a_feed_that_shrank_is_said_when_its_run_ends(plant: Plant):
    await past(plant, 8, timedelta(hours=1))
    run = await imported(plant, 40)
    await closer.close(plant.desk(), run.id)
    health = await health_of(plant)
    assert (health.state, health.text) == ("shrinking", "40 listings, usually 100")


async def test_a_source_that_nobody_imports_is_found_late_and_forgiven_when_it_is_disabled(plant: Plant):
    plant.source("board", "http://127.0.0.1:9/feed")
    file = plant.folder / "sources" / "board.toml"
    file.write_text(file.read_text().replace('schedule = ""', 'schedule = "0 * * * *"'))
    await past(plant, 8, timedelta(minutes=10))
    assert await aftermath.catch_up(plant.desk()) == len({run.queued_at.date() for run in await runs.recent(plant.db)})
    assert (await health_of(plant)).state == "ok"
    assert await aftermath.look_for_late(plant.desk()) == 0
    await plant.db.import_logs.update_many({}, [{"$set": {"queued_at": {"$subtract": ["$queued_at", 3_600_000]}}}])
    await plant.db.source_state.update_one({}, [{"$set": {"health.late_at": utc_now()}}])
    await aftermath.look_for_late(plant.desk())
    health = await health_of(plant)
    assert (health.state, health.figures["every"]) == ("late", 600)
    since = health.since
    await aftermath.look_for_late(plant.desk())
    assert (await health_of(plant)).since == since
    set_enabled(plant.folder / "sources", "board", False)
    assert await aftermath.look_for_late(plant.desk()) == 1
    assert (await health_of(plant)).state == "ok"
    assert await aftermath.look_for_late(plant.desk()) == 0
