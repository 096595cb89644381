"""A server goes away under the workers: nothing is lost, no attempt is burned, and it goes on by itself."""

import json
import os
import signal
import sys
import time
from typing import Any

import anyio
import pytest

from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant, Workers, eventually
from workers.actors.reconciler import reconcile
from workers.model import Stats
from workers.queue import registry
from workers.queue.dead import list_dead
from workers.queue.depth import delayed_messages
from workers.queue.lanes import GROUP, Lane
from workers.queue.message import Message
from workers.service.embedded import MongoServer, RedisServer
from workers.store import runs

pytestmark = [pytest.mark.anyio, pytest.mark.crash]

COUNT = 2000
BODY = "Keep the platform healthy, and write down what you did. " * 20


async def test_mongodb_killed_in_the_middle(plant: Plant, mongo_server: MongoServer) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        plant.source("board", server.url("/feed"))
        async with plant.workers(processes=2, JOBIMPORT_IMPORT_BATCH_SIZE="50", JOBIMPORT_MONGO_TIMEOUT="5s") as crew:
            run = await plant.request("board")
            await plant.under_way(run.id)
            children = crew.children()
            mongo_server.kill()
            await mongo_server.start()
            ended = await plant.ended(run.id, limit=90)
            assert crew.children() == children
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=COUNT, new=COUNT))
    assert await list_dead(plant.redis) == []


async def test_redis_flushed_and_mongodb_frozen_in_the_middle(plant: Plant, mongo_server: MongoServer) -> None:
    """Row P21: what Redis has lost the reconciler rings again, and each listing is counted once."""
    assert mongo_server.pid is not None
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        plant.source("board", server.url("/feed"))
        async with plant.workers(processes=2, JOBIMPORT_IMPORT_BATCH_SIZE="10") as crew:
            run = await plant.request("board")
            await plant.under_way(run.id)
            children = crew.children()
            os.kill(mongo_server.pid, signal.SIGSTOP)
            try:
                await plant.redis.flushall()
                await anyio.sleep(4)
            finally:
                os.kill(mongo_server.pid, signal.SIGCONT)
            with anyio.fail_after(60):
                while await runs.active(plant.db):
                    await reconcile(plant.desk(), slack_ms=1000)
                    await anyio.sleep(0.5)
            ended = await plant.ended(run.id)
            assert crew.children() == children
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=COUNT, new=COUNT))
    assert ended.batches.done == COUNT // 10


