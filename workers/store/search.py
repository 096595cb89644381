"""Listings by words, source and status, newest first. Pages go by key, never by skipping."""

import re
from datetime import datetime
from typing import Any, Literal

import msgspec
import pymongo
from pymongo.errors import ExecutionTimeout

from workers.errors import Transient
from workers.model import Salary
from workers.model.listing import Remote
from workers.store.connect import Database
from workers.store.documents import Document, from_document

COUNT_CAP = 10_001  # "10,000+"
MAX_WORDS = 16
TIME_LIMIT = 3.0  # seconds a search may take

Status = Literal["open", "closed"]


class SearchTooSlow(Transient):
    """The words match too much to be sorted in time."""

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
    valid_through: datetime | None = None
    url: str | None = None
    tags: list[str] = []
    status: Status = "open"
    first_run: int = 0
    changed_run: int = 0
    closed_run: int | None = None

    @property
    def key(self) -> tuple[datetime, str]:
        """What the next page starts after."""
        return self.posted_at, self.id


_FIELDS = {field.encode_name: True for field in msgspec.structs.fields(JobRow)}


async def search(
    db: Database,
    *,
    words: str = "",
    source: str | None = None,
    status: Status | None = None,
    limit: int = 50,
    before: tuple[datetime, str] | None = None,
) -> list[JobRow]:
    """List listings that hold every word, newest first. The last word is a prefix, unless a space follows it.

    `before` is `key` of the last row of the page before. Raises SearchTooSlow after 3 s.
    """
    where = _where(words, source, status)
    if before is not None:
        at, id = before
        where["posted_at"] = {"$lte": at}
        where["$or"] = [{"posted_at": {"$lt": at}}, {"_id": {"$lt": id}}]
    try:
        with pymongo.timeout(TIME_LIMIT):
            rows = db.jobs.find(where, _FIELDS).sort({"posted_at": -1, "_id": -1}).limit(limit)
            return [from_document(row, JobRow) async for row in rows]
    except ExecutionTimeout as error:
        raise SearchTooSlow from error


async def count(
    db: Database, *, words: str = "", source: str | None = None, status: Status | None = None, cap: int = COUNT_CAP
) -> int:
    """Count what `search` would list in all its pages, up to `cap`."""
    try:
        with pymongo.timeout(TIME_LIMIT):
            return await db.jobs.count_documents(_where(words, source, status), limit=cap)
    except ExecutionTimeout as error:
        raise SearchTooSlow from error


def _where(words: str, source: str | None, status: Status | None) -> Document:
    from workers.feeds.normalise.terms import words as split  # here: lists without words load no normaliser

    where: dict[str, Any] = {}
    if source is not None:
        where["source"] = source
    if status is not None:
        where["status"] = status
    terms: list[Any] = list(dict.fromkeys(split(words)))[:MAX_WORDS]
    if terms and not words[-1].isspace():
        terms[-1] = re.compile(f"^{re.escape(terms[-1])}")
    if terms:
        where["$and"] = [{"search_terms": term} for term in terms]
    return where
