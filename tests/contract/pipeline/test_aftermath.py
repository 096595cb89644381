"""What follows from a run's end: by whoever ended it, or by the reconciler where that one died."""

import pytest

from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors import aftermath, closer, reconciler
from workers.actors.fetcher import fetch
from workers.actors.upserter import upsert
from workers.model import Run
from workers.store import batches, daily, runs
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
