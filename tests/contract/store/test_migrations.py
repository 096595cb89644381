"""A database of an older version is brought up to date; broken off anywhere and begun again, it comes out the same."""

from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.store.making import NOW, item, normalise, opened
from workers.model import BatchTotals, Stats, Timing
from workers.settings import RetentionSettings, Settings
from workers.store import backfill, copies, jobs, migrations, runs
from workers.store.connect import Database

LATER = ("pay", "quality", "copy_key", "copy_group", "copy_of")
SETTINGS = Settings()


async def made_by_an_older_version(db: Database) -> None:
    """Listings without what came later, three sources, and runs that no row of import_daily knows of."""
    await migrations.ready(db, RetentionSettings())
    await db.schema_migrations.delete_many({})
    for source in ("a", "b", "c"):
        for day in range(2):
            id = await opened(db, source)
            await jobs.upsert(db, id, source, [item(n, f"Engineer {n // 2}") for n in range(12)], normalise, NOW)
            await db.import_logs.update_one({"_id": id}, {"$set": {"queued_at": NOW - timedelta(days=day)}})
            await runs.finish(db, id, state="succeeded", stats=Stats(12, 12), batches=BatchTotals(), timing=Timing())
    await db.jobs.update_many({}, {"$unset": dict.fromkeys(LATER, "")})
    await db.import_logs.update_many({}, {"$unset": {"copies_due": ""}})
    await db.jobs.drop_index("copy_block")


async def migrate(db: Database, *, pages: int | None = None) -> bool:
    """Do what is to be done, or only so many pages of it; whether it came to its end."""
    for step in await migrations.pending(db):
        async with aclosing(migrations.apply(db, SETTINGS, step)) as progress:
            async for row in progress:
                if pages is not None and row.finished_at is None:
                    pages -= 1
                    if pages <= 0:
                        return False
    return True


async def state(db: Database) -> dict[str, Any]:
    """All that migrating makes."""
    return {
        "jobs": {row["_id"]: row async for row in db.jobs.find()},
        "days": {row["_id"]: {**row, "revision": 0} async for row in db.import_daily.find()},
        "indexes": sorted([info["name"] async for info in await db.jobs.list_indexes()]),
    }


async def test_what_is_lacking_is_filled_in_once(ready_db: Database):
    await made_by_an_older_version(ready_db)
    assert [step.name for step in await migrations.pending(ready_db)] == [step.name for step in migrations.STEPS]
    assert "jobimport migrate" in await migrations.sentence(ready_db)
    assert await migrate(ready_db)
    assert await migrations.pending(ready_db) == []
    assert await migrations.sentence(ready_db) == ""
    async for row in ready_db.jobs.find():
        assert 0 < row["quality"] < 100 and row["copy_key"]
    assert await ready_db.jobs.count_documents({"copy_of": {"$gt": ""}}) == 0  # no text and no place proves nothing
    assert await ready_db.import_daily.count_documents({"runs": 1, "new": 12}) == 6
    done = await migrations.recorded(ready_db)
    assert {name: row.changed for name, row in done.items()} == {
        "indexes": 1,
        "daily": 6,
        "terms": 36,
        "quality": 36,
        "blocks": 36,
        "copies": 0,
    }


async def test_broken_off_after_any_page_it_comes_out_as_in_one_go(ready_db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backfill, "PAGE", 7)
    monkeypatch.setattr(copies, "_CHUNK", 7)
    await made_by_an_older_version(ready_db)
    await ready_db.jobs.update_many({}, {"$set": {"locations": ["Berlin"]}})
    old = await ready_db.jobs.find().to_list()
    logs = await ready_db.import_logs.find().to_list()
    assert await migrate(ready_db)
    calm = await state(ready_db)
    assert await ready_db.jobs.count_documents({"copy_of": {"$gt": ""}}) == 30
    await ready_db.jobs.delete_many({})
    await ready_db.jobs.insert_many(old)
    await ready_db.import_logs.delete_many({})
    await ready_db.import_logs.insert_many(logs)
    for name in ("import_daily", "schema_migrations"):
        await ready_db[name].delete_many({})
    await ready_db.jobs.drop_index("copy_block")
    times = 1
    while not await migrate(ready_db, pages=2):
        times += 1
    assert times > 10
    assert await state(ready_db) == calm


async def test_a_page_whose_record_was_lost_is_done_again_and_changes_nothing(ready_db: Database):
    await made_by_an_older_version(ready_db)
    assert await migrate(ready_db)
    calm = await state(ready_db)
    await ready_db.schema_migrations.update_many({}, {"$set": {"cursor": ""}, "$unset": {"finished_at": ""}})
    assert await migrate(ready_db)
    assert await state(ready_db) == calm


async def test_an_import_meanwhile_is_not_overwritten(ready_db: Database):
    await made_by_an_older_version(ready_db)
    step = next(step for step in migrations.STEPS if step.name == "quality")
    stored = await jobs.get(ready_db, "a:1")
    assert stored is not None
    real = ready_db.jobs.bulk_write

    class Meanwhile:
        def __getattr__(self, name: str) -> Any:
            return getattr(ready_db.jobs, name)

        async def bulk_write(self, writes: Any, **more: Any) -> Any:
            await ready_db.jobs.update_one({"_id": "a:1"}, {"$set": {"content_hash": b"new", "quality": 3}})
            return await real(writes, **more)

    class Db:
        jobs = Meanwhile()

    pages = backfill.scores(Db(), "", SETTINGS.quality)  # pyright: ignore[reportArgumentType]
    assert step.of == "jobs" and sum([page.changed async for page in pages]) == 35
    assert (await jobs.get(ready_db, "a:1") or {})["quality"] == 3


async def test_a_database_that_begins_empty_needs_nothing(db: Database):
    assert await migrations.sentence(db) == ""
    await migrations.ready(db, RetentionSettings())
    assert await migrations.pending(db) == []
    run = await opened(db)
    await jobs.upsert(db, run, "board", [item(1)], normalise, NOW)
    assert await migrations.pending(db) == []
    await migrations.ready(db, RetentionSettings())
    assert len(await migrations.recorded(db)) == len(migrations.STEPS)


async def test_listings_of_an_older_version_s_worker_are_no_trouble(ready_db: Database):
    """A worker of the version before writes on after the migration: without the new fields, and all reads work."""
    await made_by_an_older_version(ready_db)
    assert await migrate(ready_db)
    run = await opened(ready_db, "a")
    await jobs.upsert(ready_db, run, "a", [item(99)], normalise, NOW)
    await ready_db.jobs.update_one({"_id": "a:99"}, {"$unset": dict.fromkeys(LATER, "")})
    again = next(step for step in migrations.STEPS if step.name == "quality")
    async for row in migrations.apply(ready_db, SETTINGS, again, again=True):
        last = row
    assert last.changed == 1
