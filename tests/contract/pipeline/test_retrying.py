"""Rejects tried again after a mapping was changed: the run's counts are what they would have been with it."""

import anyio
import pytest

from tests.contract.pipeline.test_adversary import ended, fetched, finish, letter
from tests.feed_server import FeedServer, Reply
from tests.freezing import frozen
from tests.listings import Listing, listings, rss
from tests.plant import Plant
from workers.actors.closer import close
from workers.actors.retrying import NothingToRetry, Retried, retry_rejects
from workers.actors.upserter import upsert
from workers.control import cancel, requeue
from workers.model import Reject, Run, Stats
from workers.queue.dead import list_dead
from workers.sources import load_one
from workers.store import batches, rejects, runs

pytestmark = pytest.mark.anyio

MAPPED = {"title": ["title", "job_listing:company"]}


def untitled(count: int, start: int = 900, **facts: str | None) -> list[Listing]:
    return [item.changed(title=None, **facts) for item in listings(count, start=start)]


async def retry(plant: Plant, run_id: int) -> Retried:
    run = await runs.get(plant.db, run_id)
    assert run is not None
    return await retry_rejects(plant.db, plant.redis, run, load_one(plant.folder / "sources", "board"), "ana")


async def imported(plant: Plant, server: FeedServer, *feeds: bytes, **settings: str) -> Run:
    """The last of so many imports, one for each feed."""
    server.on("/feed", *map(Reply, feeds))
    plant.source("board", server.url("/feed"), **settings)
    for _ in feeds[1:]:
        await finish(plant, (await fetched(plant)).id)
    return await finish(plant, (await fetched(plant)).id)


async def test_what_another_mapping_reads_counts_as_imported(plant: Plant) -> None:
    feed = rss([*listings(70), *untitled(30)])
    with FeedServer() as server:
        run = await imported(plant, server, feed)
        assert (run.state, run.stats) == ("partial", Stats(total=100, new=70, failed=30))
        plant.source("board", server.url("/feed"), fields=MAPPED)
        done = await retry(plant, run.id)
        assert (done.tried, done.unkept, done.repeated, done.busy) == (30, 0, 0, 0)
        run = await finish(plant, run.id)
        assert (run.state, run.stats) == ("succeeded", Stats(total=100, new=100))
        assert "rejects_retried" in [entry.code for entry in run.error_log]
        assert await rejects.count(plant.db, run.id) == 0
        assert await plant.db["jobs"].count_documents({"title": "Northwind Labs", "first_run": run.id}) == 30
        # The same mapping by way of the feed: nothing is left to change.
        again = await finish(plant, (await fetched(plant)).id)
    assert again.stats == Stats(total=100, unchanged=100)


async def test_what_is_refused_again_is_a_reject_as_before_and_can_be_tried_again(plant: Plant) -> None:
    with FeedServer() as server:
        run = await imported(plant, server, rss([*listings(10), *untitled(2), *untitled(2, 950, company="")]))
        assert (await retry(plant, run.id)).tried == 4
        same = await finish(plant, run.id)
        assert (same.state, same.stats) == ("partial", Stats(total=14, new=10, failed=4))
        plant.source("board", server.url("/feed"), fields=MAPPED)
        assert (await retry(plant, run.id)).tried == 4
        half = await finish(plant, run.id)
        assert (half.state, half.stats) == ("partial", Stats(total=14, new=12, failed=2))
        plant.source("board", server.url("/feed"), fields={"title": ["title", "job_listing:location"]})
        assert (await retry(plant, run.id)).tried == 2
        whole = await finish(plant, run.id)
    assert (whole.state, whole.stats) == ("succeeded", Stats(total=14, new=14))


