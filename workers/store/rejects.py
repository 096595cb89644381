"""Listings that could not be imported, and why. One row a listing: `<run>:<batch>:<mark>-<i>`.

The mark is that of the attempt at its batch which refused it (batches.begin_writing). A settled row names the mark
whose rejects are its own: what others wrote, dying or waking too late, is nobody's, and is deleted.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from workers.model import Batch, Reject
from workers.store.connect import Database, again, describe
from workers.store.documents import Document, from_document, storable, utc_now
from workers.store.writing import WriteTrouble

VALUE_LIMIT = 2000  # characters of the value that would not do
TEXT_LIMIT = 64 * 1024  # characters of one raw string
RAW_LIMIT = 1024 * 1024  # characters of a whole raw item


class RejectRow(msgspec.Struct, frozen=True, kw_only=True, rename={"id": "_id"}):
    """A reject as it is kept."""

    id: str
    run: int
    source: str
    external_id: str
    position: int
    reason: str
    field: str
    value: str
    raw: dict[str, list[str]] = {}
    original: bytes = b""

    @property
    def batch(self) -> str:
        """The batch it was in."""
        return self.id.rpartition(":")[0]


async def write(db: Database, batch_id: str, mark: str, run_id: int, source: str, rejects: Sequence[Reject]) -> None:
    """Write what an attempt at a batch has refused. They are the batch's once it is settled with this mark."""
    at = utc_now()
    rows = {
        f"{batch_id}:{mark}-{i:04d}": {"run": run_id, "source": source, "at": at, **_bounded(reject)}
        for i, reject in enumerate(rejects)
    }
    writes = [ReplaceOne({"_id": id}, row, upsert=True) for id, row in rows.items()]
    try:
        await db.rejects.bulk_write(writes, ordered=False)
    except BulkWriteError as error:
        raise WriteTrouble(describe(error)) from None


async def forget(db: Database, batch_id: str, mark: str) -> None:
    """Delete what an attempt has written: the batch was settled by another."""
    await again(lambda: db.rejects.delete_many({"_id": _marked(batch_id, mark)}))


async def keep_only(db: Database, batch_id: str, mark: str, held: Collection[str] = ()) -> None:
    """Delete the rejects of a settled batch that are not its own: neither of its mark nor among those `held`."""
    own = _marked(batch_id, mark)
    others = [{"_id": {"$lt": own["$gte"]}}, {"_id": {"$gte": own["$lt"]}}] if mark else [{}]
    where = {"_id": {**_under(batch_id), "$nin": list(held)}, "$or": others}
    await again(lambda: db.rejects.delete_many(where))


async def sweep(db: Database, run_id: int) -> None:
    """Delete what is nobody's in the settled rows of a run: for those who died before they could do it themselves."""
    parts = {"$split": ["$_id", ":"]}
    pipeline = [
        {"$match": _of(run_id)},
        {"$project": {"batch": {"$arrayElemAt": [parts, 1]}, "last": {"$arrayElemAt": [parts, 2]}}},
        {"$group": {"_id": {"batch": "$batch", "mark": {"$arrayElemAt": [{"$split": ["$last", "-"]}, 0]}}}},
    ]
    marks: dict[str, set[str]] = {}
    async for group in await db.rejects.aggregate(pipeline):
        marks.setdefault(f"{run_id}:{group['_id']['batch']}", set()).add(group["_id"]["mark"])
    marked = {"_id": {"$in": list(marks)}, "state": "done", "mark": {"$type": "string"}}
    async for row in db.import_batches.find(marked, {"mark": True, "held": True}):
        if marks[row["_id"]] != {row["mark"]}:
            await keep_only(db, row["_id"], row["mark"], row.get("held", ()))


def is_of(row: Batch, id: str) -> bool:
    """Whether a reject is a settled row's own."""
    return row.mark is None or id in row.held or id.startswith(f"{row.id}:{row.mark}-")


