"""What an adversary made of two things at once: each was a listing lost or counted wrong, until its rule was kept."""

from functools import partial

import anyio
import pytest

from tests.feed_server import FeedServer, Reply
from tests.freezing import frozen
from tests.listings import Listing, listings, rss
from tests.plant import Plant, eventually
from workers.actors import closer
from workers.actors.batcher import Batcher
from workers.actors.burial import bury
from workers.actors.closer import close
from workers.actors.fetcher import fetch
from workers.actors.reconciler import reconcile
from workers.actors.upserter import upsert
from workers.control import cancel, requeue
from workers.model import Run, Stats
from workers.queue.dead import Death, encode_death, letter_of, list_dead
from workers.queue.lanes import FAILED, Lane, Stage, lane_for
from workers.queue.message import Message
from workers.store import batches, closing, jobs, runs, source_state, writing
from workers.store.verifying import verify

pytestmark = pytest.mark.anyio

DEATH = Death(reason="attempts", kind="x", error="it would not", attempts=3, deliveries=3, worker="test")


async def fetched(plant: Plant, name: str = "board") -> Run:
    run = await plant.request(name)
    await fetch(plant.desk(), run.id, last_attempt=False)
    return run


async def rows_of(plant: Plant, run_id: int) -> list[str]:
    found = plant.db["import_batches"].find({"run": run_id, "size": {"$gt": 0}}, {"_id": 1})
    return [row["_id"] async for row in found]


async def finish(plant: Plant, run_id: int) -> Run:
    """Upsert every row of a run and close it; what it says agrees with a recount."""
    for row in await rows_of(plant, run_id):
        await upsert(plant.desk(), row)
    await close(plant.desk(), run_id)
    return await ended(plant, run_id)


async def ended(plant: Plant, run_id: int) -> Run:
    run = await runs.get(plant.db, run_id)
    assert run is not None
    assert not run.active
    checked = await verify(plant.db, run, run.stats)
    assert checked.ok, checked.sentence()
    return run


async def letter(plant: Plant, stage: Stage, run: Run, batch: str = "") -> None:
    """A message dies: MongoDB first, then :failed."""
    lane = str(lane_for(stage, False))
    payload = Message(stage=stage, run=run.id, source=run.source, batch=batch).encode()
    await bury(plant.desk(), letter_of(lane, payload, DEATH))
    await plant.redis.xadd(FAILED, {b"data": payload, b"meta": encode_death(DEATH), b"lane": lane.encode()})


async def titles(plant: Plant) -> dict[str, str]:
    return {job["_id"]: job["title"] async for job in plant.db["jobs"].find({"status": "open"})}


async def test_the_letter_of_a_fetch_does_not_end_the_run_that_imports_what_it_left(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(120), end=False)))
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        with pytest.raises(Exception, match="end"):
            await fetch(plant.desk(), run.id, last_attempt=False)
        await letter(plant, "fetch", run)
        await reconcile(plant.desk())
        after = await finish(plant, run.id)
    assert (after.state, after.stats) == ("degraded", Stats(total=100, new=100))


async def test_the_letter_of_a_close_does_not_end_a_run_whose_batch_is_tried_again(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(60))))
        plant.source("board", server.url("/feed"))
        run = await fetched(plant)
        await letter(plant, "upsert", run, f"{run.id}:0001")
        await upsert(plant.desk(), f"{run.id}:0000")
        await letter(plant, "close", run)
        (of_close, of_batch) = await list_dead(plant.redis)
        assert (await runs.get(plant.db, run.id) or run).state == "failed"
        await requeue(plant.db, plant.redis, of_batch, None, "ana")
        await reconcile(plant.desk())
        after = await finish(plant, run.id)
    assert of_close.stage == "close"
    assert (after.state, after.stats) == ("succeeded", Stats(total=60, new=60))


async def test_a_cancel_that_redis_did_not_hear_is_closed_all_the_same(plant: Plant) -> None:
    plant.source("board", "http://127.0.0.1:9/feed")
    run = await plant.request("board")
    await cancel(plant.db, plant.redis, run.id, "ana")
    await plant.redis.flushall()
    assert await reconcile(plant.desk(), slack_ms=0) == 1
    assert await plant.redis.xlen(Lane("close").key) == 1
    await close(plant.desk(), run.id)
    assert (await ended(plant, run.id)).state == "cancelled"


