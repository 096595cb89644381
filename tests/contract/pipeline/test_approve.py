"""What a run held back is closed by an operator's word: exactly, once, and only while the run is the last."""

import anyio
import pytest

from tests.contract.pipeline.test_adversary import ended, fetched, finish
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors.closer import close
from workers.actors.reconciler import reconcile
from workers.control import NotHeld, approve
from workers.model import Run, Stats
from workers.store import runs

pytestmark = pytest.mark.anyio


async def imported(plant: Plant, server: FeedServer, *feeds: bytes) -> Run:
    server.on("/feed", *map(Reply, feeds))
    plant.source("board", server.url("/feed"), kind="snapshot")
    for _ in feeds[1:]:
        await finish(plant, (await fetched(plant)).id)
    return await finish(plant, (await fetched(plant)).id)


async def open_ones(plant: Plant) -> int:
    return await plant.db["jobs"].count_documents({"status": "open"})


async def test_what_the_guard_held_is_closed_when_approved_and_counted(plant: Plant) -> None:
    with FeedServer() as server:
        held = await imported(plant, server, rss(listings(100)), rss(listings(20)))
        assert (held.state, held.stats.closed) == ("succeeded", 0)
        assert held.held == "80 of 100 open listings are missing from the feed: held, nothing closed"
        again = await approve(plant.db, plant.redis, held.id, "ana")
        assert again is not None
        assert (again.active, again.approved_by) == (True, "ana")
        await close(plant.desk(), held.id)
        after = await ended(plant, held.id)
        assert (after.state, after.stats) == ("succeeded", Stats(total=20, unchanged=20, closed=80))
        assert (after.held, after.error_log[-1].text) == ("", "approved by ana: 80 listings closed")
        assert await open_ones(plant) == 20
        # Again: nothing more happens.
        assert await approve(plant.db, plant.redis, held.id, "bob") == after
        assert await ended(plant, held.id) == after


async def test_an_empty_feed_is_believed_at_once_when_approved(plant: Plant) -> None:
    with FeedServer() as server:
        held = await imported(plant, server, rss(listings(30)), rss([]))
        assert "1 of 3 times" in held.held
        await approve(plant.db, plant.redis, held.id, "ana")
        await close(plant.desk(), held.id)
        after = await ended(plant, held.id)
    assert (after.state, after.stats) == ("succeeded", Stats(closed=30))
    assert await open_ones(plant) == 0


async def test_only_the_last_complete_run_can_be_approved_and_only_one_that_held(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", *map(Reply, (rss(listings(100)), rss(listings(20)), rss(listings(100)))))
        plant.source("board", server.url("/feed"), kind="snapshot")
        first = await finish(plant, (await fetched(plant)).id)
        with pytest.raises(NotHeld, match="held nothing back"):
            await approve(plant.db, plant.redis, first.id, "ana")
        held = await finish(plant, (await fetched(plant)).id)
        active = await fetched(plant)
        with pytest.raises(runs.RunGone, match=f"run {active.id} has read board since"):
            await approve(plant.db, plant.redis, held.id, "ana")
        with pytest.raises(NotHeld, match="wait until it has ended"):
            await approve(plant.db, plant.redis, active.id, "ana")
        await finish(plant, active.id)
        with pytest.raises(NotHeld, match=f"run {active.id} has read board since"):
            await approve(plant.db, plant.redis, held.id, "ana")
    assert await ended(plant, held.id) == held
    assert await open_ones(plant) == 100
    assert await approve(plant.db, plant.redis, 999, "ana") is None


async def test_two_operators_at_once_and_a_lost_ring_close_once(plant: Plant) -> None:
    with FeedServer() as server:
        held = await imported(plant, server, rss(listings(100)), rss(listings(20)))

    async def by(user: str) -> None:
        try:
            await approve(plant.db, plant.redis, held.id, user)
        except NotHeld:
            return

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(by, "ana")
        tasks.start_soon(by, "bob")
    await plant.redis.flushall()
    assert await reconcile(plant.desk(), slack_ms=0) == 1
    await close(plant.desk(), held.id)
    await close(plant.desk(), held.id)
    after = await ended(plant, held.id)
    assert after.stats.closed == 80
    assert [entry.code for entry in after.error_log].count("approved") == 1


async def test_a_closed_listing_that_returns_reopens_and_counts_as_updated(plant: Plant) -> None:
    with FeedServer() as server:
        held = await imported(plant, server, rss(listings(100)), rss(listings(20)))
        await approve(plant.db, plant.redis, held.id, "ana")
        await close(plant.desk(), held.id)
        server.on("/feed", Reply(rss(listings(30))))
        back = await finish(plant, (await fetched(plant)).id)
    assert back.stats == Stats(total=30, updated=10, unchanged=20)
    assert await open_ones(plant) == 30
