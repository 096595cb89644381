"""Rows of `import_daily`: recomputed from the runs of a source and day, never counted up.

A run that ends is `tally_due` until the row of its day was written from a reading that held it. Whoever ended it
recomputes at once; a process that dies between the two leaves the flag, and the reconciler recomputes. The row is
replaced by compare-and-set on its revision, so that of two who recompute at once the one that read later stays.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from workers.analysis.daily import day_id, day_of, midnight
from workers.model import Run, Scores
from workers.model.daily import Day
from workers.store.connect import Database
from workers.store.documents import Document, from_document, to_document

_ROUNDS = 6
_DAY = timedelta(days=1)
_LIGHT = {"error_log": False, "mapping_hash": False}


async def recompute(db: Database, source: str, moment: datetime) -> bool:
    """Write the row of a source and the UTC day of a moment anew; False when others do so at this very moment.

    Any number may do it, any number of times. A row never loses a run: what has expired stays counted.
    """
    day = midnight(moment)
    for _ in range(_ROUNDS):
        stored = await db.import_daily.find_one({"_id": day_id(source, day)}, {"revision": True, "runs": True})
        # Read after the revision: who has replaced the row since makes the replacing below fail.
        runs = await _ended(db, source, day)
        fresh = day_of(source, day, runs, revision=int(stored["revision"]) + 1 if stored else 1)
        if fresh.runs < (stored["runs"] if stored else 1) or await _replace(db, fresh):
            await _told(db, runs)
            return True
    return False


async def due(db: Database, *, limit: int = 500) -> list[tuple[str, datetime]]:
    """List source and day of ended runs that no row knows of yet, without repeats."""
    runs = db.import_logs.find({"tally_due": True, "active": False}, {"source": True, "queued_at": True}).limit(limit)
    return sorted({(row["source"], midnight(row["queued_at"])) async for row in runs})


async def tally(db: Database) -> int:
    """Recompute the days that are due; returns how many."""
    days = await due(db)
    for source, day in days:
        await recompute(db, source, day)
    return len(days)


async def _ended(db: Database, source: str, day: datetime) -> list[Run]:
    where = {"source": source, "queued_at": {"$gte": day, "$lt": day + _DAY}, "active": False}
    return [from_document(row, Run) async for row in db.import_logs.find(where, _LIGHT)]


async def _replace(db: Database, fresh: Day) -> bool:
    row = to_document(fresh)
    if fresh.revision > 1:
        where = {"_id": fresh.id, "revision": fresh.revision - 1}
        return (await db.import_daily.replace_one(where, row)).matched_count == 1
    try:
        await db.import_daily.insert_one(row)
    except DuplicateKeyError:
        return False
    return True


async def _told(db: Database, runs: Sequence[Run]) -> None:
    """Take the flags off; not of a run that was requeued and has ended anew since it was read."""
    off = [
        UpdateOne({"_id": run.id, "active": False, "finished_at": run.finished_at}, {"$set": {"tally_due": False}})
        for run in runs
        if run.tally_due
    ]
    if off:
        await db.import_logs.bulk_write(off, ordered=False)


async def of_source(db: Database, source: str, since: datetime, until: datetime) -> list[Day]:
    """Read a source's days from the day of `since` to the day of `until`, oldest first; days without runs are zeros."""
    first, last = midnight(since), midnight(until)
    where = {"_id": {"$gte": day_id(source, first), "$lte": day_id(source, last)}}
    found = [from_document(row, Day) async for row in db.import_daily.find(where).sort("_id", 1)]
    by_day = {row.day: row for row in found}
    return [by_day.get(day) or day_of(source, day, ()) for day in _days(first, last)]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Days added up: over all sources (`day` is set) or over time (`source` is set); `rows` says how many.

    `p95_ms` is the slowest of the rows' 95th percentiles: percentiles cannot be added up.
    """

    day: datetime | None = None
    source: str = ""
    rows: int = 0
    runs: int = 0
    failures: int = 0
    judged: int = 0
    new: int = 0
    updated: int = 0
    closed: int = 0
    failed: int = 0
    bytes: int = 0
    scored: int = 0
    quality_sum: int = 0
    p95_ms: int | None = None
    last_success_at: datetime | None = None

    @property
    def failure_rate(self) -> float | None:
        """Failures among the runs that were not cancelled; None where there were none."""
        return self.failures / self.judged if self.judged else None

    @property
    def quality(self) -> float | None:
        """Mean score of the listings that were read; None where none was scored."""
        return Scores(self.scored, self.quality_sum).mean


async def by_day(db: Database, since: datetime, until: datetime) -> list[Totals]:
    """Add up all sources for each day, oldest first; days without runs are zeros. 30 days of 200 sources: 60 ms."""
    first, last = midnight(since), midnight(until)
    found = [Totals(day=day, **sums) for day, sums in await _grouped(db, "$day", first, last)]
    known = {row.day: row for row in found}
    return [known.get(day) or Totals(day=day) for day in _days(first, last)]


async def by_source(db: Database, since: datetime, until: datetime) -> list[Totals]:
    """Add up the days of each source that ran, by name."""
    sums = await _grouped(db, "$source", midnight(since), midnight(until))
    return sorted((Totals(source=source, **sums) for source, sums in sums), key=lambda row: row.source)


_SUMMED = ("runs", "failures", "judged", "new", "updated", "closed", "failed", "bytes", "scored", "quality_sum")
_SUMS: Document = {
    "rows": {"$sum": 1},
    **{name: {"$sum": f"${name}"} for name in _SUMMED},
    **{name: {"$max": f"${name}"} for name in ("p95_ms", "last_success_at")},
}


async def _grouped(db: Database, key: str, first: datetime, last: datetime) -> list[tuple[Any, dict[str, Any]]]:
    pipeline = [{"$match": {"day": {"$gte": first, "$lte": last}}}, {"$group": {"_id": key, **_SUMS}}]
    groups = [group async for group in await db.import_daily.aggregate(pipeline)]
    return [(group.pop("_id"), group) for group in groups]


def _days(first: datetime, last: datetime) -> list[datetime]:
    return [first + _DAY * n for n in range((last - first).days + 1)]
