"""What the last runs of a source left behind: validators, stamps, streaks. A row of `source_state`."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from pymongo.errors import DuplicateKeyError

from workers.model.health import Health
from workers.store.connect import Database
from workers.store.documents import from_document, to_value


class SourceState(msgspec.Struct, frozen=True, kw_only=True, rename={"source": "_id"}):
    """One source's memory. The validators are of the last body read whole, under `dialect` and `mapping_hash`."""

    source: str
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    permanent_url: str | None = None  # where the feed at `moved_from` has moved for good
    moved_from: str = ""
    dialect: str = ""
    mapping_hash: bytes = b""
    last_fetch_at: datetime | None = None
    last_slot: datetime | None = None
    consecutive_failures: int = 0
    last_failure_at: datetime | None = None
    last_run: int = 0
    last_complete_run: int = 0
    empty_streak: int = 0
    aged_at: datetime | None = None  # when its old listings were last looked at
    distrusted: int = 0  # no run up to this one leaves validators
    health: Health | None = None

    def open_until(self, after: int, longest: float) -> datetime | None:
        """Return until when the schedule leaves the source alone; None while its circuit is closed.

        It opens after so many failures in a row, for 15 minutes, which double with each further one up to `longest`
        seconds. What an operator asks for is done all the same, and one complete run closes it.
        """
        over = self.consecutive_failures - after
        if over < 0 or self.last_failure_at is None:
            return None
        return self.last_failure_at + timedelta(seconds=min(longest, FIRST_PAUSE * 2.0 ** min(over, 30)))

    def is_past(self, run_id: int) -> bool:
        """Whether a later run has read the whole feed: what the earlier one has held back is up to that one."""
        return self.last_complete_run > run_id


FIRST_PAUSE = 900.0

_NO_VALIDATORS = {"etag": None, "last_modified": None, "body_hash": None, "dialect": "", "mapping_hash": b""}


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
    run_id: int,
    *,
    unchanged: bool,
    etag: str | None,
    last_modified: str | None,
    body_hash: str | None,
    dialect: str,
    mapping_hash: bytes,
    empty: bool,
    permanent_url: str | None = None,
    moved_from: str = "",
) -> bool:
    """Store what the next run may lean on; False when this run, or a later one, has done so already.

    `unchanged` keeps the validators as they are. A run that was fetched more than once passes none (section 5.1,
    rule 4). A closer that runs twice counts an empty feed once.
    """
    facts: dict[str, object] = {
        "last_complete_run": run_id,
        "last_run": run_id,
        "consecutive_failures": 0,
        "last_failure_at": None,
        "permanent_url": permanent_url,
        "moved_from": moved_from,
    }
    if not unchanged:
        facts |= {
            "etag": etag,
            "last_modified": last_modified,
            "body_hash": body_hash,
            "dialect": dialect,
            "mapping_hash": mapping_hash,
        }
    change: dict[str, Mapping[str, object]] = {"$set": facts}
    if empty:
        change["$inc"] = {"empty_streak": 1}
    elif not unchanged:
        facts["empty_streak"] = 0
    return await _set(db, {"_id": source, "last_complete_run": {"$not": {"$gte": run_id}}}, change)


async def remember_failure(db: Database, source: str, run_id: int, now: datetime) -> bool:
    """Count a run that did not end complete; False when this run, or a later one, was judged already.

    The next run reads the feed in full: what this one wrote of a feed may not be what an earlier one was told; and
    at the address in the source's file.
    """
    where = {"_id": source, "last_run": {"$not": {"$gte": run_id}}}
    facts = {"last_run": run_id, "last_failure_at": now, "permanent_url": None, **_NO_VALIDATORS}
    change = {"$inc": {"consecutive_failures": 1}, "$set": facts}
    return await _set(db, where, change)


async def distrust(db: Database, source: str, run_id: int) -> None:
    """Have the source's next run read its feed in full; no run up to this one leaves validators."""
    await _set(db, {"_id": source}, {"$set": _NO_VALIDATORS, "$max": {"distrusted": run_id}})


async def note_fetch(db: Database, source: str, at: datetime) -> None:
    """Note when the feed was last asked for."""
    await _set(db, {"_id": source}, {"$max": {"last_fetch_at": at}})


async def next_allowed(db: Database, source: str, *, min_interval: float, now: datetime) -> datetime | None:
    """Return the moment before which the source must not be fetched again; None when it may be now.

    `min_interval` is in seconds.
    """
    state = await get(db, source) if min_interval > 0 else None
    if state is None or state.last_fetch_at is None:
        return None
    allowed = state.last_fetch_at + timedelta(seconds=min_interval)
    return allowed if allowed > now else None


async def note_slot(db: Database, source: str, slot: datetime) -> None:
    """Note the newest scheduled slot that was served or coalesced."""
    await _set(db, {"_id": source}, {"$max": {"last_slot": slot}})


async def claim_ageing(db: Database, source: str, now: datetime, every: timedelta) -> bool:
    """Take the source's turn of closing by age; False where somebody had it less than `every` ago."""
    where = {"_id": source, "aged_at": {"$not": {"$gt": now - every}}}
    return await _set(db, where, {"$set": {"aged_at": now}})


async def set_health(db: Database, source: str, health: Health) -> None:
    """Store a judgement, unless a later one is there; `since` stays while the state does."""
    state = await get(db, source)
    before = state.health if state else None
    since = before.since if before and before.state == health.state and before.since else health.at
    judged = msgspec.structs.replace(health, since=since)
    await _set(db, {"_id": source, "health.at": {"$not": {"$gte": health.at}}}, {"$set": {"health": to_value(judged)}})


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