async def of_run(db: Database, run_id: int, limit: int, *, after: str = "", originals: bool = False) -> list[RejectRow]:
    """List a run's rejects in the order of its batches, from the one after `after` on; without their originals."""
    where = {"_id": {**_under(str(run_id)), "$gt": after or f"{run_id}:"}}
    rows = db.rejects.find(where, None if originals else {"original": False}).sort("_id", 1).limit(limit)
    return [from_document(row, RejectRow) async for row in rows]


async def of_batch(db: Database, batch_id: str) -> list[RejectRow]:
    """List a batch's rejects with their originals."""
    rows = db.rejects.find({"_id": _under(batch_id)}).sort("_id", 1)
    return [from_document(row, RejectRow) async for row in rows]


class Reason(msgspec.Struct, frozen=True):
    """Rejects of a run that have one reason and field: how many, how many can be tried again, and one's id."""

    reason: str
    field: str
    count: int
    kept: int
    example: str


async def by_reason(db: Database, run_id: int) -> list[Reason]:
    """Group a run's rejects by reason and field, the most frequent first."""
    pipeline = [
        {"$match": _of(run_id)},
        {
            "$group": {
                "_id": {"reason": "$reason", "field": "$field"},
                "count": {"$sum": 1},
                "kept": {"$sum": {"$cond": [{"$gt": ["$original", None]}, 1, 0]}},
                "example": {"$min": "$external_id"},
            }
        },
        {"$sort": {"count": -1, "_id": 1}},
    ]
    found = await db.rejects.aggregate(pipeline)
    return [
        Reason(group["_id"]["reason"], group["_id"]["field"], group["count"], group["kept"], group["example"])
        async for group in found
    ]


async def batches_of(db: Database, run_id: int) -> list[str]:
    """Name the batches of a run that have rejects which can be tried again, in their order."""
    pipeline = [
        {"$match": {**_of(run_id), "original": {"$exists": True}}},
        {"$project": {"batch": {"$arrayElemAt": [{"$split": ["$_id", ":"]}, 1]}}},
        {"$group": {"_id": "$batch"}},
    ]
    numbers = [str(group["_id"]) async for group in await db.rejects.aggregate(pipeline)]
    return [f"{run_id}:{number}" for number in sorted(numbers, key=int)]


async def count(db: Database, run_id: int, *, batch: str = "") -> int:
    """Count a run's rejects, or those of one batch."""
    return await db.rejects.count_documents({"_id": _under(batch or str(run_id))})


async def any_nameless(db: Database, run_id: int) -> bool:
    """Say whether a listing without identity was rejected: what the feed holds is then not known by its ids."""
    return await db.rejects.find_one({**_of(run_id), "external_id": ""}, {"_id": True}) is not None


def _of(run_id: int) -> dict[str, Any]:
    return {"_id": _under(str(run_id))}


def _under(id: str) -> dict[str, Any]:
    return {"$gte": f"{id}:", "$lt": f"{id};"}


def _marked(batch_id: str, mark: str) -> dict[str, str]:
    return {"$gte": f"{batch_id}:{mark}-", "$lt": f"{batch_id}:{mark}."}


def _bounded(reject: Reject) -> Document:
    left = RAW_LIMIT
    raw: dict[str, list[str]] = {}
    for name, values in reject.raw.items():
        kept: list[str] = []
        for value in values:
            text = storable(value, min(TEXT_LIMIT, left))
            left -= len(text)
            kept.append(text)
        raw[storable(name, 100)] = kept
    original = {"original": reject.original} if reject.original else {}
    return {
        **original,
        "external_id": storable(reject.external_id, VALUE_LIMIT),
        "position": reject.position,
        "reason": storable(reject.reason, VALUE_LIMIT),
        "field": storable(reject.field, 100),
        "value": storable(reject.value, VALUE_LIMIT),
        "raw": raw,
    }
