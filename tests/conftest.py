"""Real servers, once per xdist worker; for each test an empty Redis and a database of its own.

redis_url, mongo_url      addresses for a test; nothing of an earlier test is behind them
redis, db                 connected clients (async)
ready_db                  `db` with the collections and indexes of workers.store.indexes
redis_server, mongo_server  handles with start(), stop(), kill(), pid; one that a test killed is started again
"""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import anyio
import pymongo
import pytest
from hypothesis import settings

from tests.servers import say
from workers.service.embedded import MongoServer, RedisServer, Server
from workers.settings import MongoSettings, RetentionSettings

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from tests.plant import Plant
    from workers.store.connect import Database

S = TypeVar("S", bound=Server)

# How long an example takes says how busy the machine is; where a time is promised, the test measures it.
settings.register_profile("jobimport", deadline=None)
settings.load_profile("jobimport")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    yield from _serve(RedisServer(tmp_path_factory.mktemp("redis")))


@pytest.fixture(scope="session")
def _mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    yield from _serve(MongoServer(tmp_path_factory.mktemp("mongo")))


def _serve(server: S) -> Iterator[S]:
    anyio.run(server.start)
    yield server
    server.kill()  # its data goes as well: no need to be gentle
    anyio.run(server.stop)


@pytest.fixture
def redis_server(_redis: RedisServer) -> RedisServer:
    if _redis.pid is None:
        anyio.run(_redis.start)
    say(_redis.port, "FLUSHALL")
    return _redis


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    return redis_server.url


@pytest.fixture
async def redis(redis_url: str) -> "AsyncIterator[Redis]":
    from workers.queue.connect import open_redis

    async with open_redis(redis_url) as client:
        yield client


@pytest.fixture
def mongo_server(_mongo: MongoServer) -> MongoServer:
    if _mongo.pid is None:
        anyio.run(_mongo.start)
    return _mongo


@pytest.fixture
def mongo_url(mongo_server: MongoServer) -> Iterator[str]:
    # A name used once: dropping races with writes that a killed worker left behind.
    name = f"test_{next(_numbers)}"
    parts = urlsplit(mongo_server.url)
    yield parts._replace(path=f"/{name}").geturl()
    if mongo_server.pid is not None:
        with pymongo.MongoClient[dict[str, object]](mongo_server.url) as client:
            client.drop_database(name)


@pytest.fixture
async def db(mongo_url: str) -> "AsyncIterator[Database]":
    from workers.store.connect import open_database

    async with open_database(MongoSettings(url=mongo_url), app_name="tests") as database:
        yield database


@pytest.fixture
async def ready_db(db: "Database") -> "Database":
    from workers.store.indexes import prepare

    await prepare(db, RetentionSettings())
    return db


@pytest.fixture
async def plant(tmp_path: Path, ready_db: "Database", redis: "Redis", mongo_url: str, redis_url: str) -> "Plant":
    from tests.plant import ALLOWED, new_plant

    quick = '[queue]\nlease = "3s"\nbackoff_base = "200ms"\nbackoff_max = "1s"\n[import]\nbatch_size = 50\n'
    return new_plant(
        tmp_path / "config", ready_db, redis, redis_url=redis_url, mongo_url=mongo_url, settings=ALLOWED + quick
    )
