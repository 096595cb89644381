"""A listing's own history: told once, by the write that made it, whatever is delivered again."""

from datetime import timedelta

import anyio

from tests.contract.store.making import NOW, SOURCE, item, normalise
from workers.model import Counts, RawItem
from workers.model.change import FieldChange, changes_of
from workers.query import parse
from workers.store import changes, expiry, jobs
from workers.store.connect import Database
from workers.store.search import search


async def imported(db: Database, run: int, *items: RawItem) -> Counts:
    return (await jobs.upsert(db, run, SOURCE, items, normalise, NOW + timedelta(hours=run))).counts


async def told(db: Database, id: str = "1") -> list[FieldChange]:
    document = await jobs.get(db, f"{SOURCE}:{id}")
    assert document is not None
    return changes_of(document)


def changed(run: int, field: str, old: str, new: str, **more: str) -> FieldChange:
    return FieldChange(at=NOW + timedelta(hours=run), run=run, field=field, old=old, new=new, **more)  # pyright: ignore[reportArgumentType]


async def test_every_change_is_told_with_its_run(ready_db: Database):
    await imported(ready_db, 1, item(1))
    assert await told(ready_db) == []
    await imported(ready_db, 2, item(1, "Chief engineer"))
    await imported(ready_db, 3, item(1, "Chief engineer", company="Globex", noise="x"))  # hashed by its title alone
    await imported(ready_db, 4, item(1, "Head", company="Globex"))
    assert await told(ready_db) == [
        changed(4, "company", "Acme", "Globex"),
        changed(4, "title", "Chief engineer", "Head"),
        changed(2, "title", "Engineer", "Chief engineer"),
    ]


async def test_closed_and_opened_are_told(ready_db: Database):
    await imported(ready_db, 1, item(1))
    for _ in range(2):
        await jobs.close_missing(ready_db, SOURCE, b"", 2, NOW + timedelta(hours=2), guard_share=1, guard_min=1)
    await imported(ready_db, 3, item(1, "Back"))
    assert await told(ready_db) == [
        changed(3, "title", "Engineer", "Back"),
        changed(3, "status", "closed", "open"),
        changed(2, "status", "open", "closed", because="missing"),
    ]


async def test_what_is_delivered_again_by_many_at_once_is_told_once(ready_db: Database):
    feed = [item(n) for n in range(60)]
    await imported(ready_db, 1, *feed)
    await jobs.close_missing(ready_db, SOURCE, b"", 2, NOW, guard_share=1, guard_min=1)
    later = [item(n, f"Engineer {n % 2}") for n in range(60)]
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(imported, ready_db, 3, *later)
    assert await imported(ready_db, 3, *later) == Counts(updated=60)
    async for row in ready_db.jobs.find():
        assert sorted((each["run"], each["field"]) for each in row["changes"]) == [
            (2, "status"),
            (3, "status"),
            (3, "title"),
        ]


async def test_what_no_run_counts_has_no_run(ready_db: Database):
    await imported(ready_db, 1, item(1))
    await imported(ready_db, 2, item(1, "Engineer, cleaned better", version="2"))
    await ready_db.jobs.update_one({}, {"$set": {"valid_through": NOW - timedelta(days=9)}})
    await expiry.close_expired(ready_db, NOW, grace=timedelta(days=1), busy=(), worker="w")
    assert [(each.run, each.field, each.new, each.because) for each in await told(ready_db)] == [
        (None, "status", "closed", "expired"),
        (None, "title", "Engineer, cleaned better", "rewritten"),
    ]
    assert await ready_db.jobs.count_documents({"changes.run": {"$gt": 0}}) == 0


async def test_the_oldest_entries_go(ready_db: Database):
    for run in range(1, changes.MOST + 10):
        await imported(ready_db, run, item(1, f"Engineer {run}"))
    entries = await told(ready_db)
    assert len(entries) == changes.MOST
    assert (entries[0].run, entries[-1].run) == (changes.MOST + 9, 10)


async def test_the_listings_of_a_run_are_found_by_its_number(ready_db: Database):
    await imported(ready_db, 1, *(item(n) for n in range(50)))
    await imported(ready_db, 2, *(item(n, "Chief" if n < 5 else "Engineer") for n in range(50)))
    await imported(ready_db, 3, *(item(n, "Head" if n < 9 else "Engineer") for n in range(50)))
    command = {"find": "jobs", "filter": {"changes.run": 2}, "sort": {"posted_at": -1, "_id": -1}}
    plan = (await ready_db.command("explain", command, verbosity="executionStats"))["executionStats"]
    assert (plan["nReturned"], plan["totalDocsExamined"]) == (5, 5)
    await ready_db.import_logs.insert_many([{"_id": run, "source": SOURCE} for run in (1, 2)])
    assert [len(await search(ready_db, parse(f"changed:run:{run}"))) for run in (1, 2)] == [0, 5]
