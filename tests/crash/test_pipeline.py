"""Processes are killed in the middle; the counts are those of a calm import."""

import os
import signal
import threading
from urllib.parse import parse_qsl, urlsplit

import anyio.to_thread
import pytest

from tests.feed_server import Call, FeedServer, Reply, until
from tests.listings import listings, rss
from tests.plant import Plant, are_gone, eventually
from workers.model import Paging, Stats

pytestmark = [pytest.mark.anyio, pytest.mark.crash]

COUNT = 2000
BODY = "Keep the platform healthy, and write down what you did. " * 20


async def test_a_worker_killed_again_and_again_counts_the_same(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        plant.source("board", server.url("/feed"), kind="snapshot")
        async with plant.workers(processes=2, JOBIMPORT_IMPORT_BATCH_SIZE="50") as crew:
            run = await plant.request("board")
            for least in (2, 10, 20):
                await plant.under_way(run.id, least)
                crew.kill_child()
            ended = await plant.ended(run.id, limit=60)
    assert ended.stats == Stats(total=COUNT, new=COUNT)
    assert ended.state == "succeeded"
    assert not ended.error_log
    assert await plant.db["jobs"].count_documents({"first_run": run.id}) == COUNT


async def test_a_worker_killed_in_the_middle_of_page_seven_leaves_exact_counts(plant: Plant) -> None:
    size, pages = 50, 12
    stuck, released = threading.Event(), threading.Event()

    def script(call: Call) -> None:
        n = int(dict(parse_qsl(urlsplit(call.request.path).query)).get("page", "1"))
        body = rss(listings(size, start=(n - 1) * size + 1, body=BODY) if n <= pages else [])
        if n != 7 or released.is_set():
            call.reply(Reply(body))
            return
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[: len(body) // 2])
        stuck.set()
        call.wait(released, 60)

    with FeedServer() as server:
        server.on("/feed", script)
        plant.source("board", server.url("/feed"), kind="snapshot", paging=Paging(style="page", param="page"))
        async with plant.workers(processes=1, JOBIMPORT_IMPORT_BATCH_SIZE="30") as crew:
            run = await plant.request("board")
            await anyio.to_thread.run_sync(until, stuck.is_set, 30.0)
            crew.kill_child()
            released.set()
            ended = await plant.ended(run.id, limit=100)
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=size * pages, new=size * pages))
    assert ended.fetch_epoch == 2
    assert ended.fetch is not None
    assert ended.fetch.pages == pages + 1
    assert await plant.db["jobs"].count_documents({"first_run": run.id}) == size * pages


async def test_the_whole_plant_killed_and_started_again_goes_on(plant: Plant) -> None:
    """Row E4: the children die with their manager, and promise 1 holds."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        plant.source("board", server.url("/feed"))
        async with plant.workers(processes=2, JOBIMPORT_IMPORT_BATCH_SIZE="50") as crew:
            run = await plant.request("board")
            await plant.under_way(run.id)
            children = crew.children()
            crew.kill()
            await eventually(lambda: are_gone(children), limit=10)
            crew.start()
            ended = await plant.ended(run.id, limit=60)
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=COUNT, new=COUNT))


async def test_a_worker_killed_while_it_links_copies_leaves_the_rest_to_the_next(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        for name in ("first", "second"):
            plant.source(name, server.url("/feed"))

        async def linked(least: int = 1) -> int:
            count = await plant.db["jobs"].count_documents({"copy_group": {"$gt": ""}})
            return count if count >= least else 0

        async with plant.workers(processes=1) as crew:
            for name in ("first", "second"):
                ended = await plant.run(name, limit=60)
                assert (ended.state, ended.stats.new) == ("succeeded", COUNT)
            await eventually(linked, limit=60)
            crew.kill_child()
            assert await linked() < COUNT * 2
            await eventually(lambda: linked(COUNT * 2), limit=90)
    assert await plant.db["jobs"].count_documents({"copy_of": {"$gt": ""}}) == COUNT
    assert await plant.db["jobs"].count_documents({"copy_of": {"$gt": ""}, "source": "first"}) == 0


async def test_a_stopped_worker_hands_back_what_it_has(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        plant.source("board", server.url("/feed"))
        async with plant.workers(processes=1, JOBIMPORT_IMPORT_BATCH_SIZE="50") as crew:
            run = await plant.request("board")
            await plant.under_way(run.id)
            assert crew.stop() < 30
            crew.start()
            ended = await plant.ended(run.id, limit=60)
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=COUNT, new=COUNT))


async def test_a_frozen_worker_is_overtaken_and_changes_nothing_when_it_wakes(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        plant.source("board", server.url("/feed"))
        async with (
            plant.workers(processes=1, JOBIMPORT_IMPORT_BATCH_SIZE="50") as frozen,
            plant.workers(processes=1, JOBIMPORT_IMPORT_BATCH_SIZE="50"),
        ):

            async def forked() -> list[int]:
                return frozen.children()

            victim = (await eventually(forked))[0]
            run = await plant.request("board")
            await plant.under_way(run.id)
            os.kill(victim, signal.SIGSTOP)
            # Without a heartbeat for a minute a fetch is offered again; batches after one lease.
            ended = await plant.ended(run.id, limit=100)
            os.kill(victim, signal.SIGCONT)
    assert ended.stats == Stats(total=COUNT, new=COUNT)
    assert await plant.db["jobs"].count_documents({"first_run": run.id}) == COUNT
