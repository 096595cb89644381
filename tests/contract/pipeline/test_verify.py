"""A recount agrees with what a run said, says against what it was checked, and finds what was tampered with."""

import pytest

from tests.contract.pipeline.test_deliveries import finish
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors.fetcher import fetch
from workers.model import Run
from workers.store.verifying import verify

pytestmark = pytest.mark.anyio


async def imported(plant: Plant) -> Run:
    run = await plant.request("board")
    await fetch(plant.desk(), run.id, last_attempt=False)
    return await finish(plant, run.id)


async def test_a_run_agrees_with_the_stamps_and_later_with_its_rows(plant: Plant) -> None:
    good = listings(70)
    with FeedServer() as server:
        bad = good[0].changed(title=None, guid="nameless")
        server.on("/feed", Reply(rss([*good, bad])), Reply(rss(good[:60])))
        plant.source("board", server.url("/feed"), kind="snapshot")
        first = await imported(plant)
        checked = await verify(plant.db, first, first.stats)
        assert (checked.checked, checked.wrong) == ("jobs", [])
        assert checked.found["failed"] == 1
        second = await imported(plant)
        assert second.stats.closed == 10
        checked = await verify(plant.db, second, second.stats)
        assert (checked.checked, checked.found["closed"], checked.wrong) == ("jobs", 10, [])
        checked = await verify(plant.db, first, first.stats)
        assert (checked.checked, checked.wrong) == ("rows", [])


async def test_what_was_tampered_with_is_found(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(70))))
        plant.source("board", server.url("/feed"))
        run = await imported(plant)
    await plant.db["jobs"].delete_one({"source": "board"})
    checked = await verify(plant.db, run, run.stats)
    assert checked.wrong == ["new"]
    assert "said 70, found 69" in checked.sentence()


async def test_what_has_expired_is_said(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(70))))
        plant.source("board", server.url("/feed"))
        run = await imported(plant)
    await plant.db["import_batches"].delete_many({})
    checked = await verify(plant.db, run, run.stats)
    assert (checked.checked, checked.ok) == ("nothing", True)
