"""A source whose file is removed while it is imported: the run ends, says why, and closes nothing."""

from pathlib import Path

import pytest

from tests.contract.pipeline.test_adversary import finish
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant, eventually
from workers.actors.fetcher import fetch
from workers.actors.upserter import upsert
from workers.control import requeue
from workers.model import Stats
from workers.queue.dead import list_dead

pytestmark = pytest.mark.anyio


def file_of(plant: Plant) -> Path:
    return plant.folder / "sources" / "board.toml"


async def test_before_its_fetch_the_run_fails_with_the_reason(plant: Plant) -> None:
    plant.source("board", "http://127.0.0.1:9/feed")
    run = await plant.request("board")
    file_of(plant).unlink()
    async with plant.workers():
        ended = await plant.ended(run.id)
        await eventually(lambda: letters(plant, 1))
    assert (ended.state, ended.stats) == ("failed", Stats())
    assert "no source 'board'" in ended.error_log[-1].text
    [letter] = await list_dead(plant.redis)
    assert (letter.stage, letter.reason, letter.attempts) == ("fetch", "permanent", 1)


async def test_before_its_batches_are_written_they_are_dead_and_come_back_with_the_file(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(120))))
        plant.source("board", server.url("/feed"), kind="snapshot")
        run = await plant.request("board")
        await fetch(plant.desk(), run.id, last_attempt=False)
        text = file_of(plant).read_text()
        file_of(plant).unlink()
        async with plant.workers():
            ended = await plant.ended(run.id)
            assert (ended.state, ended.stats) == ("partial", Stats(total=120, failed=120))
            assert ended.batches.dead == 3
            await eventually(lambda: letters(plant, 3))
            file_of(plant).write_text(text)
            for letter in await list_dead(plant.redis):
                await requeue(plant.db, plant.redis, letter, None, "ana")
            whole = await plant.ended(run.id)
    assert (whole.state, whole.stats) == ("succeeded", Stats(total=120, new=120))


async def letters(plant: Plant, count: int) -> bool:
    return len(await list_dead(plant.redis)) == count


async def test_before_its_close_nothing_is_closed(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(30))), Reply(rss(listings(25))))
        plant.source("board", server.url("/feed"), kind="snapshot")
        for is_removed in (False, True):
            run = await plant.request("board")
            await fetch(plant.desk(), run.id, last_attempt=False)
            if is_removed:
                await upsert(plant.desk(), f"{run.id}:0000")
                file_of(plant).unlink()
            ended = await finish(plant, run.id)
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=25, unchanged=25))
    assert await plant.db["jobs"].count_documents({"status": "open"}) == 30