async def test_a_listing_that_gains_an_identity_lets_the_run_close_what_is_gone(plant: Plant) -> None:
    """And is not closed itself, though it was seen without a name."""
    nameless = Listing(700, guid=None)
    fields = {"id": ["guid", "job_listing:location"], "title": ["title", "job_listing:company"]}
    old = [*listings(10), Listing(700, guid="Oslo", location="Oslo")]
    new = [*listings(8), nameless.changed(title=None, location="Oslo", company="Acme")]
    with FeedServer() as server:
        run = await imported(plant, server, rss(old), rss(new), kind="snapshot")
        assert (run.stats.failed, run.stats.closed) == (1, 0)
        plant.source("board", server.url("/feed"), kind="snapshot", fields=fields)
        assert (await retry(plant, run.id)).tried == 1
        run = await finish(plant, run.id)
    assert (run.state, run.stats) == ("succeeded", Stats(total=9, updated=1, unchanged=8, closed=2))


async def test_two_rejects_that_become_one_listing_count_once(plant: Plant) -> None:
    """In two batches, and as a listing that the run has already: the first wins, the others stay rejects."""
    twins = [Listing(n, title=None, guid=None, location="Oslo", company="") for n in (800, 801)]
    fields = {"id": ["guid", "job_listing:location"], "title": ["title", "job_listing:location"]}
    feed = rss([*twins[:1], Listing(1, guid="Rome"), *listings(60, 100), twins[1].changed(location="Rome"), twins[1]])
    with FeedServer() as server:
        run = await imported(plant, server, feed)
        assert run.stats == Stats(total=64, new=61, failed=3)
        plant.source("board", server.url("/feed"), fields=fields)
        done = await retry(plant, run.id)
        assert (done.tried, done.repeated) == (1, 2)
        run = await finish(plant, run.id)
        assert (run.state, run.stats) == ("partial", Stats(total=64, new=62, failed=2))
        done = await retry(plant, run.id)
        assert (done.tried, done.repeated) == (0, 2)
        assert (await finish(plant, run.id)).stats == run.stats


async def test_only_the_last_run_of_a_source_may_be_retried(plant: Plant) -> None:
    feeds = rss([*listings(3), *untitled(1)]), rss(listings(4))
    with FeedServer() as server:
        server.on("/feed", *map(Reply, feeds))
        plant.source("board", server.url("/feed"))
        first = await finish(plant, (await fetched(plant)).id)
        active = await fetched(plant)
        with pytest.raises(runs.RunGone, match=f"run {active.id} has read board since: import again"):
            await retry(plant, first.id)
        with pytest.raises(runs.RunGone, match="wait until it has ended"):
            await retry(plant, active.id)
        await finish(plant, active.id)
        with pytest.raises(runs.RunGone, match=f"run {active.id} has read board since"):
            await retry(plant, first.id)
        with pytest.raises(NothingToRetry, match="no rejects"):
            await retry(plant, active.id)
    assert await ended(plant, first.id) == first


async def test_an_item_over_the_bound_is_not_kept_and_stays_a_reject(plant: Plant) -> None:
    large = untitled(1, 901, body="x" * 70_000)
    with FeedServer() as server:
        run = await imported(plant, server, rss([*listings(3), *untitled(1), *large]))
        [group] = await rejects.by_reason(plant.db, run.id)
        assert (group.count, group.kept, group.reason) == (2, 1, "no_title")
        plant.source("board", server.url("/feed"), fields=MAPPED)
        done = await retry(plant, run.id)
        assert (done.tried, done.unkept) == (1, 1)
        run = await finish(plant, run.id)
        assert run.stats == Stats(total=5, new=4, failed=1)
        with pytest.raises(NothingToRetry, match="kept no item"):
            await retry(plant, run.id)


async def test_a_batch_that_dies_over_its_rejects_counts_these_alone_and_can_be_requeued(plant: Plant) -> None:
    with FeedServer() as server:
        run = await imported(plant, server, rss([*listings(60), *untitled(5)]))
        plant.source("board", server.url("/feed"), fields=MAPPED)
        await retry(plant, run.id)
        await letter(plant, "upsert", run, f"{run.id}:0001")
        dead = await finish(plant, run.id)
        assert (dead.state, dead.stats) == ("partial", Stats(total=65, new=60, failed=5))
        assert dead.batches.dead == 1
        assert (await retry_busy(plant, run.id)) == 5
        [dead_letter] = await list_dead(plant.redis)
        await requeue(plant.db, plant.redis, dead_letter, None, "ana")
        whole = await finish(plant, run.id)
    assert (whole.state, whole.stats) == ("succeeded", Stats(total=65, new=65))


