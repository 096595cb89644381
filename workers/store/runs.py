"""Rows of `import_logs`: one import of one source, opened once and moved by compare-and-set.

queued -> fetching -> importing -> closing -> an end. `active` is True exactly before the end; a partial unique
index holds one active run a source. Lists for people are in history; an ended run is made active again in revival.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from workers.errors import Transient
from workers.model import (
    ACTIVE_STATES,
    BatchTotals,
    FetchFacts,
    LogEntry,
    Run,
    RunState,
    Scores,
    Stats,
    Timing,
    Trigger,
)
from workers.store import ledger
from workers.store.connect import Database
from workers.store.documents import Document, from_document, storable, to_document, to_value, utc_now
from workers.store.history import last_of_sources, recent
from workers.store.revival import RunGone, reactivate

__all__ = [
    "RunGone",
    "active",
    "active_of",
    "beat",
    "beat_close",
    "begin_close",
    "begin_fetch",
    "end_fetch",
    "finish",
    "get",
    "last_of_sources",
    "log",
    "open_run",
    "reactivate",
    "recent",
    "request_cancel",
    "set_rung",
    "stale",
    "unbegin_fetch",
]

LOG_CAP = 100
LOG_TEXT_LIMIT = 500

_ROUNDS = 6
_CLOCKS_DIFFER = timedelta(days=1)  # more than the clocks of two machines ever do


async def open_run(
    db: Database,
    *,
    source: str,
    trigger: Trigger,
    requested_by: str,
    priority: Literal["normal", "high"],
    slot: datetime | None = None,
    app_version: str,
) -> tuple[Run, bool]:
    """Open a run of a source; False with the run that stands in its way: the active one, or the slot's.

    Forty at once open one. Raises Transient when the holders change faster than they can be read.
    """
    for _ in range(_ROUNDS):
        if holder := await _holder(db, source, slot):
            return holder, False
        queued_at = utc_now()
        run = Run(
            id=await _next_id(db),
            source=source,
            state="queued",
            active=True,
            trigger=trigger,
            queued_at=queued_at,
            requested_by=storable(requested_by, 200),
            priority=priority,
            slot=slot,
            app_version=app_version,
        )
        try:
            await db.import_logs.insert_one(to_document(run))
        except DuplicateKeyError:
            continue
        if not await _overtaken(db, run):
            return run, True
    raise Transient(f"no run of {source} could be opened: others open and end at this moment")


async def _holder(db: Database, source: str, slot: datetime | None) -> Run | None:
    row = await db.import_logs.find_one({"source": source, "active": True})
    if row is None and slot is not None:
        row = await db.import_logs.find_one({"source": source, "slot": slot})
    return None if row is None else from_document(row, Run)


async def _next_id(db: Database) -> int:
    row = await db.counters.find_one_and_update(
        {"_id": "run"}, {"$inc": {"n": 1}}, upsert=True, return_document=ReturnDocument.AFTER
    )
    return int(cast("Document", row)["n"])


async def _overtaken(db: Database, run: Run) -> bool:
    """Take back a run whose id was drawn before a later run of the source was opened and ended.

    Its stamps would be older than theirs, and it would change nothing. We hold the source now: none can follow.
    """
    since = run.queued_at - _CLOCKS_DIFFER
    later = {"source": run.source, "queued_at": {"$gte": since}, "_id": {"$gt": run.id}}
    if await db.import_logs.find_one(later, {"_id": True}) is None:
        return False
    taken_back = await db.import_logs.delete_one({"_id": run.id, "state": "queued", "fetch_epoch": 0})
    return taken_back.deleted_count == 1


async def get(db: Database, run_id: int) -> Run | None:
    """Read one run."""
    row = await db.import_logs.find_one({"_id": run_id})
    return None if row is None else from_document(row, Run)


async def active(db: Database) -> list[Run]:
    """List the active runs, oldest first."""
    rows = db.import_logs.find({"state": {"$in": ACTIVE_STATES}, "active": True}).sort("_id", 1)
    return [from_document(row, Run) async for row in rows]


async def active_of(db: Database, source: str) -> Run | None:
    """Read the active run of a source."""
    return await _holder(db, source, None)


async def begin_fetch(db: Database, run_id: int, *, worker: str) -> int | None:
    """Move queued|fetching -> fetching and take the next fetch_epoch, which outdates every earlier delivery.

    None when the run does not want fetching any more: it is importing, ended or cancelled.
    """
    now = utc_now()
    row = await db.import_logs.find_one_and_update(
        {"_id": run_id, "state": {"$in": ["queued", "fetching"]}, "cancel_requested": False},
        {
            "$set": {"state": "fetching", "heartbeat": now, "worker": worker},
            "$min": {"started_at": now},
            "$inc": {"fetch_epoch": 1},
        },
        projection={"fetch_epoch": True},
        return_document=ReturnDocument.AFTER,
    )
    return None if row is None else int(row["fetch_epoch"])


async def unbegin_fetch(db: Database, run_id: int, epoch: int) -> bool:
    """Give a fetch_epoch back that met no feed; False where another has taken the next, or the run went on."""
    where = {"_id": run_id, "fetch_epoch": epoch, "state": "fetching"}
    state = {"state": "queued"} if epoch == 1 else {}
    change = {"$inc": {"fetch_epoch": -1}, "$unset": {"heartbeat": ""}, **({"$set": state} if state else {})}
    return await _update(db, where, change)


async def beat(db: Database, run_id: int, epoch: int, **facts: int | str | None) -> bool:
    """Say that the fetch is alive, and what it has met so far (fields of FetchFacts).

    False when it must stop: the epoch moved on, or the run was cancelled or ended.
    """
    unknown = facts.keys() - set(FetchFacts.__struct_fields__)
    if unknown:
        raise TypeError(f"not a fact of a fetch: {', '.join(sorted(unknown))}")
    change: Document = {"heartbeat": utc_now(), **{f"fetch.{name}": value for name, value in facts.items()}}
    where = {"_id": run_id, "fetch_epoch": epoch, "state": "fetching", "cancel_requested": False}
    return await _update(db, where, {"$set": change})


async def end_fetch(
    db: Database,
    run_id: int,
    epoch: int,
    *,
    fetch: FetchFacts,
    batches_total: int,
    duplicates: int,
    fill_rate: dict[str, float],
    mapping_hash: bytes,
    degraded: str,
) -> bool:
    """Move fetching -> importing and say how many rows there are; False when the epoch moved on."""
    change: Document = {
        "state": "importing",
        "fetch": to_value(fetch),
        "batches": to_value(BatchTotals(total=batches_total)),
        "stats.duplicates": duplicates,
        "fill_rate": fill_rate,
        "mapping_hash": mapping_hash,
        "degraded": storable(degraded, LOG_TEXT_LIMIT),
        "timing.fetch": fetch.duration_ms,
    }
    where = {"_id": run_id, "fetch_epoch": epoch, "state": "fetching"}
    return await _update(db, where, {"$set": change, "$unset": {"heartbeat": ""}})


async def begin_close(db: Database, run_id: int) -> Run | None:
    """Move importing|closing -> closing; any number of closers may do it. None when the run cannot be closed.

    That is while rows are pending or the fetch has not ended, and once the run has. A cancelled run closes from
    any active state; its fetch_epoch moves on, so that a living fetch stops.
    """
    if await ledger.pending(db, run_id):
        return None
    change: dict[str, Any] = {"$set": {"state": "closing", "heartbeat": utc_now()}}
    for where in (
        {"_id": run_id, "state": {"$in": ["importing", "closing"]}},
        {"_id": run_id, "state": {"$in": ["queued", "fetching"]}, "cancel_requested": True},
    ):
        if "cancel_requested" in where:
            change["$inc"] = {"fetch_epoch": 1}
        row = await db.import_logs.find_one_and_update(where, change, return_document=ReturnDocument.AFTER)
        if row is not None:
            return from_document(row, Run)
    return None


async def beat_close(db: Database, run_id: int) -> bool:
    """Say that the close is alive; False when another has ended the run."""
    return await _update(db, {"_id": run_id, "state": "closing"}, {"$set": {"heartbeat": utc_now()}})


async def finish(
    db: Database,
    run_id: int,
    *,
    state: RunState,
    stats: Stats,
    batches: BatchTotals,
    timing: Timing,
    entries: Sequence[LogEntry] = (),
    held: str = "",
    scores: Scores | None = None,
    epoch: int | None = None,
    revivals: int | None = None,
) -> bool:
    """End an active run; False when it has ended already. With `epoch`, only the fetch that holds it may.

    `held` says why its closing waits for an operator's word. With `revivals`, only while no row was requeued since
    the closer looked: its sums would be of yesterday.
    """
    if state in ACTIVE_STATES:
        raise ValueError(f"{state} is not an end")
    where: Document = {"_id": run_id, "active": True}
    if epoch is not None:
        where["fetch_epoch"] = epoch
    if revivals is not None:
        where["revivals"] = {"$in": [revivals, None]} if revivals == 0 else revivals
    change: Document = {
        "state": state,
        "active": False,
        "tally_due": True,
        "copies_due": state != "unchanged",
        "finished_at": utc_now(),
        "stats": to_value(stats),
        "batches": to_value(batches),
        "timing": to_value(timing),
        "held": storable(held, LOG_TEXT_LIMIT),
        "scored": scores.listings if scores else 0,
        "quality_sum": scores.sum if scores else 0,
    }
    return await _update(db, where, {"$set": change, "$unset": {"heartbeat": ""}, **_push(entries)})


async def log(db: Database, run_id: int, entry: LogEntry) -> None:
    """Add a line to the run's error_log, which keeps its newest 100."""
    await db.import_logs.update_one({"_id": run_id}, _push([entry]))


