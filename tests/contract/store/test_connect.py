"""A server that is not there is one clear sentence, and soon."""

import socket
import time

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
)

from workers.errors import ConfigError, Unreachable
from workers.settings import MongoSettings
from workers.store.connect import Database, again, describe, hosts, open_database, ping, reaching, unreachable


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_the_path_names_the_database_and_times_are_utc(mongo_url: str):
    async with open_database(MongoSettings(url=mongo_url), app_name="t") as db:
        assert await ping(db) > 0
        assert db.name.startswith("test_")
        assert db.client.options.codec_options.tz_aware
        assert db.write_concern.document == {"w": "majority"}
    async with open_database(MongoSettings(url="mongodb://127.0.0.1:1"), app_name="t") as db:
        assert db.name == "jobimport"


async def test_no_server_is_said_within_seconds():
    url = f"mongodb://ann:secret@127.0.0.1:{closed_port()}/x?directConnection=true"
    began = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        async with open_database(MongoSettings(url=url), app_name="t", fast=True) as db:
            with reaching(url):
                await ping(db)
    assert time.monotonic() - began < 5
    port = url.rpartition(":")[2].partition("/")[0]
    assert str(caught.value) == f"MongoDB at 127.0.0.1:{port} is unreachable: connection refused"


async def test_a_server_that_accepts_and_says_nothing_is_bounded():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"mongodb://127.0.0.1:{silent.getsockname()[1]}/x"
        began = time.monotonic()
        with pytest.raises(Unreachable, match="no answer in time"):
            async with open_database(MongoSettings(url=url), app_name="t", fast=True) as db:
                with reaching(url):
                    await ping(db)
        assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1", "mongodb://", "mongodb://h/x?nonsense=1&w=q", "mongodb://h:port/x", "mongodb://h/a b"]
)
async def test_a_url_that_cannot_be_used_names_the_setting(url: str):
    with pytest.raises((ConfigError, UserWarning)) as caught:
        async with open_database(MongoSettings(url=url), app_name="t"):
            pass
    assert "secret" not in str(caught.value)


async def test_errors_of_an_operation_pass_as_they_are(ready_db: Database, mongo_url: str):
    await ready_db.counters.insert_one({"_id": "x"})
    with pytest.raises(DuplicateKeyError), reaching(mongo_url):
        await ready_db.counters.insert_one({"_id": "x"})


def test_hosts_without_secrets():
    assert hosts("mongodb://ann:p%40ss@a:1,b:2/db?replicaSet=rs") == "a:1,b:2"
    assert hosts("mongodb+srv://ann:secret@cluster.example") == "cluster.example"
    assert hosts("mongodb://h") == "h"


def test_reasons_are_short():
    dump = "127.0.0.1:1: [Errno 111] Connection refused, Timeout: 3.0s, Topology Description: <" + "x" * 5000
    assert describe(ServerSelectionTimeoutError(dump)) == "connection refused"
    assert describe(ServerSelectionTimeoutError("No replica set members match selector Primary()")).startswith(
        "no primary"
    )
    assert str(unreachable(OperationFailure("long", 18), "mongodb://u:p@h/d")) == (
        "MongoDB at h is unreachable: authentication failed"
    )
    errors = [{"index": n, "code": 11000, "op": {"_id": f"board:{n}", "text": "x" * 10_000}} for n in range(1000)]
    said = describe(BulkWriteError({"writeErrors": errors}))
    assert said == "1000 writes failed with code 11000: board:0, board:1, board:2, board:3, board:4"
    assert len(describe(OperationFailure("x" * 9000, 5, {"errmsg": "y" * 9000}))) < 200


@pytest.mark.parametrize("broken", [AutoReconnect("connection closed"), NotPrimaryError("stepped down")])
async def test_a_write_of_many_is_done_again_when_its_connection_breaks(broken: Exception):
    answers = [broken, 7]

    async def call() -> int:
        if isinstance(answer := answers.pop(0), Exception):
            raise answer
        return answer

    assert await again(call) == 7


@pytest.mark.parametrize(
    "refused", [NetworkTimeout("timed out"), ServerSelectionTimeoutError("none"), DuplicateKeyError("x")]
)
async def test_what_took_too_long_or_was_refused_is_not_done_again(refused: Exception):
    answers = [refused]

    async def call() -> None:
        raise answers.pop()

    with pytest.raises(type(refused)):
        await again(call)
