"""Copies across sources are linked and never merged; however the linking was cut short, the last to do it is right."""

import random
from datetime import timedelta
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest

from tests.contract.store.making import NOW, item, normalise, opened, seen
from workers.analysis.copies import copy_key
from workers.model import BatchTotals, Job, RawItem, Reject, Run, Stats, Timing
from workers.store import copies, jobs, runs
from workers.store.connect import Database
from workers.store.writing import Overtaken

TEXT = "We are looking for an engineer who keeps our platform healthy and our customers happy. " * 3
OTHER = "The night shift in the warehouse needs somebody who can drive a forklift and count boxes. " * 3


def advertised(raw: RawItem) -> Job | Reject:
    job = normalise(raw)
    if isinstance(job, Reject):
        return job
    text = raw.fields.get("text", [TEXT])[0]
    return msgspec.structs.replace(
        job, description=text, content_hash=raw.raw_hash, copy_key=copy_key(job.company, job.title)
    )


async def imported(db: Database, source: str, *items: RawItem, close: bool = False) -> Run:
    """A run of a source, ended; with `close`, of a snapshot."""
    id = await opened(db, source)
    await jobs.upsert(db, id, source, items, advertised, NOW)
    if close:
        present = seen(*(one.external_id for one in items))
        await jobs.close_missing(db, source, present, id, NOW, guard_share=1, guard_min=1)
    await runs.finish(db, id, state="succeeded", stats=Stats(), batches=BatchTotals(), timing=Timing())
    run = await runs.get(db, id)
    assert run is not None
    return run


async def link(db: Database) -> int:
    """What the linker does in a round."""
    moved = sum([await copies.link_run(db, run) for run in await copies.due(db)])
    return moved + await copies.link_closed(db)


async def links(db: Database) -> dict[str, str]:
    """Each listing in a group, and the group's first listing."""
    found: dict[str, str] = {}
    async for row in db.jobs.find({"copy_group": {"$gt": ""}}):
        assert row.get("copy_of") == (None if row["copy_group"] == row["_id"] else row["copy_group"])
        found[row["_id"]] = row["copy_group"]
    return found


async def test_the_same_job_in_three_sources_is_one_group_and_three_listings(ready_db: Database):
    await imported(ready_db, "a", item(1), item(2, "Nurse"))
    await imported(ready_db, "b", item(7, text=TEXT.replace("happy", "glad")), item(8, text=OTHER))
    await imported(ready_db, "c", item(9, "Engineer (m/w/d)", company="ACME Inc."))
    before = {row["_id"]: row async for row in ready_db.jobs.find()}
    assert await link(ready_db) == 3
    assert await links(ready_db) == dict.fromkeys(("a:1", "b:7", "c:9"), "a:1")
    async for row in ready_db.jobs.find():
        linked = {name: row.pop(name) for name in ("copy_group", "copy_of") if name in row}
        assert row == before[row["_id"]]
        assert ("copy_group" in linked) == (row["_id"] in ("a:1", "b:7", "c:9"))
    assert await copies.due(ready_db) == []
    assert await link(ready_db) == 0
    shown = await copies.others(ready_db, await jobs.get(ready_db, "b:7") or {})
    assert [(one.id, one.copy_of) for one in shown] == [("a:1", None), ("c:9", "a:1")]
    assert await copies.others(ready_db, await jobs.get(ready_db, "a:2") or {}) == []


async def test_a_copy_that_is_changed_leaves_its_group_and_the_rest_stays(ready_db: Database):
    for source in "abc":
        await imported(ready_db, source, item(1))
    await link(ready_db)
    await imported(ready_db, "a", item(1, "Head of everything"))  # the first of the group, into another block
    await link(ready_db)
    assert await links(ready_db) == {"b:1": "b:1", "c:1": "b:1"}
    await imported(ready_db, "c", item(1, text=OTHER))
    await link(ready_db)
    assert await links(ready_db) == {}


async def test_closed_listings_are_in_no_group_and_return_to_it(ready_db: Database):
    for source in "abc":
        await imported(ready_db, source, item(1), item(2, "Nurse"))
    await link(ready_db)
    await imported(ready_db, "a", item(2, "Nurse"), close=True)
    await link(ready_db)
    nurses = dict.fromkeys(("a:2", "b:2", "c:2"), "a:2")
    assert await links(ready_db) == {"b:1": "b:1", "c:1": "b:1", **nurses}
    await imported(ready_db, "a", item(1), item(2, "Nurse"))
    await link(ready_db)
    assert await links(ready_db) == {**dict.fromkeys(("a:1", "b:1", "c:1"), "a:1"), **nurses}


async def test_what_was_closed_by_nobody_s_run_is_found_too(ready_db: Database):
    for source in "ab":
        await imported(ready_db, source, item(1))
    await link(ready_db)
    await ready_db.jobs.update_one({"_id": "a:1"}, {"$set": {"status": "closed", "closed_because": "expired"}})
    assert await link(ready_db) == 2
    assert await links(ready_db) == {}


