"""A small import from request to end, by real workers, while something is killed: exact on every deployment."""

import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import anyio
import pytest

from tests.conformance.deployments import Deployment
from tests.conformance.mongo import ReplicaSet
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant, Workers, eventually
from workers.events import follow as following
from workers.model import Run, Stats
from workers.queue import dead, depth
from workers.queue.connect import Redis, Trouble
from workers.settings import MongoSettings, RetentionSettings
from workers.store import batches
from workers.store.connect import open_database
from workers.store.indexes import prepare

pytestmark = [pytest.mark.anyio, pytest.mark.crash]

COUNT = 1500
FEED = rss(listings(COUNT, body="Keep the platform healthy, and write down what you did. " * 20))
SOURCES = ("board", "alpha", "gamma")

log = logging.getLogger(__name__)


@asynccontextmanager
async def importing(plant: Plant) -> AsyncIterator[tuple[Workers, list[Run]]]:
    """Workers in the middle of three imports, one in each of three partitions."""
    with FeedServer() as server:
        server.on("/feed", Reply(FEED))
        for name in SOURCES:
            plant.source(name, server.url("/feed"))
        async with plant.workers(processes=2) as crew:
            requested = [await plant.request(name) for name in SOURCES]
            await eventually(lambda: done(plant, requested, 10))
            yield crew, requested


async def done(plant: Plant, requested: list[Run], least: int) -> bool:
    totals = await batches.totals_many(plant.db, [run.id for run in requested])
    return sum(one.done for one in totals.values()) >= least


async def are_exact(plant: Plant, requested: list[Run]) -> None:
    """Every run ends by itself, with every listing counted once, and nothing is left anywhere."""
    for run in requested:
        ended = await plant.ended(run.id, limit=110)
        assert (ended.state, ended.stats) == ("succeeded", Stats(total=COUNT, new=COUNT)), ended.source
        assert not ended.error_log
        assert await plant.db["jobs"].count_documents({"first_run": run.id}) == COUNT
    await eventually(lambda: nothing_waits(plant.redis))
    assert await dead.list_dead(plant.redis) == []


async def nothing_waits(redis: Redis) -> bool:
    try:
        depths = await depth.snapshot(redis)
    except Trouble:
        return False  # this client had not spoken to the node that died since
    return not depths.delayed and not any(lane.waiting or lane.running for lane in depths.lanes)


def is_calm(crew: Workers) -> None:
    said = crew.log.read_text()
    assert "ERROR" not in said and "CRITICAL" not in said and "Traceback" not in said, said[-3000:]


async def test_a_worker_killed_in_the_middle(plant: Plant) -> None:
    after = await following.last_id(plant.redis)
    async with importing(plant) as (crew, requested):
        crew.kill_child()
        await are_exact(plant, requested)
        is_calm(crew)
    ends = {run.id: "succeeded" for run in requested}
    with anyio.fail_after(10):
        async for heard in following.follow(plant.redis, after):
            assert not isinstance(heard, following.Gap)
            if isinstance(heard, tuple) and heard[1].state == ends.get(heard[1].run):
                del ends[heard[1].run]
                if not ends:
                    break


async def fails_over(plant: Plant, deployment: Deployment) -> None:
    async with importing(plant) as (crew, requested):
        children = crew.children()
        await deployment.fail()
        failed = time.monotonic()
        await are_exact(plant, requested)
        log.info("three imports of %d ended %.1f s after the failure", COUNT, time.monotonic() - failed)
        assert crew.children() == children
        is_calm(crew)


@pytest.mark.parametrize(
    "deployment", [pytest.param("sentinel", marks=pytest.mark.xdist_group("sentinel"))], indirect=True
)
async def test_sentinels_promote_a_replica_in_the_middle(plant: Plant, deployment: Deployment) -> None:
    """Rows E16 and P14."""
    await fails_over(plant, deployment)


@pytest.mark.parametrize(
    "deployment", [pytest.param("cluster", marks=pytest.mark.xdist_group("cluster"))], indirect=True
)
async def test_a_cluster_promotes_a_replica_in_the_middle(plant: Plant, deployment: Deployment) -> None:
    """Rows E17b and P15: its keys have one tag a partition, so nothing crosses slots."""
    await fails_over(plant, deployment)


@pytest.fixture
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    members = ReplicaSet(tmp_path_factory.mktemp("replica-set"))
    anyio.run(members.heal)
    yield members
    members.close()


@pytest.mark.parametrize("deployment", [pytest.param("valkey", marks=pytest.mark.xdist_group("valkey"))], indirect=True)
async def test_mongodbs_primary_killed_in_the_middle(plant: Plant, three: ReplicaSet) -> None:
    url = three.url("jobimport")
    plant.env["JOBIMPORT_MONGO_URL"] = url
    async with open_database(MongoSettings(url=url), app_name="tests") as db:
        await prepare(db, RetentionSettings())
        plant.db = db
        async with importing(plant) as (crew, requested):
            children = crew.children()
            totals = await batches.totals_many(db, [run.id for run in requested])
            finished = sum(one.done for one in totals.values())
            three.fail()
            failed = time.monotonic()
            await eventually(lambda: done(plant, requested, finished + 9))
            log.info("the next batches were done %.1f s after the primary's death", time.monotonic() - failed)
            await are_exact(plant, requested)
            assert crew.children() == children
            is_calm(crew)
            assert "MongoDB is unreachable" not in crew.log.read_text()
