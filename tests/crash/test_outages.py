"""A server goes away under the workers: nothing is lost, no attempt is burned, and it goes on by itself."""

import pytest

from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant, eventually
from workers.model import Stats
from workers.queue.dead import list_dead
from workers.service.embedded import MongoServer, RedisServer
from workers.store import batches

pytestmark = [pytest.mark.anyio, pytest.mark.crash]

COUNT = 2000
BODY = "Keep the platform healthy, and write down what you did. " * 20


async def under_way(plant: Plant, run_id: int) -> bool:
    return (await batches.totals(plant.db, run_id)).done >= 3


async def test_mongodb_killed_in_the_middle(plant: Plant, mongo_server: MongoServer) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        plant.source("board", server.url("/feed"))
        async with plant.workers(processes=2, JOBIMPORT_IMPORT_BATCH_SIZE="50", JOBIMPORT_MONGO_TIMEOUT="5s") as crew:
            run = await plant.request("board")
            await eventually(lambda: under_way(plant, run.id))
            children = crew.children()
            mongo_server.kill()
            await mongo_server.start()
            ended = await plant.ended(run.id, limit=90)
            assert crew.children() == children
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=COUNT, new=COUNT))
    assert await list_dead(plant.redis) == []


async def test_redis_killed_in_the_middle_with_its_data_kept(plant: Plant, redis_server: RedisServer) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(COUNT, body=BODY))))
        plant.source("board", server.url("/feed"))
        async with plant.workers(processes=2, JOBIMPORT_IMPORT_BATCH_SIZE="50") as crew:
            run = await plant.request("board")
            await eventually(lambda: under_way(plant, run.id))
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
