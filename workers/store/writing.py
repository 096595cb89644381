"""Inserts and compare-and-set updates of one batch, and the listings that MongoDB refuses."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, cast

import bson
import msgspec
from bson.errors import BSONError
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from workers.errors import Transient
from workers.model import Job
from workers.store.changes import kept
from workers.store.classify import Stored, Write
from workers.store.connect import Database, describe
from workers.store.documents import Document, to_value

MAX_DOCUMENT = 15 * 2**20  # bytes; MongoDB's own limit is 16 MiB, and an update needs room beside the document

_DUPLICATE_KEY = 11000
_VALIDATION = 121
_UNSTORABLE = (BSONError, OverflowError, UnicodeEncodeError)


May = Callable[[], Awaitable[bool]]
"""Asked right before a write: is what it belongs to still open?"""


async def always() -> bool:
    """Nobody else is at it."""
    return True


class Overtaken(Exception):
    """What was to be written has been settled meanwhile by another: nothing may be written any more (rule 1)."""


class WriteTrouble(Transient):
    """MongoDB refused writes of a batch for a reason that is not the listings' own."""


class Written(msgspec.Struct, frozen=True):
    """What became of a bulk: ids to read and judge again, and ids refused with the reason."""

    again: list[str] = []
    refused: dict[str, str] = {}


class Change(msgspec.Struct, frozen=True):
    """One listing to update: what was read, the job as it is now (None for a reopening as it was), and how it differs.

    `differs` are entries of the listing's `changes`. They are pushed by the same compare-and-set that moves the
    stamps: whatever is delivered again, the run has counted the listing where they are, and nowhere else.
    """

    id: str
    stored: Stored
    write: Write
    raw_hash: bytes
    job: Job | None = None
    differs: list[Document] = []


def new_document(id: str, job: Job, raw_hash: bytes, run: int, now: datetime) -> Document:
    """Build the document of a listing seen for the first time; first_seen stands in for an unknown posted_at."""
    document: Document = to_value(job)
    document.update(_id=id, raw_hash=raw_hash, status="open", first_run=run, changed_run=run, closed_run=None)
    document["closed_because"] = ""
    document["posted_at_known"] = job.posted_at is not None
    document["posted_at"] = job.posted_at or now
    document["metadata"] = {**document["metadata"], "first_seen": now, "last_updated": now, "closed_at": None}
    return document


def update(change: Change, run: int, now: datetime) -> UpdateOne:
    """Build the compare-and-set update of one listing: it matches only what was read, and no later run's work."""
    stored = change.stored
    where = {
        "_id": change.id,
        "raw_hash": stored.raw_hash,
        "content_hash": stored.content_hash,
        "status": stored.status,
        "changed_run": {"$lt": run},
    }
    fields: Document = {"raw_hash": change.raw_hash}
    if change.job is not None and change.write in ("rewrite", "update"):
        fields |= _content(change.job)
    if change.write in ("reopen", "update"):
        fields |= {"changed_run": run, "metadata.last_updated": now}
        if stored.status == "closed":
            fields |= {"status": "open", "closed_run": None, "closed_because": "", "metadata.closed_at": None}
    return UpdateOne(where, {"$set": fields, **kept(change.differs)})


def _content(job: Job) -> Document:
    """Return what the feed says of a known listing; a date of posting that it no longer gives stays as it was."""
    fields: Document = to_value(job)
    metadata = fields.pop("metadata")
    for name in ("source", "external_id", "raw_hash", "posted_at_known"):
        del fields[name]
    if job.posted_at is None:
        del fields["posted_at"]
    else:
        fields["posted_at_known"] = True
    return fields | {f"metadata.{name}": metadata[name] for name in ("source_url", "attribution")}


async def insert(db: Database, documents: Sequence[Document]) -> Written:
    """Insert new listings; a duplicate key means that another writer was there: judge it again."""
    if not documents:
        return Written()
    try:
        await db.jobs.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        return _judge(error, [document["_id"] for document in documents])
    except _UNSTORABLE as error:
        return _unstorable({document["_id"]: document for document in documents}, error)
    return Written()


async def change(db: Database, changes: Sequence[Change], run: int, now: datetime) -> Written:
    """Update known listings by compare-and-set; after a short match all of them are judged again."""
    if not changes:
        return Written()
    ids = [item.id for item in changes]
    try:
        result = await db.jobs.bulk_write([update(item, run, now) for item in changes], ordered=False)
    except BulkWriteError as error:
        refused = _judge(error, ids).refused
        return Written([id for id in ids if id not in refused], refused)
    except _UNSTORABLE as error:
        contents = {item.id: _content(item.job) if item.job else {} for item in changes}
        return _unstorable(contents, error)
    return Written(ids if result.matched_count < len(changes) else [])


def _judge(error: BulkWriteError, ids: list[str]) -> Written:
    """Sort the errors of a bulk; WriteTrouble for what is neither a race nor the listing's own fault."""
    details = cast("dict[str, Any]", error.details or {})
    failures = cast("list[dict[str, Any]]", details.get("writeErrors", []))
    known = {_DUPLICATE_KEY, _VALIDATION}
    if details.get("writeConcernErrors") or any(failure["code"] not in known for failure in failures):
        # Without its cause: the driver's error holds every document of the batch.
        raise WriteTrouble(describe(error)) from None
    again = [ids[failure["index"]] for failure in failures if failure["code"] == _DUPLICATE_KEY]
    refused = {
        ids[failure["index"]]: f"the schema of `jobs` refuses {_properties(failure)}"
        for failure in failures
        if failure["code"] == _VALIDATION
    }
    return Written(again, refused)


def _properties(failure: dict[str, Any]) -> str:
    """Name the properties that a validation error is about, as far as the server says."""
    details: dict[str, Any] = failure.get("errInfo", {}).get("details", {})
    rules: list[dict[str, Any]] = details.get("schemaRulesNotSatisfied", [])
    names = [str(item["propertyName"]) for rule in rules for item in rule.get("propertiesNotSatisfied", [])]
    names += [str(name) for rule in rules for name in rule.get("missingProperties", [])]
    return ", ".join(names)[:200] or "the listing"


def _unstorable(documents: dict[str, Document], error: Exception) -> Written:
    """Find which documents cannot be encoded; the others go round again."""
    refused: dict[str, str] = {}
    for id, document in documents.items():
        try:
            size = len(bson.encode(document))
        except _UNSTORABLE as problem:
            refused[id] = f"not storable: {str(problem)[:200]}"
        else:
            if size > MAX_DOCUMENT:
                refused[id] = f"{size} bytes: at most {MAX_DOCUMENT}"
    if not refused:
        raise error
    return Written([id for id in documents if id not in refused], refused)
