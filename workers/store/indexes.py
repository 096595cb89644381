"""Collections, indexes with their reasons, the validator of `jobs`, and how long finished things are kept."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import pymongo
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import OperationFailure

from workers.settings import RetentionSettings
from workers.store.connect import Database

BUILD_SECONDS = 6 * 3600.0  # for building an index on what is there already

_NAMESPACE_EXISTS = 48
_MAX_TTL = 2**31 - 1


class Index(NamedTuple):
    """One index: its name, its keys, why it exists. `kept` names the retention setting of a TTL index."""

    collection: str
    name: str
    keys: tuple[tuple[str, int], ...]
    reason: str
    unique: bool = False
    partial: dict[str, Any] | None = None
    kept: str = ""


EPOCH = datetime.fromtimestamp(0, UTC)
"""Every date that a listing can have is later: what an index of those that have one says, and its queries too."""

UP, DOWN = ASCENDING, DESCENDING
_NEWEST = (("posted_at", DOWN), ("_id", DOWN))
_RUN_NEWEST = (("queued_at", DOWN), ("_id", DOWN))
_TOTALS = ("size", "took_ms", "counts.new", "counts.updated", "counts.unchanged", "counts.failed")

INDEXES: tuple[Index, ...] = (
    Index("jobs", "newest", _NEWEST, "console: all listings, newest first, by keyset"),
    Index("jobs", "source_newest", (("source", UP), *_NEWEST), "console: listings of a source, newest first"),
    Index(
        "jobs",
        "terms_newest",
        (("search_terms", UP), *_NEWEST),
        "search: listings that hold a word, or are of a company, place, type, newest first",
    ),
    Index(
        "jobs",
        "closed_newest",
        _NEWEST,
        "search: status:closed, newest first; few of many are closed",
        partial={"status": "closed"},
    ),
    Index(
        "jobs",
        "pay",
        (("pay", DOWN), ("_id", DOWN)),
        "search: sort:salary, and salaries that few have",
        partial={"pay": {"$gt": 0}},
    ),
    Index(
        "jobs",
        "poor",
        (("quality", UP), *_NEWEST),
        "search: quality:<50 and less; few of many are that bad",
        partial={"quality": {"$lt": 50}},
    ),
    Index(
        "jobs",
        "first_seen_newest",
        (("metadata.first_seen", DOWN), *_NEWEST),
        "search: new:<1d; watches: new since the last look, sorted before they are read",
    ),
    Index(
        "jobs",
        "source_status",
        (("source", UP), ("status", UP), ("_id", UP)),
        "closer: ids of the open listings, covered",
    ),
    Index(
        "jobs",
        "source_changed",
        (("source", UP), ("changed_run", DOWN), ("first_run", UP)),
        "closer, verify: recount of a run, covered; console: listings that a run moved",
    ),
    Index(
        "jobs",
        "source_closed",
        (("source", UP), ("closed_run", DOWN)),
        "closer: how many listings this run has closed, when it is run again",
        partial={"status": "closed"},
    ),
    Index(
        "jobs",
        "open_until",
        (("valid_through", UP), ("source", UP)),
        "upkeep: open listings whose own date has passed",
        partial={"status": "open", "valid_through": {"$gt": EPOCH}},
    ),
    Index(
        "jobs",
        "changed_in",
        (("changes.run", UP), *_NEWEST),
        "console: listings that a run changed, though later runs have changed them again",
        partial={"changes.run": {"$gt": 0}},
    ),
    Index(
        "jobs",
        "copy_block",
        (("copy_key", UP),),
        "linker: listings that may be copies of each other",
        partial={"copy_key": {"$gt": ""}},
    ),
    Index(
        "jobs",
        "copy_group",
        (("status", UP), ("copy_group", UP)),
        "jobs show: copies of a listing; linker: closed listings that are still in a group",
        partial={"copy_group": {"$gt": ""}},
    ),
    Index(
        "import_logs",
        "copies_due",
        (("queued_at", UP),),
        "linker: ended runs whose listings were not compared yet",
        partial={"copies_due": True},
    ),
    Index(
        "import_logs",
        "one_active",
        (("source", UP),),
        "one active run a source",
        unique=True,
        partial={"active": True},
    ),
    Index(
        "import_logs",
        "one_slot",
        (("source", UP), ("slot", UP)),
        "one run a source and scheduled slot, with any number of schedulers",
        unique=True,
        partial={"slot": {"$type": "date"}},
    ),
    Index("import_logs", "newest", _RUN_NEWEST, "console: history, newest first"),
    Index(
        "import_logs", "source_newest", (("source", UP), *_RUN_NEWEST), "console: history of a source; last run of each"
    ),
    Index(
        "import_logs",
        "source_state_newest",
        (("source", UP), ("state", UP), *_RUN_NEWEST),
        "console: failed runs of a source: by source_newest 126 ms for the rare state of a million runs",
    ),
    Index(
        "import_logs", "state_newest", (("state", UP), *_RUN_NEWEST), "console: failed runs; reconciler: active runs"
    ),
    Index(
        "import_logs",
        "tally_due",
        (("source", UP), ("queued_at", UP)),
        "reconciler: ended runs that import_daily does not know of",
        partial={"tally_due": True},
    ),
    Index("import_logs", "kept", (("finished_at", UP),), "retention.runs", kept="runs"),
    Index("import_daily", "day", (("day", UP), ("source", UP)), "charts: every source over some days"),
    Index("import_daily", "kept", (("day", UP),), "retention.daily", kept="daily"),
    Index(
        "import_batches",
        "run_totals",
        (("run", UP), ("state", UP), *((field, UP) for field in _TOTALS)),
        "totals of a run, covered: rows that wait hold half a megabyte",
    ),
    Index(
        "import_batches",
        "pending_rung",
        (("rung_at", UP),),
        "reconciler: rows whose message is missing",
        partial={"state": "pending"},
    ),
    Index(
        "import_batches",
        "dead_source",
        (("source", UP), ("run", DOWN)),
        "dead batches of a source",
        partial={"state": "dead"},
    ),
    Index("import_batches", "kept", (("done_at", UP),), "retention.batches; dead rows have no done_at", kept="batches"),
    Index("upkeep", "kept", (("at", UP),), "retention.runs", kept="runs"),
    Index(
        "audit", "of_run", (("run", UP), ("_id", DOWN)), "runs show: who did what to it", partial={"run": {"$gt": 0}}
    ),
    Index("audit", "of_source", (("source", UP), ("_id", DOWN)), "audit list --source"),
    Index("audit", "kept", (("at", UP),), "retention.audit", kept="audit"),
    Index("terms", "words", (("_id", UP), ("n", UP)), "search: words that begin so, with their counts, covered"),
    Index("watches", "of_user", (("user", UP), ("name", UP)), "watches of a user", unique=True),
    Index("rejects", "kept", (("at", UP),), "retention.rejects", kept="rejects"),
)

COLLECTIONS = (
    "jobs",
    "import_logs",
    "import_batches",
    "import_daily",
    "audit",
    "rejects",
    "source_state",
    "counters",
    "leases",
    "upkeep",
    "terms",
    "schema_migrations",
    "watches",
)

_INTEGER = ["int", "long"]
_STRINGS = {"bsonType": "array", "items": {"bsonType": "string"}}

JOB_SCHEMA: dict[str, Any] = {
    "bsonType": "object",
    "required": [
        "_id",
        "source",
        "external_id",
        "title",
        "posted_at",
        "status",
        "raw_hash",
        "content_hash",
        "first_run",
        "changed_run",
    ],
    "properties": {
        "_id": {"bsonType": "string", "maxLength": 300},
        "source": {"bsonType": "string", "minLength": 1, "maxLength": 64},
        "external_id": {"bsonType": "string", "minLength": 1},
        "title": {"bsonType": "string", "minLength": 1},
        "posted_at": {"bsonType": "date"},
        "status": {"enum": ["open", "closed"]},
        "raw_hash": {"bsonType": "binData"},
        "content_hash": {"bsonType": "binData"},
        "hash_version": {"bsonType": _INTEGER},
        "first_run": {"bsonType": _INTEGER},
        "changed_run": {"bsonType": _INTEGER},
        "closed_run": {"bsonType": [*_INTEGER, "null"]},
        "search_terms": _STRINGS,
        "pay": {"bsonType": ["number", "null"]},
    },
}


async def prepare(db: Database, retention: RetentionSettings) -> None:
    """Make collections, indexes and validator as this version wants them; may run any number of times, anywhere.

    A retention that has changed is applied to the TTL index in place.
    """
    present = {info["name"]: info async for info in await db.list_collections()}
    for name in COLLECTIONS:
        if name not in present:
            await _create(db, name)
    await _validate(db, present.get("jobs", {}).get("options", {}))
    for name in COLLECTIONS:
        wanted = [index for index in INDEXES if index.collection == name]
        if wanted:
            await _index(db, name, wanted, retention)


async def _create(db: Database, name: str) -> None:
    try:
        await db.create_collection(name, check_exists=False)
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise


async def _validate(db: Database, options: dict[str, Any]) -> None:
    validator = {"$jsonSchema": JOB_SCHEMA}
    if options.get("validator") != validator:
        await db.command("collMod", "jobs", validator=validator, validationLevel="moderate")


async def _index(db: Database, name: str, wanted: list[Index], retention: RetentionSettings) -> None:
    present = {info["name"]: info async for info in await db[name].list_indexes()}
    for index in wanted:
        seconds = _seconds(index, retention)
        old = present.get(index.name, {}).get("expireAfterSeconds")
        if old is not None and seconds is not None and old != seconds:
            change = {"name": index.name, "expireAfterSeconds": seconds}
            await db.command("collMod", name, index=change)
    missing = [_model(index, retention) for index in wanted if index.name not in present]
    if missing:
        with pymongo.timeout(BUILD_SECONDS):  # the client's own limit would stop the building of a large one
            await db[name].create_indexes(missing)


def _seconds(index: Index, retention: RetentionSettings) -> int | None:
    return min(int(getattr(retention, index.kept)), _MAX_TTL) if index.kept else None


def _model(index: Index, retention: RetentionSettings) -> IndexModel:
    options: dict[str, Any] = {"name": index.name}
    if index.unique:
        options["unique"] = True
    if index.partial is not None:
        options["partialFilterExpression"] = index.partial
    if (seconds := _seconds(index, retention)) is not None:
        options["expireAfterSeconds"] = seconds
    return IndexModel(list(index.keys), **options)
