"""Actors called by hand: whatever is delivered twice, late or not at all, the counts come out the same."""

import pytest

from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors.closer import close
from workers.actors.fetcher import fetch
from workers.actors.reconciler import reconcile
from workers.actors.upserter import upsert
from workers.model import Run, Stats
from workers.store import batches, runs

pytestmark = pytest.mark.anyio


async def finish(plant: Plant, run_id: int, twice: bool = False) -> Run:
    """Upsert every row of a run and close it, by hand."""
    desk = plant.desk()
    rows = [row["_id"] async for row in plant.db["import_batches"].find({"run": run_id}, {"_id": 1})]
    for row in rows * (2 if twice else 1):
        await upsert(desk, row)
    await close(desk, run_id)
    ended = await runs.get(plant.db, run_id)
    assert ended is not None
    return ended


async def test_every_message_delivered_twice_counts_once(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(120))))
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        await fetch(plant.desk(), run.id, last_attempt=False)
        ended = await finish(plant, run.id, twice=True)
        await close(plant.desk(), run.id)
    assert ended.stats == Stats(total=120, new=120)
    assert await runs.get(plant.db, run.id) == ended


async def test_a_fetch_that_died_half_way_goes_on_and_skips_what_its_rows_hold(plant: Plant) -> None:
    """The second delivery meets another feed: what was accepted stays, what is new comes in, nothing is counted twice."""
    with FeedServer() as server:
        first = rss(listings(120), end=False)
        second = [*listings(100, start=60), *listings(3, start=60)]
        server.on("/feed", Reply(first), Reply(rss(second)))
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        with pytest.raises(Exception, match="end"):
            await fetch(plant.desk("one"), run.id, last_attempt=False)
        held = await batches.totals(plant.db, run.id)
        assert held.total == 2  # two full rows of 50; the rest was not accepted
        await fetch(plant.desk("two"), run.id, last_attempt=False)
        ended = await finish(plant, run.id)
    assert ended.fetch_epoch == 2
    assert ended.stats == Stats(total=159, new=159, duplicates=3)


async def test_redis_lost_everything_and_the_reconciler_rings_again(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(120))))
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        await fetch(plant.desk(), run.id, last_attempt=False)
        await plant.redis.flushall()
        assert await reconcile(plant.desk(), slack_ms=0) == 3
        async with plant.workers():
            ended = await plant.ended(run.id)
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=120, new=120))


async def test_the_reconciler_leaves_alone_what_has_its_message(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(120))))
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        await fetch(plant.desk(), run.id, last_attempt=False)
        assert await reconcile(plant.desk()) == 0


async def test_a_fetch_that_was_overtaken_stops(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(120))))
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        epoch = await runs.begin_fetch(plant.db, run.id, worker="frozen")
        await fetch(plant.desk("other"), run.id, last_attempt=False)
        assert epoch == 1
        assert not await runs.beat(plant.db, run.id, epoch)
        ended = await finish(plant, run.id)
    assert ended.stats == Stats(total=120, new=120)


async def test_a_feed_that_was_truncated_three_times_keeps_what_came(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(70), end=False)))
        plant.source("board", server.url("/feed"), kind="snapshot")
        run = await plant.request("board")
        await fetch(plant.desk(), run.id, last_attempt=True)
        ended = await finish(plant, run.id)
    assert (ended.state, ended.stats) == ("degraded", Stats(total=70, new=70))


async def test_an_empty_snapshot_is_not_believed_at_once(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(10))), Reply(rss([])))
        plant.source("board", server.url("/feed"), kind="snapshot")
        for expected_open in (10, 10, 10, 0):
            run = await plant.request("board")
            await fetch(plant.desk(), run.id, last_attempt=False)
            await finish(plant, run.id)
            assert await plant.db["jobs"].count_documents({"status": "open"}) == expected_open


async def test_more_than_half_gone_at_once_is_held(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(60))), Reply(rss(listings(20))))
        plant.source("board", server.url("/feed"), kind="snapshot")
        for _ in range(2):
            run = await plant.request("board")
            await fetch(plant.desk(), run.id, last_attempt=False)
            ended = await finish(plant, run.id)
    assert ended.stats.closed == 0
    assert [entry.code for entry in ended.error_log] == ["drop_guard"]
    assert await plant.db["jobs"].count_documents({"status": "open"}) == 60