async def set_rung(db: Database, run_id: int, ms: int, *, expected: int | None = None) -> bool:
    """Note that the message for the run's stage is due at a Redis TIME in ms; with `expected`, compare-and-set."""
    where: Document = {"_id": run_id, "active": True}
    if expected is not None:
        where["rung_at"] = expected
    return await _update(db, where, {"$set": {"rung_at": ms}})


async def request_cancel(db: Database, run_id: int, user: str) -> Run | None:
    """Ask an active run to end as cancelled; None when it is not active. The first who asks is remembered.

    A run that closes is past that, and returned as it is: all closers of a run must come to the same end.
    """
    change = {"$set": {"cancel_requested": True, "cancelled_by": storable(user, 200)}}
    where = {"_id": run_id, "state": {"$in": ["queued", "fetching", "importing"]}, "cancel_requested": False}
    await db.import_logs.update_one(where, change)
    row = await db.import_logs.find_one({"_id": run_id, "active": True})
    return None if row is None else from_document(row, Run)


async def stale(db: Database, older_than: datetime) -> list[Run]:
    """List active runs that were neither rung nor heard of since, oldest first: the reconciler looks at them."""
    silent = [{"heartbeat": None}, {"heartbeat": {"$lt": older_than}}]
    rung = {"$lt": int(older_than.timestamp() * 1000)}
    where = {"state": {"$in": ACTIVE_STATES}, "active": True, "rung_at": rung, "$or": silent}
    return [from_document(row, Run) async for row in db.import_logs.find(where).sort("_id", 1)]


def _push(entries: Sequence[LogEntry]) -> dict[str, Any]:
    if not entries:
        return {}
    rows = [
        {**to_document(entry), "text": storable(entry.text, LOG_TEXT_LIMIT), "worker": storable(entry.worker, 200)}
        for entry in entries
    ]
    return {"$push": {"error_log": {"$each": rows, "$slice": -LOG_CAP}}}


async def _update(db: Database, where: Document, change: dict[str, Any]) -> bool:
    return (await db.import_logs.update_one(where, change)).matched_count == 1
