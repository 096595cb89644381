"""Listings by a query (see workers.query), in its order. Pages go by key, never by skipping.

Of several words, listings are looked at that hold one of them: 5 us each, and a page may take fifty of them or all.
They are looked at in stretches, counted off by the keys of the index alone (0.5 us each), so that whoever asks hears
soon what was found and how far back it was looked.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec
import pymongo
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.errors import ExecutionTimeout, NetworkTimeout, OperationFailure

from workers.errors import ConfigError, Transient
from workers.model import Salary
from workers.model.listing import Remote
from workers.query.model import OfRun, Query
from workers.store import hints, history, terms
from workers.store.compiling import Facts, compile, posted_within, starts, whole_terms
from workers.store.connect import Database, ping
from workers.store.documents import Document, from_document, utc_now
from workers.store.hints import Hint

COUNT_CAP = 10_001  # "10,000+"
TIME_LIMIT = 3.0  # seconds a search, or a stretch of one, may take
EXPORT_PAGE = 500
_LONGER = 3  # doublings of a stretch
_NO_TEXT_INDEX, _BAD_VALUE = 27, 2

T = TypeVar("T")
Status = Literal["open", "closed"]
Key = tuple[datetime | int, str]
"""What stands in the order's field, and the id."""

Moment = tuple[datetime, str]
"""When a listing was posted, and its id: the key of the usual order."""


class SearchTooSlow(Transient):
    """The query matches too much, or looks at too much, to be answered in time."""

    def __init__(self) -> None:
        super().__init__(f"the search took longer than {TIME_LIMIT:.0f} s: add a word or a source")


class JobRow(msgspec.Struct, frozen=True, kw_only=True, rename={"id": "_id"}):
    """A listing as lists show it: without its description."""

    id: str
    source: str
    external_id: str
    title: str
    company: str
    posted_at: datetime
    posted_at_known: bool = False
    locations: list[str] = []
    remote: Remote | None = None
    employment_types: list[str] = []
    salary: Salary | None = None
    pay: int | None = None
    valid_through: datetime | None = None
    url: str | None = None
    tags: list[str] = []
    status: Status = "open"
    first_run: int = 0
    changed_run: int = 0
    closed_run: int | None = None

    def key(self, query: Query) -> Key:
        """What the next page starts after."""
        return key_of(query, self.posted_at, self.pay, self.id)


def key_of(query: Query, posted_at: datetime, pay: int | None, id: str) -> Key:
    """What a page of the query starts after, if a row with these values was the last of the page before."""
    return (posted_at if query.sort == "posted" else pay or 0), id


_LISTED: Document = {field.encode_name: True for field in msgspec.structs.fields(JobRow)}
_ORDER = {"posted": "posted_at", "salary": "pay"}


@asynccontextmanager
async def _told(db: Database) -> AsyncGenerator[None]:
    """Turn what MongoDB says of a search into what its user can do about it."""
    try:
        yield
    except ExecutionTimeout as error:
        raise SearchTooSlow from error
    except NetworkTimeout as error:
        await ping(db)  # raises if the server is away; if it is not, it was too busy to give up in time
        raise SearchTooSlow from error
    except OperationFailure as error:
        if error.code != _NO_TEXT_INDEX:
            raise
        expected = "descriptions that are indexed: [search] index_descriptions = true, then `jobimport migrate`"
        raise ConfigError("query", "text", None, expected) from error


class Found(msgspec.Struct, frozen=True):
    """A page, or what is found of it so far: then the search goes on after `reached`, at its next `turn`."""

    rows: list[JobRow]
    reached: Moment | None = None
    turn: int = 0


async def look(db: Database, query: Query, *, limit: int = 50, after: Key | None = None, turn: int = 0) -> Found:
    """List a page of what a query finds, or what one stretch has of it. Raises SearchTooSlow after 3 s.

    `after` is `key` of the last row of the page before, or what was reached. The first `turn` answers soonest; each
    that follows looks at twice as many listings as the one before it, up to eight times as many. After one that took
    long it begins anew: no stretch comes near the limit.
    """
    began = time.monotonic()

    async def found(where: Document, chosen: Hint, known: Facts) -> Found:
        stretch = hints.STRETCH << min(turn, _LONGER)
        edge = await _edge(db, query, known, chosen, after, stretch) if chosen.through else None
        cursor = paged(db, query, where, after, limit, chosen, until=edge)
        rows = [from_document(row, JobRow) async for row in cursor]
        is_quick = time.monotonic() - began < TIME_LIMIT / 10
        return Found(rows, None if len(rows) == limit else edge, turn + 1 if is_quick else 0)

    async with _told(db):
        with pymongo.timeout(TIME_LIMIT):
            return await _chosen(db, query, found)


async def search(
    db: Database,
    query: Query,
    *,
    limit: int = 50,
    after: Key | None = None,
    told: Callable[[int, Moment], None] = lambda count, reached: None,
) -> list[JobRow]:
    """List a page however long it takes. `told` hears after each stretch how many were found and what was reached."""
    found = await look(db, query, limit=limit, after=after)
    rows = found.rows
    while found.reached is not None:
        told(len(rows), found.reached)
        found = await look(db, query, limit=limit - len(rows), after=found.reached, turn=found.turn)
        rows += found.rows
    return rows


