"""Leases: one holder at a time for work that any worker may do, and that is harmless if two do it."""

from datetime import UTC, datetime, timedelta

from pymongo.errors import DuplicateKeyError

from workers.store.connect import Database


async def acquire(db: Database, name: str, holder: str, *, seconds: float) -> bool:
    """Take or renew a lease; False while another holds it. `seconds` is how long it lasts without renewal."""
    now = datetime.now(UTC)
    free = {"_id": name, "$or": [{"holder": holder}, {"expires_at": {"$lte": now}}]}
    change = {"$set": {"holder": holder, "expires_at": now + timedelta(seconds=seconds)}}
    try:
        result = await db["leases"].update_one(free, change, upsert=True)
    except DuplicateKeyError:
        return False
    return result.matched_count == 1 or result.upserted_id is not None
