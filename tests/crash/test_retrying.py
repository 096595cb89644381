"""Killed while rejects are tried again, the run's counts are those of a calm retry."""

import pytest

from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant, eventually
from workers.actors.reconciler import reconcile
from workers.actors.retrying import retry_rejects
from workers.model import Stats
from workers.store import batches, rejects
from workers.store.verifying import verify

pytestmark = [pytest.mark.anyio, pytest.mark.crash]

COUNT = 1500
FIELDS = {"title": ["title", "job_listing:company"]}


async def test_workers_killed_over_a_retry_count_as_if_nothing_had_happened(plant: Plant) -> None:
    body = "Keep the platform healthy. " * 40
    bad = [item.changed(title=None) for item in listings(COUNT, body=body)]
    with FeedServer() as server:
        server.on("/feed", Reply(rss([*bad, *listings(100, start=5000)])))
        plant.source("board", server.url("/feed"), kind="snapshot")
        async with plant.workers(processes=2, JOBIMPORT_IMPORT_BATCH_SIZE="25") as crew:
            run = await plant.run("board")
            assert run.stats == Stats(total=COUNT + 100, new=100, failed=COUNT)
            source = plant.source("board", server.url("/feed"), kind="snapshot", fields=FIELDS)
            done = await retry_rejects(plant.db, plant.redis, run, source, "ana")
            assert done.tried == COUNT

            async def new() -> int:
                return (await batches.totals(plant.db, run.id)).counts.new

            for least in (200, 600, 1000):

                async def some_new(least: int = least) -> bool:
                    return await new() >= least

                await eventually(some_new, limit=60)
                crew.kill_child()
            ended = await plant.ended(run.id, limit=80)
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=COUNT + 100, new=COUNT + 100))
    assert await rejects.count(plant.db, run.id) == 0
    checked = await verify(plant.db, ended, ended.stats)
    assert (checked.checked, checked.wrong) == ("jobs", [])


async def test_a_command_killed_half_way_leaves_a_run_that_ends_with_what_was_put_back(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches are back in their rows, nothing was rung, the run may even have ended meanwhile."""
    bad = [item.changed(title=None) for item in listings(200)]
    with FeedServer() as server:
        server.on("/feed", Reply(rss(bad)))
        plant.source("board", server.url("/feed"))
        async with plant.workers():
            run = await plant.run("board")
        source = plant.source("board", server.url("/feed"), fields=FIELDS)

        class Killed(BaseException):
            pass

        begun = 0
        real = batches.begin_round

        async def dies_at_the_third(*args: object, **more: object) -> bool:
            nonlocal begun
            begun += 1
            if begun == 3:
                raise Killed
            return await real(*args, **more)  # pyright: ignore[reportArgumentType]

        with monkeypatch.context() as patch:
            patch.setattr(batches, "begin_round", dies_at_the_third)
            with pytest.raises(Killed):
                await retry_rejects(plant.db, plant.redis, run, source, "ana")
        assert await reconcile(plant.desk(), slack_ms=0) >= 2
        async with plant.workers():
            ended = await plant.ended(run.id)
    assert (ended.state, ended.stats) == ("partial", Stats(total=200, new=100, failed=100))
    checked = await verify(plant.db, ended, ended.stats)
    assert (checked.checked, checked.wrong) == ("jobs", [])
