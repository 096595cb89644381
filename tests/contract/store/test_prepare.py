"""Collections, indexes, validator and retention, however often and by however many they are asked for."""

from typing import Any

import anyio
import pytest
from pymongo.errors import WriteError

from tests.contract.store.making import NOW, SOURCE, item, normalise
from workers.model.source import Seconds
from workers.query import Query
from workers.settings import RetentionSettings
from workers.store import indexes, jobs, search
from workers.store.connect import Database


async def names(db: Database) -> set[tuple[str, str]]:
    return {
        (collection, info["name"])
        for collection in indexes.COLLECTIONS
        async for info in await db[collection].list_indexes()
        if info["name"] != "_id_"
    }


async def kept(db: Database, collection: str) -> int:
    return (await db[collection].index_information())["kept"]["expireAfterSeconds"]


async def test_preparing_twice_or_at_once_gives_the_same(db: Database):
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(indexes.prepare, db, RetentionSettings())
    await indexes.prepare(db, RetentionSettings())
    assert await names(db) == {(index.collection, index.name) for index in indexes.INDEXES}
    assert all(index.reason for index in indexes.INDEXES)


async def test_a_changed_retention_is_applied_in_place(db: Database):
    await indexes.prepare(db, RetentionSettings())
    assert await kept(db, "rejects") == 30 * 86400
    await indexes.prepare(db, RetentionSettings(rejects=Seconds(60), runs=Seconds(10**12)))
    assert (await kept(db, "rejects"), await kept(db, "import_batches")) == (60, 30 * 86400)
    assert await kept(db, "import_logs") == 2**31 - 1


@pytest.mark.parametrize(
    "field, value", [("first_run", None), ("first_run", "1"), ("status", "gone"), ("posted_at", None), ("title", "")]
)
async def test_a_listing_that_breaks_the_schema_is_refused(ready_db: Database, field: str, value: Any):
    await jobs.upsert(ready_db, 1, SOURCE, [item(1)], normalise, NOW)
    with pytest.raises(WriteError):
        await ready_db.jobs.update_one({"_id": "board:1"}, {"$set": {field: value}})


async def test_what_the_console_asks_for_runs_on_an_index(ready_db: Database):
    await jobs.upsert(ready_db, 1, SOURCE, [item(n) for n in range(50)], normalise, NOW)
    newest = {"posted_at": -1, "_id": -1}
    for where in ({}, {"source": SOURCE}, {"search_terms": "engineer"}):
        command = {"find": "jobs", "filter": where, "sort": newest, "limit": 5}
        told = await ready_db.command("explain", command, verbosity="executionStats")
        assert told["executionStats"]["totalDocsExamined"] == 5, where
    assert len(await search.search(ready_db, Query(), limit=5)) == 5