async def test_a_linker_killed_at_any_write_is_made_good_by_the_next(ready_db: Database):
    """Each time it dies one write later; what is left is always what a calm one leaves."""

    class Killed(Exception):
        pass

    for source in "abc":
        await imported(ready_db, source, *(item(n, f"Engineer {n}") for n in range(5)))
    calm = {f"{source}:{n}": f"a:{n}" for source in "abc" for n in range(5)}
    for after in range(4):
        await ready_db.jobs.update_many({}, {"$unset": {"copy_group": "", "copy_of": ""}})
        await ready_db.import_logs.update_many({}, {"$set": {"copies_due": True}})
        written = 0

        async def dying() -> bool:
            nonlocal written
            written += 1
            if written > after:  # noqa: B023
                raise Killed
            return True

        died = False
        for run in await copies.due(ready_db):
            try:
                await copies.link_run(ready_db, run, may_write=dying)
            except Killed:
                died = True
                break
        assert died == (await copies.due(ready_db) != [])
        await link(ready_db)
        assert await links(ready_db) == calm


async def test_who_has_lost_the_lease_writes_nothing(ready_db: Database):
    for source in "ab":
        await imported(ready_db, source, item(1))

    async def lost() -> bool:
        return False

    [run, _] = await copies.due(ready_db)
    with pytest.raises(Overtaken):
        await copies.link_run(ready_db, run, may_write=lost)
    assert await links(ready_db) == {}


async def test_a_linker_that_slept_between_reading_and_writing_puts_right_what_it_wrote(ready_db: Database):
    for source in "abc":
        await imported(ready_db, source, item(1))

    async def meanwhile() -> bool:
        if await ready_db.jobs.count_documents({"_id": "a:1", "status": "open"}):
            await ready_db.jobs.update_one({"_id": "a:1"}, {"$set": {"status": "closed"}})
            await link(ready_db)
        return True

    await copies.link(ready_db, {copy_key("Acme", "Engineer")}, may_write=meanwhile)
    assert await links(ready_db) == {"b:1": "b:1", "c:1": "b:1"}


async def test_many_at_once_while_listings_change_come_to_the_same_as_one_afterwards(ready_db: Database):
    rng = random.Random(4)
    texts, titles = (TEXT, OTHER, TEXT[:150]), ("Engineer", "Nurse", "Engineer (f/m/x)")

    async def importing(source: str) -> None:
        for _ in range(4):
            feed = [item(n, rng.choice(titles), text=rng.choice(texts)) for n in range(rng.randint(4, 8))]
            await imported(ready_db, source, *feed, close=True)

    async def linking() -> None:
        for _ in range(6):
            await link(ready_db)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        for source in "abcd":
            tasks.start_soon(importing, source)
        for _ in range(3):
            tasks.start_soon(linking)
    await link(ready_db)
    found = await links(ready_db)
    await ready_db.jobs.update_many({}, {"$unset": {"copy_group": "", "copy_of": ""}})
    keys = {row["copy_key"] async for row in ready_db.jobs.find()}
    await copies.link(ready_db, keys)
    assert found == await links(ready_db) != {}


async def test_a_block_that_is_too_large_is_left_alone(ready_db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(copies, "MOST", 5)
    await imported(ready_db, "a", *(item(n) for n in range(4)))
    await imported(ready_db, "b", item(1))
    await link(ready_db)
    assert len(await links(ready_db)) == 5
    await imported(ready_db, "b", item(1), item(2))
    await link(ready_db)
    assert await links(ready_db) == {}


async def test_what_no_run_told_of_is_put_right_once_a_day(ready_db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(copies, "_CHUNK", 4)
    for source in "ab":
        await imported(ready_db, source, *(item(n, f"Engineer {n}") for n in range(5)))
    await ready_db.import_logs.update_many({}, {"$set": {"copies_due": False}})
    moved = [await copies.walk_on(ready_db, NOW) for _ in range(9)]
    assert sum(moved) == len(await links(ready_db)) == 10
    assert moved[-1] == 0
    await ready_db.jobs.update_many({}, {"$unset": {"copy_group": "", "copy_of": ""}})
    assert [await copies.walk_on(ready_db, NOW + timedelta(hours=23)) for _ in range(3)] == [0, 0, 0]
    assert await copies.walk_on(ready_db, NOW + timedelta(hours=25)) > 0


async def test_blocks_and_groups_are_read_by_index(ready_db: Database):
    await imported(ready_db, "a", *(item(n, f"Engineer {n}") for n in range(50)))
    await imported(ready_db, "b", *(item(n, f"Engineer {n}") for n in range(3)))
    await link(ready_db)
    asked: list[dict[str, Any]] = [
        {"copy_key": {"$in": [copy_key("Acme", "Engineer 1"), copy_key("Acme", "Engineer 2")]}},
        {"status": "open", "copy_group": "a:2", "_id": {"$ne": "a:2"}},
        {"status": "closed", "copy_group": {"$gt": ""}},
    ]
    for where, most in zip(asked, (4, 2, 0), strict=True):
        told = await ready_db.command("explain", {"find": "jobs", "filter": where}, verbosity="executionStats")
        assert told["executionStats"]["totalDocsExamined"] <= most