async def test_a_fetch_of_a_cancelled_run_rings_close(plant: Plant) -> None:
    plant.source("board", "http://127.0.0.1:9/feed")
    run = await plant.request("board")
    await cancel(plant.db, plant.redis, run.id, "ana")
    await plant.redis.flushall()
    await fetch(plant.desk(), run.id, last_attempt=False)
    assert await plant.redis.xlen(Lane("close").key) == 1


async def test_a_batch_that_was_written_before_the_cancel_is_counted_and_not_dropped(plant: Plant) -> None:
    """Its worker died between the listings and the row; then an operator cancelled."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(120))))
        plant.source("board", server.url("/feed"))
        run = await fetched(plant)
        async with anyio.create_task_group() as tasks:
            with frozen(batches, "settle") as ice:
                tasks.start_soon(upsert, plant.desk("dies"), f"{run.id}:0000")
                await ice.reached.wait()
                tasks.cancel_scope.cancel()
        await cancel(plant.db, plant.redis, run.id, "ana")
        after = await finish(plant, run.id)
    assert (after.state, after.stats) == ("cancelled", Stats(total=120, new=50, dropped=70))


async def test_a_worker_that_was_frozen_before_it_wrote_changes_nothing_in_a_cancelled_run(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(50))), Reply(rss([])))
        plant.source("board", server.url("/feed"))
        run = await fetched(plant)
        async with anyio.create_task_group() as tasks:
            with frozen(batches, "begin_writing") as ice:
                tasks.start_soon(upsert, plant.desk("frozen"), f"{run.id}:0000")
                await ice.reached.wait()
                await cancel(plant.db, plant.redis, run.id, "ana")
                assert (await finish(plant, run.id)).stats == Stats(total=50, dropped=50)
                await finish(plant, (await fetched(plant)).id)
        await ended(plant, run.id)
    assert await titles(plant) == {}


@pytest.mark.parametrize("next_has_them", [True, False], ids=["unchanged", "absent"])
async def test_a_worker_of_a_dead_batch_that_wakes_after_the_next_run_changes_nothing(
    plant: Plant, next_has_them: bool
) -> None:
    old = listings(10)
    moved = [item.changed(title="Senior") for item in old] + listings(10, start=500)
    last = old if next_has_them else old[:1]
    with FeedServer() as server:
        server.on("/feed", Reply(rss(old)), Reply(rss(moved)), Reply(rss(last)))
        plant.source("board", server.url("/feed"), kind="snapshot")
        await finish(plant, (await fetched(plant)).id)
        run = await fetched(plant)
        async with anyio.create_task_group() as tasks:
            with frozen(batches, "begin_writing") as ice:
                tasks.start_soon(upsert, plant.desk("frozen"), f"{run.id}:0000")
                await ice.reached.wait()
                await letter(plant, "upsert", run, f"{run.id}:0000")
                assert (await finish(plant, run.id)).stats == Stats(total=20, failed=20)
                await finish(plant, (await fetched(plant)).id)
                before = await titles(plant)
        assert await titles(plant) == before
    assert all(title.startswith("Engineer") for title in before.values())


async def test_a_write_that_came_too_late_for_its_batch_is_put_right_by_the_next_run(plant: Plant) -> None:
    """Frozen between its last look and the write: MongoDB takes it. It owns up, and the same body is read again."""
    old = listings(10)
    moved = [old[0].changed(title="Senior"), *old[1:]]
    with FeedServer() as server:
        server.on("/feed", Reply(rss(old)), Reply(rss(moved)), Reply(rss(old)))
        plant.source("board", server.url("/feed"), kind="snapshot")
        await finish(plant, (await fetched(plant)).id)
        run = await fetched(plant)
        async with anyio.create_task_group() as tasks:
            with frozen(writing, "change") as ice:
                tasks.start_soon(upsert, plant.desk("frozen"), f"{run.id}:0000")
                await ice.reached.wait()
                await letter(plant, "upsert", run, f"{run.id}:0000")
                await finish(plant, run.id)
                between = await finish(plant, (await fetched(plant)).id)
        late = await ended(plant, run.id)
        mended = await finish(plant, (await fetched(plant)).id)
    assert between.stats == Stats(total=10, unchanged=10)
    assert [entry.code for entry in late.error_log] == ["x", "late_write"]
    assert mended.stats == Stats(total=10, updated=1, unchanged=9)


async def test_a_requeue_while_the_closer_adds_up_is_part_of_the_end(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(60))))
        plant.source("board", server.url("/feed"))
        run = await fetched(plant)
        await letter(plant, "upsert", run, f"{run.id}:0001")
        await upsert(plant.desk(), f"{run.id}:0000")
        (of_batch,) = await list_dead(plant.redis)
        async with anyio.create_task_group() as tasks:
            with frozen(closer, "verify") as ice:
                tasks.start_soon(close, plant.desk("slow"), run.id)
                await ice.reached.wait()
                await requeue(plant.db, plant.redis, of_batch, None, "ana")
        assert (await runs.get(plant.db, run.id) or run).active
        after = await finish(plant, run.id)
    assert (after.state, after.stats) == ("succeeded", Stats(total=60, new=60))


async def test_a_requeue_that_a_runs_end_overtook_brings_the_run_back(plant: Plant) -> None:
    """The row is pending, its requeuer died, and the run has ended: whoever gets the message makes it active again."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(60))))
        plant.source("board", server.url("/feed"))
        run = await fetched(plant)
        await letter(plant, "upsert", run, f"{run.id}:0001")
        assert (await finish(plant, run.id)).stats == Stats(total=60, new=50, failed=10)
        await batches.revive(plant.db, f"{run.id}:0001", 0)
        after = await finish(plant, run.id)
    assert after.stats == Stats(total=60, new=60)


