"""Promise 9: listings are closed only where a complete snapshot proves them gone, and never too many at once."""

from datetime import timedelta
from typing import Any

from tests.contract.store.making import NOW, SOURCE, item, normalise, seen
from workers.store import jobs
from workers.store.connect import Database

LONG = "x" * 300


async def close(db: Database, run: int, *present: str | int, share: float = 0.5, least: int = 20) -> jobs.ClosePlan:
    return await jobs.close_missing(db, SOURCE, seen(*present), run, NOW, guard_share=share, guard_min=least)


async def imported(db: Database, run: int, *ids: str | int) -> None:
    await jobs.upsert(db, run, SOURCE, [item(id) for id in ids], normalise, NOW)


async def statuses(db: Database) -> dict[str, str]:
    return {row["external_id"][:3]: row["status"] async for row in db.jobs.find()}


async def test_what_the_feed_no_longer_has_is_closed(ready_db: Database):
    await imported(ready_db, 1, "a", "b", "c", LONG, LONG + "2", "#d")
    await jobs.upsert(ready_db, 1, "other", [item("a")], normalise, NOW)
    before = await jobs.get(ready_db, "board:a")
    assert await close(ready_db, 2, "b", LONG) == jobs.ClosePlan(known=6, missing=4, closed=4)
    rows: list[dict[str, Any]] = await ready_db.jobs.find({"status": "closed"}).to_list()
    assert {row["external_id"] for row in rows} == {"a", "c", LONG + "2", "#d"}
    row = next(row for row in rows if row["external_id"] == "a")
    assert before is not None
    metadata = {**before["metadata"], "closed_at": NOW}
    told = [{"at": NOW, "run": 2, "field": "status", "old": "open", "new": "closed", "because": "missing"}]
    expected = {"status": "closed", "closed_run": 2, "closed_because": "missing", "metadata": metadata, "changes": told}
    assert row == {**before, **expected}
    assert (await jobs.recount(ready_db, 2, SOURCE)).total == 0


async def test_a_closer_that_runs_again_finds_the_same(ready_db: Database):
    await imported(ready_db, 1, *range(40))
    await imported(ready_db, 2, *range(5), 100)
    plan = await close(ready_db, 2, *range(5), 100, share=0.9)
    assert plan == jobs.ClosePlan(known=40, missing=35, closed=35)
    assert await close(ready_db, 2, *range(5), 100, share=0.9) == plan


async def test_a_closer_that_died_halfway_is_finished_by_the_next(ready_db: Database):
    await imported(ready_db, 1, *range(40))
    where = {"external_id": {"$in": ["30", "31"]}}
    await ready_db.jobs.update_many(where, {"$set": {"status": "closed", "closed_run": 2}})
    assert await close(ready_db, 2, *range(20)) == jobs.ClosePlan(known=40, missing=20, closed=20)


async def test_too_many_at_once_are_held(ready_db: Database):
    await imported(ready_db, 1, *range(50))
    await imported(ready_db, 2, *range(100, 150))
    present = [*range(24), *range(100, 150)]
    assert await close(ready_db, 2, *present) == jobs.ClosePlan(known=50, missing=26, closed=0, held=True)
    assert set((await statuses(ready_db)).values()) == {"open"}
    assert (await close(ready_db, 2, *present, 24)).closed == 25


async def test_a_few_may_all_be_gone(ready_db: Database):
    await imported(ready_db, 1, *range(20))
    assert await close(ready_db, 2) == jobs.ClosePlan(known=20, missing=20, closed=20)


async def test_a_frozen_closer_closes_nothing_that_a_later_run_brought_or_changed(ready_db: Database):
    await imported(ready_db, 1, "old", "kept")
    await close(ready_db, 2, "kept")
    await imported(ready_db, 3, "old", "kept", "new")
    assert (await close(ready_db, 2, "kept")).closed == 0
    assert await statuses(ready_db) == {"old": "open", "kep": "open", "new": "open"}


async def test_the_scan_reads_keys_only(ready_db: Database):
    await imported(ready_db, 1, *range(100))
    command = {
        "find": "jobs",
        "filter": {"source": SOURCE, "status": "open"},
        "projection": {"_id": 1},
        "hint": "source_status",
    }
    told = await ready_db.command("explain", command, verbosity="executionStats")
    stats = told["executionStats"]
    assert (stats["totalKeysExamined"], stats["totalDocsExamined"]) == (100, 0)
    command = {"count": "jobs", "query": {"source": SOURCE, "changed_run": 1, "first_run": 1}}
    told = await ready_db.command("explain", command, verbosity="executionStats")
    assert told["executionStats"]["totalDocsExamined"] == 0


async def test_times_are_cut_to_what_mongodb_keeps(ready_db: Database):
    await imported(ready_db, 1, 1)
    late = NOW + timedelta(microseconds=456)
    await jobs.close_missing(ready_db, SOURCE, b"", 2, late, guard_share=1, guard_min=1)
    row = await jobs.get(ready_db, "board:1")
    assert row is not None
    assert row["metadata"]["closed_at"] == NOW
