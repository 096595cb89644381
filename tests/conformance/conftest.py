"""Every test that asks for `deployment` runs against each of them; what a test broke is mended before the next."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import anyio
import pytest

from tests.conformance.deployments import NAMES, Deployment, deploy
from tests.plant import Plant
from workers.queue.connect import Redis, open_redis

Deploy = Callable[[str], Deployment]


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploy]:
    """Deployments by name, each made once."""
    made: dict[str, Deployment] = {}

    def one(name: str) -> Deployment:
        if name not in made:
            made[name] = deploy(name, tmp_path_factory.mktemp(name))
        return made[name]

    yield one
    for deployment in made.values():
        deployment.close()


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in NAMES])
def deployment(request: pytest.FixtureRequest, deployed: Deploy) -> Deployment:
    """Whole, and empty."""
    found = deployed(request.param)
    anyio.run(_made_ready, found)
    return found


async def _made_ready(deployment: Deployment) -> None:
    await deployment.heal()
    async with open_redis(deployment.settings) as redis:
        await redis.flushall()


@pytest.fixture
def redis_url(deployment: Deployment) -> str:
    return deployment.url


@pytest.fixture
async def redis(deployment: Deployment) -> AsyncIterator[Redis]:
    async with open_redis(deployment.settings) as client:
        yield client


@pytest.fixture
def plant(plant: Plant, deployment: Deployment) -> Plant:
    plant.env["JOBIMPORT_REDIS_PARTITIONS"] = str(deployment.partitions)
    return plant


@pytest.fixture
def journal_file(tmp_path: Path) -> Path:
    return tmp_path / "journal"
