"""TLS and users, for Redis and for MongoDB: by the URL alone."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest

from tests.conformance.deployments import Cluster, Deployment, Sentinels
from tests.conformance.mongo import ReplicaSet
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from tests.servers import CERTIFICATE, debian_redis
from workers.errors import Unreachable
from workers.model import Stats
from workers.queue import depth
from workers.queue.connect import now_ms, open_redis, reaching
from workers.queue.message import Message
from workers.queue.ring import ring
from workers.settings import MongoSettings, RetentionSettings
from workers.store import connect as store
from workers.store.indexes import prepare

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("secured")]

SECRET = "s3cret:/@?"
ESCAPED = "s3cret%3A%2F%40%3F"

RULES = f"user default off\nuser jobs on >{SECRET} ~{{jobimport:*}}:* +@all -@dangerous +info\n"
"""What the workers may do: nothing but with our keys."""


class Guarded(Deployment):
    """One server with TLS only, and one user with rights."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, debian_redis(), tls=True)
        rules = folder / "users.acl"
        rules.write_text(RULES)
        self.add({"aclfile": str(rules), "appendonly": "yes"})

    def url_of(self, user: str, query: str) -> str:
        return f"rediss://{user}127.0.0.1:{self.processes[0].port}/0?{query}"

    @property
    def url(self) -> str:
        return self.url_of(f"jobs:{ESCAPED}@", self.query)

    async def heal(self) -> None:
        await self.start_all()

    async def fail(self) -> None:
        raise NotImplementedError


@pytest.fixture
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path_factory.mktemp("guarded"))
    anyio.run(guarded.heal)
    yield guarded
    guarded.close()


@pytest.fixture
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    members = ReplicaSet(tmp_path_factory.mktemp("secured"), 1, secured=True)
    anyio.run(members.heal)
    members.add_user("listings", "jobs", SECRET)
    yield members
    members.close()


@pytest.fixture
async def mongo_url(secured: ReplicaSet) -> AsyncIterator[str]:
    yield secured.url("listings", f"jobs:{ESCAPED}")


async def test_an_import_by_names_and_passwords_over_tls(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(120))))
        plant.source("board", server.url("/feed"), rate="100/s")
        async with plant.workers(processes=1) as crew:
            ended = await plant.run("board")
        said = crew.log.read_text()
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=120, new=120))
    assert SECRET not in said and "ERROR" not in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("user", "query", "reason"),
    [
        ("jobs:wrong@", f"ssl_ca_certs={CERTIFICATE}", "invalid username-password pair"),
        ("", f"ssl_ca_certs={CERTIFICATE}", "uthentication required"),
        (f"jobs:{ESCAPED}@", "", "certificate verify failed"),
    ],
)
async def test_redis_says_why_it_cannot_be_reached(deployment: Guarded, user: str, query: str, reason: str) -> None:
    url = deployment.url_of(user, query)
    with pytest.raises(Unreachable, match=reason) as refused:
        async with reaching(url), open_redis(url, fast=True) as redis:
            await now_ms(redis)
    assert ESCAPED not in str(refused.value) and SECRET not in str(refused.value)


@pytest.mark.parametrize(("user", "reason"), [("jobs:wrong", "authentication failed"), ("", "right|auth")])
async def test_mongodb_says_why_it_cannot_be_reached(secured: ReplicaSet, user: str, reason: str) -> None:
    settings = MongoSettings(url=secured.url("listings", user))
    with pytest.raises(Unreachable, match=reason), store.reaching(settings.url):
        async with store.open_database(settings, app_name="tests", fast=True) as db:
            await prepare(db, RetentionSettings())


@pytest.mark.parametrize("kind", [Sentinels, Cluster])
async def test_tls_all_the_way(kind: type[Sentinels | Cluster], tmp_path: Path) -> None:
    """Sentinels and nodes, from the first greeting on."""
    deployment = kind(tmp_path, debian_redis(), tls=True)
    try:
        await deployment.heal()
        async with open_redis(deployment.settings) as redis:
            await ring(redis, [Message(stage="fetch", run=n, source=f"s{n}") for n in range(1, 21)])
            depths = await depth.snapshot(redis)
            assert sum(lane.waiting for lane in depths.lanes) == 20
    finally:
        deployment.close()
