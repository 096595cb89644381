"""Migrations: numbered steps that bring a database made by an older version up to date, recorded in schema_migrations.

Every step only adds: workers of the version before go on working, before, while and after it runs. Each page of a step
is recorded when it is done, so that a step that was broken off goes on from there; a page that is done twice changes
nothing. A database that begins empty needs none, and is told so when it is prepared.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import NamedTuple

import msgspec

from workers.settings import RetentionSettings, Settings
from workers.store import backfill, fulltext
from workers.store.backfill import Page, Pages
from workers.store.connect import Database
from workers.store.documents import from_document, to_document, utc_now
from workers.store.indexes import INDEXES, prepare
from workers.version import VERSION


class Step(NamedTuple):
    """One step. `pages` begins at a cursor ("" is the beginning); `total` says about how much there is."""

    number: int
    name: str
    text: str
    pages: Callable[[Database, Settings, str], Pages]
    of: str = ""


async def _indexes(db: Database, settings: Settings, cursor: str) -> Pages:
    del cursor
    missing = await missing_indexes(db)
    await prepare(db, settings.retention)
    await fulltext.want(db, settings.search.index_descriptions)
    yield Page("", len(INDEXES), len(missing))


STEPS: tuple[Step, ...] = (
    Step(1, "indexes", "collections, indexes and the validator of listings", _indexes),
    Step(
        2,
        "daily",
        "the figures of each source and day, from the runs that are kept",
        lambda db, _, cursor: backfill.days(db, cursor),
        "import_logs",
    ),
    Step(
        3,
        "terms",
        "what listings are found by: search terms, a year's pay",
        lambda db, _, cursor: backfill.found_by(db, cursor),
        "jobs",
    ),
    Step(
        4,
        "quality",
        "a score for each listing",
        lambda db, settings, cursor: backfill.scores(db, cursor, settings.quality),
        "jobs",
    ),
    Step(
        5,
        "blocks",
        "for each listing, which others it may be a copy of",
        lambda db, _, cursor: backfill.blocks(db, cursor),
        "jobs",
    ),
    Step(6, "copies", "links between copies", lambda db, _, cursor: backfill.groups(db, cursor), "jobs"),
)


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename={"id": "_id"}):
    """How far a step is: a row of schema_migrations. `finished_at` is None while pages are left."""

    id: str
    number: int
    cursor: str = ""
    read: int = 0
    changed: int = 0
    total: int = 0
    started_at: datetime
    finished_at: datetime | None = None
    version: str = VERSION


async def missing_indexes(db: Database) -> list[str]:
    """Name the indexes that this version wants and that are not there, as "collection.name"."""
    missing: list[str] = []
    present: dict[str, set[str]] = {}
    for index in INDEXES:
        if index.collection not in present:
            present[index.collection] = {info["name"] async for info in await db[index.collection].list_indexes()}
        if index.name not in present[index.collection]:
            missing.append(f"{index.collection}.{index.name}")
    return missing


async def recorded(db: Database) -> dict[str, Progress]:
    """Read what was done, and how far, by step."""
    rows = [from_document(row, Progress) async for row in db.schema_migrations.find()]
    return {row.id: row for row in rows}


async def pending(db: Database) -> list[Step]:
    """List the steps that are to be done, in order; reads a handful of rows."""
    done = {name for name, row in (await recorded(db)).items() if row.finished_at is not None}
    left = set[str]() if await _is_new(db) else {step.name for step in STEPS} - done - {"indexes"}
    if await missing_indexes(db):
        left.add("indexes")
    return [step for step in STEPS if step.name in left]


async def sentence(db: Database) -> str:
    """Say what is to be done; "" where nothing is, and where nobody has worked yet: workers make what they need."""
    left = await pending(db)
    if not left or await _is_new(db):
        return ""
    names = ", ".join(step.name for step in left)
    return f"an older version has made this database, and it works; {names} to be brought up to date: jobimport migrate"


async def ready(db: Database, retention: RetentionSettings) -> None:
    """Make collections and indexes, and note of a database that begins that nothing in it is of an older version."""
    await prepare(db, retention)
    if await recorded(db) or not await _is_new(db):
        return
    now = utc_now()
    for step in STEPS:
        row = to_document(Progress(id=step.name, number=step.number, started_at=now, finished_at=now))
        await db.schema_migrations.update_one({"_id": step.name}, {"$setOnInsert": row}, upsert=True)


async def _is_new(db: Database) -> bool:
    """Whether there are neither listings nor ended runs."""
    for rows in (db.jobs.find({}, {"_id": True}), db.import_logs.find({"active": False}, {"_id": True})):
        if [row async for row in rows.limit(1)]:
            return False
    return True


async def apply(db: Database, settings: Settings, step: Step, *, again: bool = False) -> AsyncGenerator[Progress]:
    """Do a step, or go on where it was broken off; yields how far it is, at last with its end.

    One that is done is begun anew, and with `again` also one that was broken off.
    """
    row = (await recorded(db)).get(step.name)
    if row is None or again or row.finished_at is not None:
        total = await db[step.of].estimated_document_count() if step.of else 1
        row = Progress(id=step.name, number=step.number, total=total, started_at=utc_now())
        await _record(db, row)
    async with aclosing(step.pages(db, settings, row.cursor)) as pages:
        async for page in pages:
            read, changed = row.read + page.read, row.changed + page.changed
            row = msgspec.structs.replace(row, cursor=page.cursor, read=read, changed=changed)
            await _record(db, row)
            yield row
    row = msgspec.structs.replace(row, finished_at=utc_now(), version=VERSION)
    await _record(db, row)
    yield row


async def _record(db: Database, row: Progress) -> None:
    await db.schema_migrations.replace_one({"_id": row.id}, to_document(row), upsert=True)