async def retry_busy(plant: Plant, run_id: int) -> int:
    """A retry that finds its batch dead tries nothing, and the run ends again as it was."""
    done = await retry(plant, run_id)
    await finish(plant, run_id)
    return done.busy


async def test_a_cancelled_retry_drops_what_was_tried_and_the_sum_stands(plant: Plant) -> None:
    with FeedServer() as server:
        run = await imported(plant, server, rss([*listings(60), *untitled(5)]))
        await retry(plant, run.id)
        await cancel(plant.db, plant.redis, run.id, "ana")
        run = await finish(plant, run.id)
    assert (run.state, run.stats) == ("cancelled", Stats(total=65, new=60, dropped=5))


async def test_a_worker_of_the_round_before_settles_nothing_of_this_one(plant: Plant) -> None:
    with FeedServer() as server:
        run = await imported(plant, server, rss([*listings(3), *untitled(2)]))
        await retry(plant, run.id)
        row = f"{run.id}:0000"
        old = await batches.load(plant.db, row)
        await finish(plant, run.id)
        await retry(plant, run.id)
    assert old is not None
    assert old.round == 1
    assert not await batches.begin_writing(plant.db, row, "frozen", round=old.round)
    counts = old.counts
    assert counts is not None
    assert not await batches.settle(plant.db, row, counts, worker="frozen", took_ms=1, round=old.round)
    assert not await batches.settle(plant.db, row, counts, worker="frozen", took_ms=1)


async def test_a_worker_frozen_before_it_wrote_its_rejects_brings_none_back(plant: Plant) -> None:
    """It wakes when the batch was settled by another and its rejects were imported in a retry: they are nobody's."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss([*listings(3), *untitled(2), *untitled(1, 950, company="")])))
        plant.source("board", server.url("/feed"))
        run = await fetched(plant)
        async with anyio.create_task_group() as tasks:
            with frozen(rejects, "write") as ice:
                tasks.start_soon(upsert, plant.desk("frozen"), f"{run.id}:0000")
                await ice.reached.wait()
                before = await finish(plant, run.id)
                plant.source("board", server.url("/feed"), fields=MAPPED)
                await retry(plant, run.id)
                after = await finish(plant, run.id)
        assert (before.stats, after.stats) == (Stats(total=6, new=3, failed=3), Stats(total=6, new=5, failed=1))
        again = await ended(plant, run.id)  # counts agree with what the frozen one has left: nothing
        assert again == after
        assert await rejects.count(plant.db, run.id) == 1
        assert (await retry(plant, run.id)).tried == 1


async def test_a_worker_killed_before_it_took_its_rejects_back_leaves_none_behind(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another had settled its batch, by a file in which the titles are mapped: the closer sweeps."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss([*listings(3), *untitled(2)])))
        plant.source("board", server.url("/feed"))
        run = await fetched(plant)
        row = await batches.load(plant.db, f"{run.id}:0000")
        assert row is not None
        mark = await batches.begin_writing(plant.db, row.id, "killed")
        refused = Reject(external_id="1", position=1, reason="x", field="title", value="")
        await rejects.write(plant.db, row.id, mark, run.id, "board", [refused] * 7)
        with monkeypatch.context() as patch:
            patch.setattr(rejects, "keep_only", nothing)
            await upsert(plant.desk(), row.id)
        assert await rejects.count(plant.db, run.id) == 9
        await close(plant.desk(), run.id)
        done = await ended(plant, run.id)
    assert (done.state, done.stats) == ("partial", Stats(total=5, new=3, failed=2))
    assert await rejects.count(plant.db, run.id) == 2


async def nothing(*_: object) -> None:
    """What a dead worker does."""
