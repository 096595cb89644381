"""Rows of `audit`: what operators did, and who. Written by workers.control, never changed, expired by age."""

from datetime import datetime

import msgspec
from bson import ObjectId

from workers.store.connect import Database
from workers.store.documents import Document, from_document, storable, utc_now

_TEXT = 300
_NAME = 100


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did. `text` goes on after the name: "cancelled the run"."""

    at: datetime
    user: str
    text: str
    source: str = ""
    run: int | None = None
    batch: str = ""
    worker: str = ""
    id: str = ""


async def add(db: Database, act: Act) -> None:
    """Write it down."""
    row: Document = {
        "at": act.at,
        "user": storable(act.user, _NAME),
        "text": storable(act.text, _TEXT),
        "source": act.source,
        "run": act.run,
        "batch": act.batch,
        "worker": storable(act.worker, _NAME),
    }
    await db.audit.insert_one({name: value for name, value in row.items() if value not in (None, "")})


async def record(db: Database, user: str, text: str, *, source: str = "", run: int | None = None) -> None:
    """Write down what somebody has just done, where no watcher needs to hear of it: the edit of a file."""
    await add(db, Act(at=utc_now(), user=user, text=text, source=source, run=run))


async def newest(
    db: Database,
    *,
    limit: int = 100,
    run: int | None = None,
    source: str | None = None,
    user: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: str | None = None,
) -> list[Act]:
    """List acts, newest first; `before` is the id of the last of the page before."""
    where: Document = {name: value for name, value in (("run", run), ("source", source), ("user", user)) if value}
    moments = {key: moment for key, moment in (("$gte", since), ("$lt", until)) if moment is not None}
    if moments:
        where["at"] = moments
    if before is not None:
        where["_id"] = {"$lt": ObjectId(before)}
    rows = db.audit.find(where).sort("_id", -1).limit(limit)
    return [from_document({**row, "id": str(row["_id"])}, Act) async for row in rows]
