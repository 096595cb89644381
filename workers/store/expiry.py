"""Open listings that are over by their own date, or by age. No run closes them, so no run counts them.

Each closing is a row of `upkeep`, written before it begins; `closed` is None in one that was cut short. A listing
closed by its date carries closed_because "expired": a feed that still has it as it was neither opens nor counts it.
"""

import sys
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from workers.store import ledger
from workers.store.changes import closing, kept
from workers.store.closing import words
from workers.store.connect import Database
from workers.store.documents import Document, from_document, to_milliseconds
from workers.store.indexes import EPOCH

MOST = 10_000  # listings closed of a source at once; the next round closes more
Because = Literal["expired", "aged"]


class Upkeep(msgspec.Struct, frozen=True, kw_only=True):
    """Listings of a source closed at one time, for one reason. `planned` were found, `closed` were."""

    at: datetime
    source: str
    because: Because
    planned: int
    closed: int | None = None
    worker: str = ""


async def close_expired(
    db: Database, now: datetime, *, grace: timedelta, busy: Collection[str], worker: str
) -> list[Upkeep]:
    """Close the open listings whose valid_through is more than `grace` past, but of sources that are `busy`."""
    over: Document = {"status": "open", "valid_through": {"$gt": EPOCH, "$lt": now - grace}}
    sources = [{"$match": over}, {"$group": {"_id": "$source"}}, {"$sort": {"_id": 1}}]
    names = [group["_id"] async for group in await db.jobs.aggregate(sources, hint="open_until")]
    done: list[Upkeep] = []
    for source in names:
        if source not in busy:
            rows = db.jobs.find({**over, "source": source}, {"_id": True}).hint("open_until").limit(MOST)
            ids = [row["_id"] async for row in rows]
            done.append(
                await _close(
                    db, ids, over, Upkeep(at=now, source=source, because="expired", planned=len(ids), worker=worker)
                )
            )
    return done


async def close_aged(db: Database, source: str, now: datetime, *, age: timedelta, worker: str) -> Upkeep | None:
    """Close a window's listings that its feed no longer shows, and of which nothing was heard for `age`.

    What the feed shows is what the last run that read it saw; None where that is not known any more, or none is over.
    """
    seen = await _last_seen(db, source)
    if seen is None:
        return None
    from workers.feeds.identity import identity_hash  # here: the console reads these rows without the normaliser

    present = words(seen)
    cutoff = now - age
    # By posted_at, which has an index: first_seen stands in where the feed gives none.
    old: Document = {"source": source, "posted_at": {"$lt": cutoff}}
    still: Document = {"status": "open", "metadata.last_updated": {"$lt": cutoff}}
    ids: list[str] = []
    async for row in db.jobs.find({**old, **still}, {"external_id": True}).hint("source_newest"):
        if int.from_bytes(identity_hash(row["external_id"]), sys.byteorder) not in present:
            ids.append(row["_id"])
            if len(ids) == MOST:
                break
    if not ids:
        return None
    return await _close(db, ids, still, Upkeep(at=now, source=source, because="aged", planned=len(ids), worker=worker))


async def recent(db: Database, *, limit: int, source: str | None = None) -> list[Upkeep]:
    """List what was closed in no run, newest first."""
    rows = db.upkeep.find({} if source is None else {"source": source}).sort({"at": -1, "_id": -1}).limit(limit)
    return [from_document(row, Upkeep) async for row in rows]


async def _last_seen(db: Database, source: str) -> bytes | None:
    """Identities in the last complete reading of a source; None where its rows have expired, or there is none."""
    where = {"source": source, "active": False, "fetch.outcome": "ok", "state": {"$in": ["succeeded", "partial"]}}
    row = await db.import_logs.find_one(where, {"batches": True}, sort=[("queued_at", -1), ("_id", -1)])
    if row is None or (await ledger.totals(db, row["_id"])).total < (row["batches"]["total"] or 0):
        return None
    return await ledger.seen(db, row["_id"])


async def _close(db: Database, ids: list[str], still: Document, record: Upkeep) -> Upkeep:
    plain: Document = msgspec.to_builtins(record, builtin_types=(datetime,))
    at = to_milliseconds(record.at)
    inserted = await db.upkeep.insert_one({**plain, "at": at})
    change: dict[str, Any] = {
        "status": "closed",
        "closed_run": None,
        "closed_because": record.because,
        "metadata.closed_at": at,
    }
    result = await db.jobs.update_many(
        {"_id": {"$in": ids}, **still}, {"$set": change, **kept([closing(at, None, record.because)])}
    )
    await db.upkeep.update_one({"_id": inserted.inserted_id}, {"$set": {"closed": result.modified_count}})
    return msgspec.structs.replace(record, closed=result.modified_count)
