"""Runs as the console and the command list them. Pages go by key, never by skipping."""

from collections.abc import Sequence
from datetime import datetime

from workers.analysis.compare import BEFORE, Comparison, compare
from workers.model import Run, RunState
from workers.store.connect import Database
from workers.store.documents import Document, from_document

WHOLE: tuple[RunState, ...] = ("succeeded", "partial")
ENDED: tuple[RunState, ...] = (*WHOLE, "unchanged", "degraded", "failed", "cancelled")

_LAST_LINE = {"error_log": {"$slice": -1}}


async def recent(
    db: Database,
    *,
    limit: int = 200,
    before: tuple[datetime, int] | None = None,
    source: str | None = None,
    state: RunState | Sequence[RunState] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Run]:
    """List runs, newest first, with only the last line of their error_log.

    `before` is (queued_at, id) of the last run of the page before. `since` (included) and `until` (not included)
    bound queued_at.
    """
    where: Document = {}
    queued: Document = {}
    if since is not None:
        queued["$gte"] = since
    if until is not None:
        queued["$lt"] = until
    if source is not None:
        where["source"] = source
    if state is not None:
        where["state"] = state if isinstance(state, str) else {"$in": list(state)}
    if before is not None:
        at, id = before
        queued["$lte"] = at
        where["$or"] = [{"queued_at": {"$lt": at}}, {"_id": {"$lt": id}}]
    if queued:
        where["queued_at"] = queued
    rows = db.import_logs.find(where, _LAST_LINE).sort({"queued_at": -1, "_id": -1}).limit(limit)
    return [from_document(row, Run) async for row in rows]


async def newest(db: Database) -> tuple[int, RunState] | None:
    """Id and state of the newest run: one small read that tells whether any run began, or the newest moved."""
    row = await db.import_logs.find_one({}, {"state": True}, sort=[("queued_at", -1), ("_id", -1)])
    return (row["_id"], row["state"]) if row else None


async def last_states(db: Database, source: str, limit: int) -> list[str]:
    """List the states of a source's newest runs, newest first."""
    rows = db.import_logs.find({"source": source}, {"state": True}).sort({"queued_at": -1, "_id": -1}).limit(limit)
    return [row["state"] async for row in rows]


async def last_of_sources(db: Database) -> dict[str, Run]:
    """Return the newest run of every source."""
    pipeline = [
        {"$sort": {"source": 1, "queued_at": -1, "_id": -1}},
        {"$group": {"_id": "$source", "run": {"$first": "$$ROOT"}}},
    ]
    rows = [group["run"] async for group in await db.import_logs.aggregate(pipeline)]
    last = [from_document({**row, "error_log": row.get("error_log", [])[-1:]}, Run) for row in rows]
    return {run.source: run for run in last}


async def finished(db: Database, ids: Sequence[int]) -> dict[int, datetime]:
    """Return when runs ended, by id; without those that have not, or are no longer kept."""
    rows = db.import_logs.find({"_id": {"$in": list(ids)}, "finished_at": {"$ne": None}}, {"finished_at": True})
    return {row["_id"]: row["finished_at"] async for row in rows}


async def to_judge(db: Database, source: str, *, window: int) -> list[Run]:
    """Read the newest ended runs of a source, `window` of any kind and as many of those that read a whole body."""
    found: list[Run] = []
    for states in (ENDED, WHOLE):
        where = {"source": source, "state": {"$in": states}, "active": False}
        rows = db.import_logs.find(where, _LAST_LINE).sort({"queued_at": -1, "_id": -1}).limit(window)
        found += [from_document(row, Run) async for row in rows]
    return found


async def compared(db: Database, run: Run) -> Comparison:
    """Read what came before a run of its source, and compare."""
    where = {
        "source": run.source,
        "state": {"$in": WHOLE},
        "queued_at": {"$lte": run.queued_at},
        "_id": {"$lt": run.id},
    }
    rows = db.import_logs.find(where, {"error_log": False}).sort({"queued_at": -1, "_id": -1}).limit(BEFORE * 2)
    return compare(run, [from_document(row, Run) async for row in rows])