async def test_a_batch_of_a_cancelled_run_is_not_requeued(plant: Plant) -> None:
    """Half a feed would count as the whole, and close what it did not hold."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(60), end=False)))
        plant.source("board", server.url("/feed"), kind="snapshot")
        run = await plant.request("board")
        with pytest.raises(Exception, match="end"):
            await fetch(plant.desk(), run.id, last_attempt=False)
        await letter(plant, "upsert", run, f"{run.id}:0000")
        await cancel(plant.db, plant.redis, run.id, "ana")
        await finish(plant, run.id)
        (of_batch,) = await list_dead(plant.redis)
        with pytest.raises(runs.RunGone, match="was cancelled"):
            await requeue(plant.db, plant.redis, of_batch, None, "ana")
    assert (await ended(plant, run.id)).stats == Stats(total=50, failed=50)


async def test_a_batch_whose_fellows_have_expired_is_not_requeued(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(60))))
        plant.source("board", server.url("/feed"), kind="snapshot")
        run = await fetched(plant)
        await letter(plant, "upsert", run, f"{run.id}:0001")
        await finish(plant, run.id)
        await plant.db["import_batches"].delete_one({"_id": f"{run.id}:0000"})
        (of_batch,) = await list_dead(plant.redis)
        with pytest.raises(runs.RunGone, match="have expired"):
            await requeue(plant.db, plant.redis, of_batch, None, "ana")


async def test_a_fetcher_that_wakes_after_the_end_of_the_fetch_adds_no_row(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(60, start=500))), Reply(rss([])))
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        async with anyio.create_task_group() as tasks:
            with frozen(batches, "add") as ice:
                tasks.start_soon(fetch_quietly, plant, run.id)
                await ice.reached.wait()
                await fetch(plant.desk("second"), run.id, last_attempt=False)
                after = await finish(plant, run.id)
    assert (after.state, after.stats) == ("succeeded", Stats())
    assert await rows_of(plant, run.id) == []
    assert await ended(plant, run.id) == after


async def test_a_row_that_the_older_fetcher_slips_in_does_not_stop_the_newer(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(60))))
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        async with anyio.create_task_group() as tasks:
            with frozen(batches, "add") as older, frozen(Batcher, "_clock") as newer:
                newer.broken = True
                tasks.start_soon(fetch_quietly, plant, run.id)
                await older.reached.wait()
                newer.broken = False
                tasks.start_soon(fetch_quietly, plant, run.id)
                await newer.reached.wait()
                older.thaw.set()
                await eventually(partial(rows_of, plant, run.id))
        after = await finish(plant, run.id)
    assert (after.state, after.stats) == ("succeeded", Stats(total=60, new=60))


async def fetch_quietly(plant: Plant, run_id: int) -> None:
    await fetch(plant.desk("older"), run_id, last_attempt=False)


async def test_after_a_run_that_was_not_complete_the_feed_is_read_in_full(plant: Plant) -> None:
    whole: list[Listing] = listings(10)
    changed = [item.changed(title="Senior") for item in whole]
    with FeedServer() as server:
        server.on("/feed", Reply(rss(whole)), Reply(rss(changed, end=False)), Reply(rss(whole)))
        plant.source("board", server.url("/feed"))
        await finish(plant, (await fetched(plant)).id)
        broken = await plant.request("board")
        await fetch(plant.desk(), broken.id, last_attempt=True)
        assert (await finish(plant, broken.id)).stats == Stats(total=10, updated=10)
        after = await finish(plant, (await fetched(plant)).id)
    assert after.stats == Stats(total=10, updated=10)


async def test_a_cancel_comes_too_late_for_a_run_that_closes(plant: Plant) -> None:
    """Two closers of one run come to the same end, whatever is asked between them."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(10))), Reply(rss(listings(9))), Reply(rss(listings(10))))
        plant.source("board", server.url("/feed"), kind="snapshot")
        await finish(plant, (await fetched(plant)).id)
        run = await fetched(plant)
        await upsert(plant.desk(), f"{run.id}:0000")
        async with anyio.create_task_group() as tasks:
            with frozen(closing, "close_missing") as ice:
                tasks.start_soon(close, plant.desk("slow"), run.id)
                await ice.reached.wait()
                asked = await cancel(plant.db, plant.redis, run.id, "ana")
                assert asked is not None
                assert not asked.cancel_requested
                await close(plant.desk(), run.id)
                await finish(plant, (await fetched(plant)).id)
        first = await runs.get(plant.db, run.id)
    assert first is not None
    assert (first.state, first.stats.closed) == ("succeeded", 1)
    assert len(await titles(plant)) == 10


