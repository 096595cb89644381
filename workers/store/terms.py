"""`terms`: every search term and how many listings hold it. Beginnings are looked up here, and words completed.

A word is in the dictionary before the first listing that holds it (`learn`), so that a beginning finds it at once;
`n` is a count of yesterday, good enough for an order: `recount` brings it up to date.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pymongo
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.errors import BulkWriteError

from workers.store.connect import Database
from workers.store.documents import Document, utc_now

MOST = 200
"""Words that a beginning stands for, the most frequent first: MongoDB merges so many index scans without sorting."""

RECOUNT_SECONDS = 600.0
_DUPLICATE_KEY = 11000
_BEYOND = "\U0010ffff"
_KNOWN = 100_000  # terms a process remembers (some 10 MB) before it starts over
_REMEMBERED = 3600.0  # seconds; what nothing holds for a day is dropped, and must be learned again
_DROPPED = timedelta(days=1)
_SHARE = 200  # a recount may use this part of the time
_LEAST = timedelta(minutes=1)


class Known:
    """What this process has seen in the dictionary; asking for it again would be a read a batch."""

    def __init__(self) -> None:
        self._terms: set[str] = set()
        self._since = time.monotonic()

    def missing(self, wanted: Iterable[str]) -> list[str]:
        """Those not seen yet."""
        return list(set(wanted) - self._terms)

    def add(self, terms: Iterable[str]) -> None:
        """Remember."""
        if len(self._terms) > _KNOWN or time.monotonic() - self._since > _REMEMBERED:
            self._terms.clear()
            self._since = time.monotonic()
        self._terms.update(terms)


async def learn(db: Database, wanted: Iterable[str], known: Known) -> None:
    """Put terms into the dictionary that are not there; several at once may do it."""
    missing = known.missing(wanted)
    if not missing:
        return
    there = {row["_id"] async for row in db.terms.find({"_id": {"$in": missing}}, {"_id": True})}
    new = [{"_id": term, "n": 1} for term in missing if term not in there]
    if new:
        try:
            await db.terms.insert_many(new, ordered=False)
        except BulkWriteError as error:
            failures = (error.details or {}).get("writeErrors", [])
            if any(failure["code"] != _DUPLICATE_KEY for failure in failures):
                raise
    known.add(missing)


async def beginning(db: Database, starts: Sequence[str], limit: int = MOST) -> dict[str, int]:
    """Find the terms that begin with one of these, and how many listings hold each; the most frequent first."""
    return {row["_id"]: int(row["n"]) async for row in begun(db, starts, limit)}


def begun(db: Database, starts: Sequence[str], limit: int = MOST) -> AsyncCursor[Document]:
    """The find of a beginning. It reads keys alone: there may be 60,000 words, of which 200 are taken."""
    ranges = [{"_id": {"$gte": start, "$lt": start + _BEYOND}} for start in starts]
    return db.terms.find({"$or": ranges}, {"n": True}).sort({"n": -1, "_id": 1}).limit(limit)


async def completions(db: Database, word: str, tags: Sequence[str]) -> list[str]:
    """List longer words that begin like one, as they stand in these places, the most frequent first."""
    found = await beginning(db, [tag + word for tag in tags], 2 * len(tags))  # the word itself is one for each tag
    return list(dict.fromkeys(longer for term in found if (longer := term.rpartition(":")[2]) != word))


async def frequencies(db: Database, wanted: Iterable[str]) -> dict[str, int]:
    """How many listings hold each term, as far as it was counted; an unknown term is held by none."""
    terms = list(set(wanted))
    if not terms:
        return {}
    return {row["_id"]: int(row["n"]) async for row in db.terms.find({"_id": {"$in": terms}})}


async def recount(db: Database) -> float:
    """Count every term anew; returns the seconds it took. Terms that nothing has held for a day are dropped.

    May run beside imports, and twice at once: a term learned meanwhile stays.
    """
    began = time.perf_counter()
    at = utc_now()
    with pymongo.timeout(RECOUNT_SECONDS):
        cursor = await db.jobs.aggregate(
            [
                {"$project": {"_id": False, "search_terms": True}},
                {"$unwind": "$search_terms"},
                {"$group": {"_id": "$search_terms", "n": {"$sum": 1}}},
                {"$set": {"counted": at}},
                {"$merge": {"into": "terms", "whenMatched": "replace"}},
            ],
            allowDiskUse=True,
        )
        await cursor.to_list()
        await db.terms.update_many({"counted": {"$lt": at}, "n": {"$gt": 0}}, {"$set": {"n": 0}})
        await db.terms.delete_many({"counted": {"$lt": at - _DROPPED}, "n": 0})
    return time.perf_counter() - began


async def recount_if_due(db: Database) -> bool:
    """Recount if a run has ended since the last time, and counting takes at most 1/200 of the time."""
    last = await db.counters.find_one({"_id": "terms"}) or {}
    counted: datetime | None = last.get("at")
    if counted is not None and utc_now() - counted < max(_LEAST, timedelta(seconds=_SHARE * float(last["seconds"]))):
        return False
    newer = {} if counted is None else {"finished_at": {"$gt": counted}}
    if await db.import_logs.find_one({**newer, "state": {"$ne": "unchanged"}, "active": False}, {"_id": True}) is None:
        return False
    at = utc_now()
    seconds = await recount(db)
    await db.counters.update_one({"_id": "terms"}, {"$set": {"at": at, "seconds": seconds}}, upsert=True)
    return True
