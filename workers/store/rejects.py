"""Listings that could not be imported, and why. One row a listing: `<run>:<batch>:<i>`."""

from collections.abc import Sequence
from typing import Any

import msgspec
from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from workers.model import Reject
from workers.store.connect import Database, describe
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


async def replace(db: Database, batch_id: str, run_id: int, source: str, rejects: Sequence[Reject]) -> None:
    """Make these the batch's rejects. Never leaves the batch without them, so a frozen copy that wakes loses none."""
    at = utc_now()
    rows = {
        f"{batch_id}:{i:04d}": {"run": run_id, "source": source, "at": at, **_bounded(reject)}
        for i, reject in enumerate(rejects)
    }
    if rows:
        writes = [ReplaceOne({"_id": id}, row, upsert=True) for id, row in rows.items()]
        try:
            await db.rejects.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            raise WriteTrouble(describe(error)) from None
    await db.rejects.delete_many({"_id": {"$gte": f"{batch_id}:", "$lt": f"{batch_id};", "$nin": list(rows)}})


async def of_run(db: Database, run_id: int, limit: int) -> list[RejectRow]:
    """List a run's rejects in the order of its batches."""
    rows = db.rejects.find(_of(run_id)).sort("_id", 1).limit(limit)
    return [from_document(row, RejectRow) async for row in rows]


async def count(db: Database, run_id: int) -> int:
    """Count a run's rejects."""
    return await db.rejects.count_documents(_of(run_id))


async def any_nameless(db: Database, run_id: int) -> bool:
    """Say whether a listing without identity was rejected: what the feed holds is then not known by its ids."""
    return await db.rejects.find_one({**_of(run_id), "external_id": ""}, {"_id": True}) is not None


def _of(run_id: int) -> dict[str, Any]:
    return {"_id": {"$gte": f"{run_id}:", "$lt": f"{run_id};"}}


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
    return {
        "external_id": storable(reject.external_id, VALUE_LIMIT),
        "position": reject.position,
        "reason": storable(reject.reason, VALUE_LIMIT),
        "field": storable(reject.field, 100),
        "value": storable(reject.value, VALUE_LIMIT),
        "raw": raw,
    }