async def test_a_death_is_not_the_end_of_a_run_with_another_fetch_at_work(plant: Plant) -> None:
    """The first fetcher is only frozen: its message died, its run went on, and what it adds is refused."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(60))))
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        async with anyio.create_task_group() as tasks:
            with frozen(batches, "add") as ice:
                tasks.start_soon(fetch_quietly, plant, run.id)
                await ice.reached.wait()
                await letter(plant, "fetch", run)
    after = await ended(plant, run.id)
    assert (after.state, after.stats) == ("failed", Stats())
    assert await rows_of(plant, run.id) == []
    assert await source_state.get(plant.db, "board") is not None
    assert await jobs.get(plant.db, "board:1") is None


@pytest.mark.parametrize("asked", [False, True], ids=["before it asks", "after it asked"])
async def test_a_closer_that_wakes_after_its_run_was_given_up(plant: Plant, asked: bool) -> None:
    """It closes nothing; frozen after its last question it does, owns up, and the next run puts it right."""
    whole = listings(10)
    with FeedServer() as server:
        server.on("/feed", Reply(rss(whole)), Reply(rss(whole[1:])), Reply(rss(whole)))
        plant.source("board", server.url("/feed"), kind="snapshot")
        await finish(plant, (await fetched(plant)).id)
        run = await fetched(plant)
        await upsert(plant.desk(), f"{run.id}:0000")
        async with anyio.create_task_group() as tasks:
            with frozen(runs, "beat_close", after=asked) as ice:
                tasks.start_soon(close, plant.desk("frozen"), run.id)
                await ice.reached.wait()
                await letter(plant, "close", run)
                assert (await ended(plant, run.id)).state == "failed"
                await finish(plant, (await fetched(plant)).id)
        assert len(await titles(plant)) == (9 if asked else 10)
        mended = await finish(plant, (await fetched(plant)).id)
    assert (mended.state, mended.stats.updated) == (("succeeded", 1) if asked else ("unchanged", 0))
    assert len(await titles(plant)) == 10


async def test_what_a_closer_closed_before_it_died_is_said(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(10))), Reply(rss(listings(8))))
        plant.source("board", server.url("/feed"), kind="snapshot")
        await finish(plant, (await fetched(plant)).id)
        run = await fetched(plant)
        await upsert(plant.desk(), f"{run.id}:0000")
        async with anyio.create_task_group() as tasks:
            with frozen(closer, "verify") as ice:
                tasks.start_soon(close, plant.desk("dies"), run.id)
                await ice.reached.wait()
                tasks.cancel_scope.cancel()
        await letter(plant, "close", run)
        after = await ended(plant, run.id)
    assert (after.state, after.stats) == ("failed", Stats(total=8, unchanged=8, closed=2))
