"""What the last runs of a source left behind: validators, stamps, streaks. A row of `source_state`."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from pymongo.errors import DuplicateKeyError

from workers.store.connect import Database
from workers.store.documents import from_document


class SourceState(msgspec.Struct, frozen=True, kw_only=True, rename={"source": "_id"}):
    """One source's memory. The validators are those of `last_complete_run`, read under `mapping_hash`."""

    source: str
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    permanent_url: str | None = None
    mapping_hash: bytes = b""
    last_fetch_at: datetime | None = None
    last_slot: datetime | None = None
    consecutive_failures: int = 0
    circuit: str = ""
    paused: str = ""  # by whom; "" when it is not
    last_run: int = 0
    last_complete_run: int = 0
    empty_streak: int = 0


async def get(db: Database, source: str) -> SourceState | None:
    """Read the state of one source; None before its first run."""
    row = await db.source_state.find_one({"_id": source})
    return None if row is None else from_document(row, SourceState)


async def all(db: Database) -> dict[str, SourceState]:
    """Read every state, by source."""
    states = [from_document(row, SourceState) async for row in db.source_state.find()]
    return {state.source: state for state in states}


async def remember_complete(
    db: Database,
    source: str,
    *,
    run_id: int,
    etag: str | None,
    last_modified: str | None,
    body_hash: str | None,
    mapping_hash: bytes,
    permanent_url: str | None = None,
) -> bool:
    """Store the validators of a complete run; False when a later run has stored its own already.

    A run that was fetched more than once passes None for them (section 5.1, rule 4).
    """
    facts = {
        "etag": etag,
        "last_modified": last_modified,
        "body_hash": body_hash,
        "mapping_hash": mapping_hash,
        "permanent_url": permanent_url,
        "last_complete_run": run_id,
    }
    return await _set(
        db,
        {"_id": source, "last_complete_run": {"$not": {"$gt": run_id}}},
        {"$set": facts, "$max": {"last_run": run_id}},
    )


async def note_fetch(db: Database, source: str, at: datetime, ok: bool, *, run_id: int = 0) -> None:
    """Note when the feed was last asked for, and count its failures in a row."""
    change: dict[str, dict[str, object]] = {"$max": {"last_fetch_at": at, "last_run": run_id}}
    if ok:
        change["$set"] = {"consecutive_failures": 0}
    else:
        change["$inc"] = {"consecutive_failures": 1}
    await _set(db, {"_id": source}, change)


async def next_allowed(db: Database, source: str, *, min_interval: float, now: datetime) -> datetime | None:
    """Return the moment before which the source must not be fetched again; None when it may be now.

    `min_interval` is in seconds.
    """
    state = await get(db, source) if min_interval > 0 else None
    if state is None or state.last_fetch_at is None:
        return None
    allowed = state.last_fetch_at + timedelta(seconds=min_interval)
    return allowed if allowed > now else None


async def set_empty_streak(db: Database, source: str, streak: int) -> None:
    """Note how many complete runs in a row found no listing."""
    await _set(db, {"_id": source}, {"$set": {"empty_streak": streak}})


async def note_slot(db: Database, source: str, slot: datetime) -> None:
    """Note the newest scheduled slot that was served or coalesced."""
    await _set(db, {"_id": source}, {"$max": {"last_slot": slot}})


async def set_paused(db: Database, source: str, by: str) -> None:
    """Pause a source in the name of `by`; "" lets it go on."""
    await _set(db, {"_id": source}, {"$set": {"paused": by}})


async def _set(db: Database, where: Mapping[str, object], change: Mapping[str, Mapping[str, object]]) -> bool:
    """Update or insert; False when a row is there that `where` does not match."""
    try:
        await db.source_state.update_one(where, change, upsert=True)
    except DuplicateKeyError:
        if len(where) > 1:
            return False
        # Two first writers of one row: the other has inserted it, so that this time it matches.
        await db.source_state.update_one(where, change)
    return True