async def jobimport(plant: Plant, *args: str) -> tuple[int, str, str, float]:
    """Exit code, stdout, stderr, seconds."""
    command, began = [sys.executable, "-m", "jobimport_tui.cli.main", *args], time.monotonic()
    with anyio.fail_after(60):
        done = await anyio.run_process(command, env=plant.env, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode(), time.monotonic() - began


async def failing(plant: Plant) -> list[str]:
    """What `jobimport doctor --json` finds failing, by name."""
    code, out, _, _ = await jobimport(plant, "doctor", "--json")
    assert code == 3
    return [check["name"] for check in map(json.loads, out.splitlines()) if check["level"] == "fail"]


def says(crew: Workers, words: str) -> Any:
    async def said() -> bool:
        return words in crew.log.read_text()

    return said


async def upserts_read(plant: Plant) -> int:
    """How many entries of the upsert lane workers have ever been given."""
    (group,) = [one for one in await plant.redis.xinfo_groups(Lane("upsert").key) if one["name"] == GROUP.encode()]
    return int(group["entries-read"])


async def nothing_in_hand(plant: Plant) -> bool:
    return (await plant.redis.xpending(Lane("upsert").key, GROUP))["pending"] == 0


async def attempts(plant: Plant) -> set[int]:
    """Which attempts the messages are at that wait for an upserter."""
    waiting = [Message.decode(fields[b"data"]) for _, fields in await plant.redis.xrange(Lane("upsert").key)]
    return {message.attempt for message in waiting + await delayed_messages(plant.redis)}


async def test_mongodb_down_for_a_while_stops_the_reading_and_costs_no_attempt(
    plant: Plant, mongo_server: MongoServer
) -> None:
    """The circuit: upsert lanes are left unread, doctor says why, and it closes by itself."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        plant.source("board", server.url("/feed"))
        async with plant.workers(processes=1, JOBIMPORT_IMPORT_BATCH_SIZE="20", JOBIMPORT_MONGO_TIMEOUT="1s") as crew:
            run = await plant.request("board")
            await plant.under_way(run.id)
            children = crew.children()
            mongo_server.kill()
            await eventually(says(crew, "upsert and close lanes are left unread"))
            await eventually(lambda: nothing_in_hand(plant))
            read, until = await upserts_read(plant), time.monotonic() + 2.5
            while time.monotonic() < until:
                assert await upserts_read(plant) == read
            assert await failing(plant) == ["mongodb"]
            assert await attempts(plant) == {1}
            await mongo_server.start()
            ended = await plant.ended(run.id, limit=90)
            assert crew.children() == children
            assert "attempt 2" not in crew.log.read_text()
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=COUNT, new=COUNT))
    assert (ended.batches.done, ended.batches.dead) == (COUNT // 20, 0)
    assert await list_dead(plant.redis) == []


async def test_mongodb_frozen_for_longer_than_a_message_may_take_costs_no_attempt(
    plant: Plant, mongo_server: MongoServer
) -> None:
    """The driver's own time-out is longer here: the calls hang, as one was seen to, until the message's time is up."""
    assert mongo_server.pid is not None
    times = {"JOBIMPORT_MONGO_TIMEOUT": "60s", "JOBIMPORT_QUEUE_MESSAGE_TIMEOUT": "7s"}
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        plant.source("board", server.url("/feed"))
        async with plant.workers(processes=1, JOBIMPORT_IMPORT_BATCH_SIZE="20", **times) as crew:
            run = await plant.request("board")
            await plant.under_way(run.id)
            children = crew.children()
            os.kill(mongo_server.pid, signal.SIGSTOP)
            try:
                await eventually(says(crew, "upsert and close lanes are left unread"))
                assert await failing(plant) == ["mongodb"]
            finally:
                os.kill(mongo_server.pid, signal.SIGCONT)
            ended = await plant.ended(run.id, limit=90)
            assert crew.children() == children
            assert "attempt 2" not in crew.log.read_text()
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=COUNT, new=COUNT))
    assert await list_dead(plant.redis) == []


@pytest.mark.timeout(240)
async def test_redis_down_workers_wait_commands_say_three_and_what_was_accepted_runs_when_it_is_back(
    plant: Plant, redis_server: RedisServer
) -> None:
    """Rows E6 and E20: asked for by hand, and by the schedule; the outbox is in MongoDB."""
    with FeedServer() as server:
        for name, schedule in (("board", ""), ("hourly", "0 * * * *")):
            server.on(f"/{name}", Reply(rss(listings(300))))
            plant.source(name, server.url(f"/{name}"), schedule=schedule)
        async with plant.workers(processes=2) as crew:
            await eventually(lambda: at_work(plant))
            children = crew.children()
            redis_server.kill()
            with plant.scheduler():
                code, _, err, took = await jobimport(plant, "import", "board")
                assert (code, took < 15) == (3, True)
                assert "accepted as run" in err
                for verb in (("queues", "show"), ("workers", "list"), ("failed", "list")):
                    code, _, _, took = await jobimport(plant, *verb)
                    assert (code, took < 15) == (3, True)
                assert await failing(plant) == ["redis"]
                await eventually(lambda: opened(plant, 2))
                assert crew.children() == children
                await redis_server.start()
                ended = [await plant.ended(number, limit=90) for number in (1, 2)]
            assert crew.children() == children
    assert {run.source: run.trigger for run in ended} == {"board": "cli", "hourly": "schedule"}
    assert {(run.state, run.stats) for run in ended} == {("succeeded", Stats(total=300, new=300))}
    assert await plant.db["import_logs"].count_documents({}) == 2


async def at_work(plant: Plant) -> bool:
    return len(await registry.workers(plant.redis)) == 2


async def opened(plant: Plant, count: int) -> bool:
    return await plant.db["import_logs"].count_documents({}) == count


async def test_redis_killed_in_the_middle_with_its_data_kept(plant: Plant, redis_server: RedisServer) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        plant.source("board", server.url("/feed"))
        async with plant.workers(processes=2, JOBIMPORT_IMPORT_BATCH_SIZE="50") as crew:
            run = await plant.request("board")
            await plant.under_way(run.id)
            children = crew.children()
            redis_server.kill()
            await redis_server.start()
            ended = await plant.ended(run.id, limit=90)
            assert crew.children() == children
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=COUNT, new=COUNT))


async def test_a_worker_that_waits_for_mongodb_stops_when_told(plant: Plant) -> None:
    nobody = "mongodb://127.0.0.1:9/jobimport"
    async with plant.workers(processes=1, JOBIMPORT_MONGO_URL=nobody) as crew:

        async def waits() -> bool:
            return "waiting for MongoDB" in crew.log.read_text()

        await eventually(waits)
        assert crew.stop() < 10
