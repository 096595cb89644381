"""`watches`: an operator's saved searches, and when each was last looked at.

New is what was first seen since then. A listing is stamped before it is written: who has looked is told again of what
was stamped within the half minute before, so that nothing is missed.
"""

import re
from datetime import UTC, datetime, timedelta

import msgspec
from pymongo.errors import DuplicateKeyError

from workers.errors import ConfigError
from workers.query import Query, parse
from workers.query.model import Since
from workers.store import search
from workers.store.connect import Database
from workers.store.documents import from_document, storable, to_document, utc_now

MOST = 50
"""Watches of a user: the console counts them all, every quarter of a minute."""

COUNTED = 1000
LATE = timedelta(seconds=30)
"""A batch is written within the time-out of its message."""

_NAME = re.compile(r"[a-z0-9-]{1,40}")


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """A saved search. `query` is text, as it was typed; `looked_at` has whole seconds."""

    user: str
    name: str
    query: str
    made_at: datetime
    looked_at: datetime

    @property
    def new(self) -> Query:
        """What it finds that is new."""
        return parse(self.query).also(Since("new", self.looked_at.astimezone(UTC)))

    @property
    def new_text(self) -> str:
        """The same as text."""
        return f"new:>={self.looked_at:%Y-%m-%dT%H:%M:%SZ} {self.query}"


async def add(db: Database, user: str, name: str, query: str) -> Watch:
    """Save a search; what comes from now on is new. Raises QueryError, and ConfigError for a name or one too many."""
    parse(query)
    if not _NAME.fullmatch(name):
        raise ConfigError("watch", "name", name, "1 to 40 of a-z, 0-9 and -")
    user = storable(user, 100)
    if await db.watches.count_documents({"user": user}, limit=MOST) >= MOST:
        raise ConfigError("watch", "name", name, f"at most {MOST} watches: remove one first")
    now = utc_now()
    watch = Watch(user=user, name=name, query=query.strip(), made_at=now, looked_at=now.replace(microsecond=0))
    try:
        await db.watches.insert_one(to_document(watch))
    except DuplicateKeyError as error:
        raise ConfigError("watch", "name", name, "a name that no other watch of yours has") from error
    return watch


async def of_user(db: Database, user: str) -> list[Watch]:
    """List a user's watches, by name."""
    rows = db.watches.find({"user": storable(user, 100)}).sort("name", 1)
    return [from_document(row, Watch) async for row in rows]


async def get(db: Database, user: str, name: str) -> Watch:
    """Read one. Raises ConfigError where there is none."""
    row = await db.watches.find_one({"user": storable(user, 100), "name": name})
    if row is None:
        raise ConfigError("watch", "name", name, f"a watch of {user} (see `jobimport watch list`)")
    return from_document(row, Watch)


async def remove(db: Database, user: str, name: str) -> None:
    """Forget one. Raises ConfigError where there is none."""
    await get(db, user, name)
    await db.watches.delete_one({"user": storable(user, 100), "name": name})


async def looked(db: Database, user: str, name: str, at: datetime) -> None:
    """Note that a user has seen what was there at a moment; an earlier look never takes back a later one."""
    mark = (at - LATE).replace(microsecond=0)
    await db.watches.update_one({"user": storable(user, 100), "name": name}, {"$max": {"looked_at": mark}})


async def count_new(db: Database, watch: Watch) -> int | None:
    """Count what is new, up to COUNTED + 1; None where that takes too long."""
    try:
        return await search.count(db, watch.new, cap=COUNTED + 1)
    except search.SearchTooSlow:
        return None