async def count(db: Database, query: Query, *, cap: int = COUNT_CAP) -> int:
    """Count what `search` would list in all its pages, up to `cap`. Raises SearchTooSlow."""

    async def counted(where: Document, chosen: Hint, known: Facts) -> int:
        if query.sort != "posted":
            chosen = hints.NONE  # nothing is sorted
        options: dict[str, Any] = {"hint": chosen.index} if chosen.index else {}
        return await db.jobs.count_documents(where, limit=cap, **options)

    async with _told(db):
        with pymongo.timeout(TIME_LIMIT):
            return await _chosen(db, query, counted)


async def export(db: Database, query: Query, *, limit: int | None = None) -> AsyncGenerator[list[Document]]:
    """Yield whole listings as they are stored, page by page, without their search terms.

    A page may take as long as the client allows; what was learned for the query at the start holds to the end.
    """
    where = compile(query, await facts(db, query))
    after: Key | None = None
    left = limit
    while left is None or left > 0:
        size = EXPORT_PAGE if left is None else min(EXPORT_PAGE, left)
        async with _told(db):
            page = [row async for row in paged(db, query, where, after, size, fields={"search_terms": False})]
        if page:
            yield page
        if len(page) < size:
            return
        after = page[-1][_ORDER[query.sort]], page[-1]["_id"]
        left = None if left is None else left - len(page)


async def _chosen(db: Database, query: Query, use: Callable[[Document, Hint, Facts], Awaitable[T]]) -> T:
    """Ask by the index that is chosen; where it is not there, as MongoDB likes."""
    known = await facts(db, query)
    chosen = await hints.hint(db, query, known)
    try:
        return await use(compile(query, known, chosen.through), chosen, known)
    except OperationFailure as error:
        if chosen.index is None or error.code != _BAD_VALUE:
            raise
    return await use(compile(query, known), hints.NONE, known)


async def _edge(
    db: Database, query: Query, known: Facts, chosen: Hint, after: Key | None, stretch: int
) -> Moment | None:
    """The last of so many listings; None where fewer are left. Keys alone are read, unless many are of one moment."""
    where = [chosen.through.where, *posted_within(query, known)]
    if after is None:
        return await _nth(db, where, chosen, stretch)
    edge = await _nth(db, [*where, {"posted_at": {"$lte": after[0]}}], chosen, stretch + 1)  # with `after` itself
    if edge is None or edge < after:
        return edge
    return await _nth(db, [*where, *_beyond("posted_at", after)], chosen, stretch)


async def _nth(db: Database, where: list[Document], chosen: Hint, n: int) -> Moment | None:
    keys = db.jobs.find({"$and": where}, {"posted_at": True}).sort({"posted_at": -1, "_id": -1})
    rows = await keys.skip(n - 1).limit(1).hint(str(chosen.index)).to_list()
    return (rows[0]["posted_at"], rows[0]["_id"]) if rows else None


def paged(
    db: Database,
    query: Query,
    where: Document,
    after: Key | None,
    limit: int,
    chosen: Hint = hints.NONE,
    *,
    until: Key | None = None,
    fields: Document = _LISTED,
) -> AsyncCursor[Document]:
    """The find of a page: `where` is the compiled query, `until` the last that is looked at, `fields` what is read."""
    by = _ORDER[query.sort]
    parts = [where, *_beyond(by, after)]
    if until is not None and after is not None and until[0] == after[0]:
        parts = [where, {by: until[0], "_id": {"$lt": after[1], "$gte": until[1]}}]  # many of one moment: as bounds
    elif until is not None:
        at, id = until
        parts += [{by: {"$gte": at}}, {"$or": [{by: {"$gt": at}}, {"_id": {"$gte": id}}]}]
    if chosen.also:
        parts.append(chosen.also)
    found = db.jobs.find({"$and": parts} if len(parts) > 1 else where, fields).sort({by: -1, "_id": -1}).limit(limit)
    return found.hint(chosen.index) if chosen.index else found


def _beyond(by: str, after: Key | None) -> list[Document]:
    if after is None:
        return []
    at, id = after
    return [{by: {"$lte": at}}, {"$or": [{by: {"$lt": at}}, {"_id": {"$lt": id}}]}]


async def facts(db: Database, query: Query) -> Facts:
    """Look up what a query needs to know."""
    begun = {start: await terms.beginning(db, start) for start in starts(query)}
    whole = await terms.frequencies(db, (term for alike in whole_terms(query) for term in alike))
    runs = [clause.run for clause in query.clauses if isinstance(clause, OfRun)]
    return Facts(
        now=utc_now(),
        beginnings={start: list(found) for start, found in begun.items()},
        frequencies={term: n for found in (whole, *begun.values()) for term, n in found.items()},
        last_complete=await _last_complete(db) if query.takes("seen") else {},
        runs={row["_id"]: row["source"] async for row in db.import_logs.find({"_id": {"$in": runs}}, {"source": True})}
        if runs
        else {},
    )


async def _last_complete(db: Database) -> dict[str, datetime]:
    """When the last complete run of each source ended."""
    states = {
        row["last_complete_run"]: row["_id"] async for row in db.source_state.find({"last_complete_run": {"$gt": 0}})
    }
    return {states[run]: at for run, at in (await history.finished(db, list(states))).items()}
