"""Rows of `import_batches`: the outbox. A row is accepted work; it leaves `pending` once, by compare-and-set.

pending -> done     its listings are written and counted; the items are dropped. `begin_round` makes it pending
                    again, with the items of its rejects
        -> dead     given up: the items stay, the row never expires, `revive` makes it pending again
        -> dropped  its run was cancelled before anybody worked on it
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import zstandard
from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import DocumentTooLarge, DuplicateKeyError

from workers.errors import JobImportError, TooLarge
from workers.model import Batch, Counts, RawItem, Scores
from workers.model.batch import batch_id
from workers.store.connect import Database, again
from workers.store.documents import Document, from_document, storable, to_document, to_value, utc_now
from workers.store.ledger import RunTotals, next_number, pending, scores, seen, totals, totals_many

__all__ = [
    "BatchExists",
    "RunTotals",
    "add",
    "begin_round",
    "begin_writing",
    "claim_silent",
    "dead_of",
    "drop",
    "drop_pending",
    "fence",
    "kill",
    "load",
    "next_number",
    "pack",
    "pending",
    "revive",
    "scores",
    "seen",
    "set_rung",
    "settle",
    "totals",
    "totals_many",
    "unpack",
]

ERROR_LIMIT = 1000  # characters of a dead row's reason
MAX_PACKED = 15 * 2**20  # bytes of packed items; a MongoDB document holds 16 MiB

_ITEMS = msgspec.msgpack.Decoder(list[RawItem])
_WITHOUT_ITEMS = {"items": False}


class BatchExists(JobImportError):
    """Another fetch of the run has written this row: its writer goes on, this one stops (section 5.1, rule 4)."""

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"batch {id} exists: another fetch of its run is at work")


def pack(items: Sequence[RawItem]) -> bytes:
    """Pack raw items as zstd-compressed msgpack; lone surrogates, which no feed has honestly, become "?"."""
    try:
        plain = msgspec.msgpack.encode(items)
    except UnicodeEncodeError:
        plain = msgspec.msgpack.encode([_clean(item) for item in items])
    return zstandard.ZstdCompressor(level=1).compress(plain)


def unpack(data: bytes) -> list[RawItem]:
    """Unpack what `pack` made."""
    return _ITEMS.decode(zstandard.ZstdDecompressor().decompress(data))


def _clean(item: RawItem) -> RawItem:
    def clean(text: str) -> str:
        return storable(text, len(text))

    fields = {clean(name): [clean(value) for value in values] for name, values in item.fields.items()}
    return RawItem(clean(item.external_id), item.position, fields, item.raw_hash, item.original)


async def add(db: Database, batch: Batch) -> None:
    """Commit a row: from here on its listings are accepted (promise 1).

    Raises BatchExists for a key that is taken, TooLarge for items that no document can hold (split the batch).
    """
    size = len(batch.items or b"")
    too_large = TooLarge(f"batch {batch.id} of {batch.size} listings packs to {size} bytes: at most {MAX_PACKED}")
    if size > MAX_PACKED:
        raise too_large
    try:
        await db.import_batches.insert_one(to_document(batch))
    except DuplicateKeyError as error:
        raise BatchExists(batch.id) from error
    except DocumentTooLarge as error:
        raise too_large from error


async def load(db: Database, id: str) -> Batch | None:
    """Read one row with its items."""
    row = await db.import_batches.find_one({"_id": id})
    return None if row is None else from_document(row, Batch)


async def begin_writing(db: Database, id: str, worker: str, *, round: int = 0) -> str:
    """Note that a worker writes this row's listings now; "" when the row has been settled: write nothing.

    From here on the row is not dropped any more, but finished (rules 1 and 7). Returns the mark of this attempt, which
    no other has: its rejects are told from those of others by it.
    """
    change = {"$inc": {"attempt": 1}, "$set": {"worker": worker}}
    row = await db.import_batches.find_one_and_update(
        {"_id": id, "state": "pending", **_in_round(round)},
        change,
        projection={"attempt": True},
        return_document=ReturnDocument.AFTER,
    )
    return "" if row is None else f"{round}.{row['attempt']}"


async def settle(
    db: Database,
    id: str,
    counts: Counts,
    *,
    worker: str,
    took_ms: int,
    scores: Scores | None = None,
    round: int = 0,
    mark: str = "",
) -> bool:
    """Move pending -> done with its counts; False when another did it, whose counts stand (rule 1).

    `mark` is that of the attempt whose rejects are the row's from now on, "" for none.
    """
    facts: Document = {
        "counts": to_value(counts),
        "scores": to_value(scores or Scores()),
        "worker": worker,
        "took_ms": took_ms,
        "mark": mark,
    }
    where = {"_id": id, "state": "pending", **_in_round(round)}
    result = await db.import_batches.update_one(where, _leaving("done", facts))
    return result.modified_count == 1


async def begin_round(
    db: Database, row: Batch, items: Sequence[RawItem], *, held: Sequence[str], seen: bytes, rung_at: int
) -> bool:
    """Move done -> pending for another try at rejects, `items`; False when the row is not as it was read.

    `held` are the ids of its other rejects; `seen` are identities that the row gains. One write: before it nothing
    has happened, after it the items lie in the row as those of a fetch do.
    """
    counts = row.counts or Counts()
    settled = msgspec.structs.replace(counts, failed=counts.failed - len(items))
    change = {
        "state": "pending",
        "items": pack(items),
        "counts": to_value(settled),
        "seen": row.seen + seen,
        "held": list(held),
        "attempt": 0,
        "rung_at": rung_at,
    }
    where = {"_id": row.id, "state": "done", **_in_round(row.round)}
    moves = {"$set": change, "$inc": {"round": 1}, "$unset": {"done_at": ""}}
    return (await db.import_batches.update_one(where, moves)).modified_count == 1


def _in_round(round: int) -> Document:
    return {"round": round} if round else {"round": {"$in": [0, None]}}


async def kill(db: Database, id: str, error: str, *, rung_by: int | None = None) -> bool:
    """Move pending -> dead with the reason; the items stay (rule 2: here first, then in Redis).

    With `rung_by` (Redis ms) only a row that was not rung after that: one that was is being tried again.
    """
    where: Document = {"_id": id, "state": "pending"}
    if rung_by is not None:
        where["rung_at"] = {"$lte": rung_by}
    change = {"$set": {"state": "dead", "error": storable(error, ERROR_LIMIT)}}
    result = await db.import_batches.update_one(where, change)
    return result.modified_count == 1


async def drop(db: Database, id: str) -> bool:
    """Move pending -> dropped: its run was cancelled. False when it is settled, or a worker has begun to write it."""
    result = await db.import_batches.update_one(
        {"_id": id, "state": "pending", "attempt": {"$not": {"$gt": 0}}}, _leaving("dropped", {})
    )
    return result.modified_count == 1


async def drop_pending(db: Database, run_id: int) -> tuple[int, int]:
    """Move every pending row of a cancelled run to dropped; returns the run's dropped rows and their listings.

    A row on which an upserter is at work is dropped under its hands: its counts will not be taken. Call this when
    the leased rows have settled (rule 7), or let each message drop its own row.
    """
    where = {"run": run_id, "state": "pending"}
    await again(lambda: db.import_batches.update_many(where, _leaving("dropped", {})))
    after = await totals(db, run_id)
    return after.dropped, after.dropped_listings


async def fence(db: Database, run_id: int, source: str) -> str:
    """Take the next key of a run with an empty dropped row: a fetcher that sleeps through a cancel stops on it.

    Returns the key. Row keys are taken in order, so the next one is the one that the sleeper will try. A fence holds
    nothing (size 0), and no total counts it.
    """
    while True:
        id = batch_id(run_id, await next_number(db, run_id))
        row = Batch(id=id, run=run_id, source=source, state="dropped", done_at=utc_now(), error="fence")
        try:
            await add(db, row)
        except BatchExists:
            continue
        return id


async def revive(db: Database, id: str, rung_at: int) -> bool:
    """Move dead -> pending for a requeue; False when it is not dead. `runs.reactivate` comes first (rule 6).

    `rung_at` is Redis ms of now: later than its letter, so that the reconciler does not bury it again meanwhile.
    """
    where = {"_id": id, "state": "dead", "items": {"$type": "binData"}}
    change = {"$set": {"state": "pending", "error": "", "rung_at": rung_at}}
    result = await db.import_batches.update_one(where, change)
    return result.modified_count == 1


async def set_rung(db: Database, ids: Iterable[str], ms: int) -> None:
    """Note that a message for these rows is due at a Redis TIME in milliseconds."""
    where = {"_id": {"$in": list(ids)}, "state": "pending"}
    await again(lambda: db.import_batches.update_many(where, {"$set": {"rung_at": ms}}))


async def claim_silent(db: Database, older_than_ms: int, now_ms: int, limit: int) -> list[Batch]:
    """Claim pending rows rung before `older_than_ms` by moving rung_at to `now_ms`; oldest first, without items.

    Of any number of reconcilers, one claims a row (rule 5: compare-and-set on rung_at).
    """
    where = {"state": "pending", "rung_at": {"$lt": older_than_ms}}
    rows = db.import_batches.find(where, _WITHOUT_ITEMS).sort("rung_at", ASCENDING).limit(limit)
    claimed: list[Batch] = []
    async for row in rows:
        same = {"_id": row["_id"], "state": "pending", "rung_at": row["rung_at"]}
        result = await db.import_batches.update_one(same, {"$set": {"rung_at": now_ms}})
        if result.modified_count == 1:
            claimed.append(from_document({**row, "rung_at": now_ms}, Batch))
    return claimed


async def dead_of(
    db: Database, *, source: str | None = None, run_id: int | None = None, limit: int = 200
) -> list[Batch]:
    """List dead rows, newest run first, without items."""
    where: Document = {"state": "dead"}
    if source is not None:
        where["source"] = source
    if run_id is not None:
        where["run"] = run_id
    rows = db.import_batches.find(where, _WITHOUT_ITEMS).sort({"run": -1, "_id": 1}).limit(limit)
    return [from_document(row, Batch) async for row in rows]


def _leaving(state: str, facts: Document) -> dict[str, Any]:
    return {"$set": {"state": state, "done_at": utc_now(), **facts}, "$unset": {"items": ""}}
