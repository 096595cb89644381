"""What operators have paused: lanes ("upsert:high") and sources ("source:NAME"). Redis holds a working copy.

The truth is here (promise 4), so that a Redis that lost everything does not set loose what was stopped on purpose.
"""

from datetime import datetime

import msgspec

from workers.store.connect import Database
from workers.store.documents import from_document, storable, to_document, utc_now


class Pause(msgspec.Struct, frozen=True, kw_only=True, rename={"what": "_id"}):
    """One pause: what, by whom, since when, and why if they said so."""

    what: str
    by: str
    at: datetime
    reason: str = ""


async def add(db: Database, what: str, by: str, reason: str = "") -> bool:
    """Remember a pause; False if it was paused already, whose words stand."""
    pause = Pause(what=what, by=storable(by, 200), at=utc_now(), reason=storable(reason, 500))
    row = to_document(pause)
    del row["_id"]
    result = await db.pauses.update_one({"_id": what}, {"$setOnInsert": row}, upsert=True)
    return result.upserted_id is not None


async def remove(db: Database, what: str) -> bool:
    """Forget a pause; False if there was none."""
    return (await db.pauses.delete_one({"_id": what})).deleted_count == 1


async def all(db: Database) -> dict[str, Pause]:
    """Every pause, by what is paused."""
    return {row["_id"]: from_document(row, Pause) async for row in db.pauses.find()}
