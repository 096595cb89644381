"""Actors called by hand: whatever is delivered twice, late or not at all, the counts come out the same."""

import pytest

from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors.burial import bury
from workers.actors.closer import close
from workers.actors.fetcher import fetch
from workers.actors.reconciler import reconcile
from workers.actors.upserter import upsert
from workers.control import requeue
from workers.model import Run, Stats
from workers.queue.dead import DeadLetter, Death, encode_death, list_dead
from workers.queue.lanes import FAILED
from workers.queue.message import Message
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
    """The second delivery meets another feed: what was accepted stays, what is new comes in, each once."""
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


async def test_a_dead_batch_that_is_requeued_corrects_its_run(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(120))))
        plant.source("board", server.url("/feed"), kind="snapshot")
        run = await plant.request("board")
        await fetch(plant.desk(), run.id, last_attempt=False)
        rows = [row["_id"] async for row in plant.db["import_batches"].find({}, {"_id": 1})]
        letter = DeadLetter(
            lane="upsert",
            stage="upsert",
            run=run.id,
            source="board",
            batch=rows[0],
            reason="attempts",
            kind="write_error",
            error="it would not go in",
            attempts=3,
            deliveries=3,
            worker="test",
            at_ms=0,
            payload=Message(stage="upsert", run=run.id, source="board", batch=rows[0]).encode(),
        )
        await bury(plant.desk(), letter)
        ended = await finish(plant, run.id)
        assert (ended.state, ended.stats) == ("partial", Stats(total=120, new=70, failed=50))
        assert ended.batches.dead == 1

        death = Death(
            reason="attempts", kind="write_error", error="it would not go in", attempts=3, deliveries=3, worker="test"
        )
        await plant.redis.xadd(FAILED, {b"data": letter.payload, b"meta": encode_death(death), b"lane": b"upsert"})
        (kept,) = await list_dead(plant.redis)
        await requeue(plant.db, plant.redis, kept, None, "ana")
        async with plant.workers():
            mended = await plant.ended(run.id)
    assert (mended.state, mended.stats) == ("succeeded", Stats(total=120, new=120))
    assert await list_dead(plant.redis) == []


async def test_a_requeue_is_refused_when_a_later_run_has_read_the_source(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(60))))
        plant.source("board", server.url("/feed"))
        first = await plant.request("board")
        await fetch(plant.desk(), first.id, last_attempt=False)
        assert await batches.kill(plant.db, f"{first.id}:0001", "dead")
        await finish(plant, first.id)
        second = await plant.request("board")
        await fetch(plant.desk(), second.id, last_attempt=False)
        await finish(plant, second.id)
        letter = DeadLetter(
            id="1-1",
            lane="upsert",
            stage="upsert",
            run=first.id,
            source="board",
            batch=f"{first.id}:0001",
            reason="attempts",
            kind="x",
            error="",
            attempts=3,
            deliveries=3,
            worker="",
            at_ms=0,
        )
        with pytest.raises(runs.RunGone, match=f"run {second.id} has read board since"):
            await requeue(plant.db, plant.redis, letter, None, "ana")
