"""Listings that are over by their date or by age are closed in no run; every count of every run stays as it was."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from tests.contract.store.making import NOW, SOURCE, item, normalise, seen
from workers.model import Counts, Job, RawItem, Reject
from workers.store import closing, expiry, jobs
from workers.store.connect import Database

DAY = timedelta(days=1)


def dated(raw: RawItem) -> Job | Reject:
    job = normalise(raw)
    until = raw.fields.get("until")
    return msgspec.structs.replace(job, valid_through=datetime.fromisoformat(until[0])) if until else job


def until(id: str, days: float, **more: str) -> RawItem:
    return item(id, until=(NOW + timedelta(days=days)).isoformat(), **more)


async def imported(db: Database, run: int, *items: RawItem) -> Counts:
    return (await jobs.upsert(db, run, SOURCE, items, dated, NOW)).counts


async def expired(db: Database, **more: Any) -> list[tuple[str, int | None]]:
    asked: dict[str, Any] = {"grace": DAY, "busy": (), "worker": "w", **more}
    return [(each.source, each.closed) for each in await expiry.close_expired(db, NOW, **asked)]


async def closed(db: Database) -> dict[str, str]:
    return {row["external_id"]: row["closed_because"] async for row in db.jobs.find({"status": "closed"})}


async def test_what_is_past_its_date_and_the_grace_is_closed_and_recorded(ready_db: Database):
    await imported(ready_db, 1, until("gone", -2), until("grace", -0.5), until("open", 3), item("dateless"))
    before = await closing.recount(ready_db, 1, SOURCE)
    assert await expired(ready_db, busy={SOURCE}) == []
    assert await expired(ready_db) == [(SOURCE, 1)]
    assert await expired(ready_db) == []
    assert await closed(ready_db) == {"gone": "expired"}
    assert await closing.recount(ready_db, 1, SOURCE) == before
    assert await closing.closed_by(ready_db, SOURCE, 1) == 0
    [record] = await expiry.recent(ready_db, limit=10)
    assert (record.source, record.because, record.planned, record.closed) == (SOURCE, "expired", 1, 1)
    assert await expiry.recent(ready_db, limit=10, source="other") == []


async def test_a_feed_that_still_has_it_opens_it_only_with_another_date(ready_db: Database):
    old = until("a", -2)
    await imported(ready_db, 1, old, item("b"))
    await expired(ready_db)
    assert await imported(ready_db, 2, old, item("b")) == Counts(unchanged=2)
    noisy = until("a", -2, noise="x")
    assert await imported(ready_db, 3, noisy) == Counts(unchanged=1)
    assert await closed(ready_db) == {"a": "expired"}
    again = until("a", 30, title="Engineer, again")
    assert await imported(ready_db, 4, again) == Counts(updated=1)
    assert await closed(ready_db) == {}
    row = await jobs.get(ready_db, "board:a")
    assert row is not None
    assert (row["closed_because"], row["metadata"]["closed_at"]) == ("", None)


async def test_a_batch_delivered_again_after_its_listing_expired_counts_the_same(ready_db: Database):
    items = [until("a", -2), item("b")]
    assert await imported(ready_db, 1, *items) == Counts(new=2)
    await expired(ready_db)
    assert await imported(ready_db, 1, *items) == Counts(new=2)
    assert await closed(ready_db) == {"a": "expired"}


async def test_what_a_snapshot_missed_and_what_expired_are_told_apart(ready_db: Database):
    await imported(ready_db, 1, until("late", -2), item("missing"), item("kept"))
    await expired(ready_db)
    plan = await closing.close_missing(ready_db, SOURCE, seen("kept"), 2, NOW, guard_share=1, guard_min=20)
    assert (plan.closed, await closing.closed_by(ready_db, SOURCE, 2)) == (1, 1)
    assert await closed(ready_db) == {"late": "expired", "missing": "missing"}


async def test_the_dates_are_found_by_their_index(ready_db: Database):
    await imported(ready_db, 1, *[item(n) for n in range(50)], until("a", -2), until("b", 9))
    where = {"status": "open", "valid_through": {"$gt": expiry.EPOCH, "$lt": NOW}}
    told = await ready_db.command(
        "explain", {"find": "jobs", "filter": where, "hint": "open_until"}, verbosity="executionStats"
    )
    assert told["executionStats"]["totalKeysExamined"] <= 2
