"""The linker, after real imports: copies are linked, one worker at a time, and no run waits for it."""

import pytest

from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors import linker
from workers.actors.closer import close
from workers.actors.fetcher import fetch
from workers.actors.upserter import upsert
from workers.model import Run
from workers.store import copies, runs

pytestmark = pytest.mark.anyio

BODY = "Keep the platform healthy, and write down what you did. " * 5


async def imported(plant: Plant, name: str, numbers: range) -> Run:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(len(numbers), start=numbers.start, body=BODY))))
        plant.source(name, server.url("/feed"), kind="snapshot")
        run = await plant.request(name)
        desk = plant.desk()
        await fetch(desk, run.id, last_attempt=True)
    async for row in plant.db.import_batches.find({"run": run.id, "state": "pending"}):
        await upsert(desk, row["_id"])
    await close(desk, run.id)
    ended = await runs.get(plant.db, run.id)
    assert ended is not None and ended.state == "succeeded"
    return ended


async def test_what_two_boards_both_show_is_linked_after_their_runs(plant: Plant):
    await imported(plant, "first", range(1, 9))
    await imported(plant, "second", range(5, 13))
    assert len(await copies.due(plant.db)) == 2
    assert await linker.link_what_is_due(plant.desk("one")) == 8
    assert await linker.link_what_is_due(plant.desk("two")) == 0  # the first one's lease
    rows = [row async for row in plant.db.jobs.find({"copy_of": {"$gt": ""}})]
    assert {row["source"] for row in rows} == {"second"}
    assert {(row["title"], row["copy_of"].partition(":")[0]) for row in rows} == {
        (f"Engineer {n}", "first") for n in range(5, 9)
    }
    await imported(plant, "first", range(3, 6))  # of the four only number 5 is still open there
    assert await linker.link_what_is_due(plant.desk("one")) == 6
    assert await plant.db.jobs.count_documents({"copy_group": {"$gt": ""}}) == 2
