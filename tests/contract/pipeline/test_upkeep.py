"""Closing by age: only in windows, only what the feed no longer shows, and never under a run's hands."""

from datetime import timedelta

import pytest

from tests.contract.pipeline.test_adversary import ended, fetched, finish
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors.desk import utcnow
from workers.actors.upkeep import close_what_is_over
from workers.model import Stats
from workers.store import expiry

pytestmark = pytest.mark.anyio

OLD = timedelta(days=100)


async def age(plant: Plant) -> None:
    """A hundred days go by."""
    past = utcnow() - OLD
    change = {"$set": {"metadata.last_updated": past, "posted_at": past}}
    await plant.db["jobs"].update_many({}, change)
    await plant.db["source_state"].update_many({}, {"$unset": {"aged_at": ""}})


async def open_ones(plant: Plant, source: str) -> int:
    return await plant.db["jobs"].count_documents({"source": source, "status": "open"})


async def test_a_window_closes_what_is_old_and_no_longer_shown(plant: Plant) -> None:
    with FeedServer() as server:
        for name, kind in (("window", "window"), ("snapshot", "snapshot")):
            server.on(f"/{name}", Reply(rss(listings(12))), Reply(rss(listings(9))), Reply(rss(listings(12))))
            plant.source(name, server.url(f"/{name}"), kind=kind)
            await finish(plant, (await fetched(plant, name)).id)
        last = await finish(plant, (await fetched(plant, "window")).id)
        assert last.stats == Stats(total=9, unchanged=9)
        assert await close_what_is_over(plant.desk()) == []
        await age(plant)
        active = await fetched(plant, "window")
        assert await close_what_is_over(plant.desk()) == []
        await plant.db["import_logs"].delete_one({"_id": active.id})
        [one] = await close_what_is_over(plant.desk())
        assert (one.source, one.because, one.planned, one.closed) == ("window", "aged", 3, 3)
        assert await close_what_is_over(plant.desk()) == []
        assert (await open_ones(plant, "window"), await open_ones(plant, "snapshot")) == (9, 12)
        assert await ended(plant, last.id) == last
        # A listing that is shown again is open again, and an update.
        back = await finish(plant, (await fetched(plant, "window")).id)
    assert back.stats == Stats(total=12, updated=3, unchanged=9)


async def test_without_the_rows_of_the_last_reading_nothing_is_closed_by_age(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(5))), Reply(rss(listings(2))))
        plant.source("board", server.url("/feed"))
        for _ in range(2):
            await finish(plant, (await fetched(plant)).id)
    await age(plant)
    await plant.db["import_batches"].delete_many({})
    assert await close_what_is_over(plant.desk()) == []
    assert await open_ones(plant, "board") == 5
    assert await expiry.recent(plant.db, limit=5) == []
