"""What older listings and runs lack, filled in page by page: the steps of `jobimport migrate` that move data.

Each is a generator of pages: what it did, and where the next one begins. It may be broken off anywhere and begun again
at any earlier page; it writes by compare-and-set, so that whatever is imported meanwhile stays as the import left it.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

import anyio.lowlevel
import msgspec
from pymongo import UpdateOne

from workers.analysis.daily import day_id
from workers.model import Job, QualityWeights
from workers.store import copies, daily, terms
from workers.store.connect import Database
from workers.store.documents import Document, from_document

PAGE = 500


class Page(msgspec.Struct, frozen=True):
    """What is done: `cursor` is where the next page begins, `read` and `changed` what this one met."""

    cursor: str
    read: int
    changed: int


Pages = AsyncGenerator[Page]


async def days(db: Database, cursor: str) -> Pages:
    """Write the row of import_daily of every source and day that has ended runs."""
    day: Document = {"$dateTrunc": {"date": "$queued_at", "unit": "day"}}
    pipeline = [
        {"$match": {"active": False}},
        {"$group": {"_id": {"source": "$source", "day": day}, "runs": {"$sum": 1}}},
        {"$sort": {"_id.source": 1, "_id.day": 1}},
    ]
    async for group in await db.import_logs.aggregate(pipeline, allowDiskUse=True):
        source, moment = group["_id"]["source"], group["_id"]["day"]
        key = day_id(source, moment)
        if key > cursor:
            await daily.recompute(db, source, moment)
            yield Page(key, group["runs"], 1)


async def found_by(db: Database, cursor: str) -> Pages:
    """Write the search terms of each listing, and a year's pay, as this version searches them."""
    from workers.feeds.normalise.salary import yearly  # here and below: who only looks loads no normaliser
    from workers.feeds.terms import search_terms

    def fields_of(row: Document) -> Document:
        job = from_document(row, Job)
        found = search_terms(job.title, job.company, job.locations, job.tags, job.remote, job.employment_types)
        return {"search_terms": found, "pay": yearly(job.salary)}

    known = terms.Known()

    async def learn(written: Sequence[Document]) -> None:
        await terms.learn(db, (term for fields in written for term in fields["search_terms"]), known)

    async for page in _rewritten(db, cursor, fields_of, ("search_terms", "pay"), learn):
        yield page


async def scores(db: Database, cursor: str, weights: QualityWeights) -> Pages:
    """Score the listings; fresh or stale as on the day of their last change."""
    from workers.analysis.quality import parts_of

    def score(row: Document) -> Document:
        return {"quality": parts_of(row).score(weights)}

    async for page in _rewritten(db, cursor, score, ("quality",)):
        yield page


async def blocks(db: Database, cursor: str) -> Pages:
    """Name the block of each listing, in which it is compared with those of other sources."""
    from workers.analysis.copies import copy_key

    def key(row: Document) -> Document:
        return {"copy_key": copy_key(row.get("company") or "", row["title"])}

    async for page in _rewritten(db, cursor, key, ("copy_key",)):
        yield page


async def groups(db: Database, cursor: str) -> Pages:
    """Link the copies of every block."""
    while True:
        keys = await copies.page_of_blocks(db, cursor)
        if not keys:
            return
        changed = await copies.link(db, set(keys))
        cursor = keys[-1]
        yield Page(cursor, len(keys), changed)


async def _rewritten(
    db: Database,
    cursor: str,
    fields_of: Callable[[Document], Document],
    names: Sequence[str],
    before: Callable[[Sequence[Document]], Awaitable[None]] | None = None,
) -> Pages:
    """Walk over all listings by key, and write fields that come out otherwise than they are stored."""
    while True:
        rows = [row async for row in db.jobs.find({"_id": {"$gt": cursor}}).sort("_id", 1).limit(PAGE)]
        if not rows:
            return
        writes: list[UpdateOne] = []
        written: list[Document] = []
        for number, row in enumerate(rows):
            fields: Document = fields_of(row)
            stored = {name: row.get(name) for name in names}
            if fields != stored:
                where = {"_id": row["_id"], "content_hash": row["content_hash"], **stored}
                writes.append(UpdateOne(where, {"$set": fields}))
                written.append(fields)
            if number % 25 == 0:
                await anyio.lowlevel.checkpoint()
        if written and before is not None:
            await before(written)
        changed = (await db.jobs.bulk_write(writes, ordered=False)).modified_count if writes else 0
        cursor = rows[-1]["_id"]
        yield Page(cursor, len(rows), changed)
