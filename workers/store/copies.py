"""Copies across sources: `copy_group` and `copy_of` of listings, recomputed for whole blocks, never counted up.

    copy_key    the block: company and title, folded; written with the listing
    copy_group  the `_id` of the group's first listing, on each of its listings; absent where there is no copy
    copy_of     the same, on the copies; absent on the first

Only open listings are in groups. A block is read, judged (analysis.copies) and written by compare-and-set on what was
read, then read again until nothing differs: of two who do so at once the last to write sees what the other has done.
A listing that has left its block, or was closed, still carries its old group: that leads to those it has left.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import msgspec
from pymongo import UpdateOne

from workers.model import Run
from workers.store.connect import Database
from workers.store.documents import Document
from workers.store.writing import May, Overtaken, always

if TYPE_CHECKING:
    from workers.analysis.copies import Candidate

MOST = 2000
"""Open listings of a block beyond which none is linked: that is no advertisement, but an agency's word for all."""

_CHUNK = 500  # blocks read at once
_ROUNDS = 6
_DAILY = timedelta(days=1)
_LINKS = dict.fromkeys(("copy_key", "source", "status", "first_run", "changed_run", "copy_group", "copy_of"), True)
_SAID = dict.fromkeys(("source", "first_run", "locations", "remote", "description"), True)


class Copy(msgspec.Struct, frozen=True, kw_only=True, rename={"id": "_id"}):
    """Another listing of a group; `copy_of` is None for the first."""

    id: str
    source: str
    title: str
    copy_of: str | None = None
    url: str | None = None


async def others(db: Database, document: Mapping[str, Any], *, limit: int = 50) -> list[Copy]:
    """List the other listings of a listing's group, the first of them first."""
    group = document.get("copy_group")
    if not group:
        return []
    where = {"status": "open", "copy_group": group, "_id": {"$ne": document["_id"]}}
    rows = db.jobs.find(where, dict.fromkeys(("source", "title", "copy_of", "url"), True)).limit(limit)
    found = msgspec.convert([row async for row in rows], list[Copy])
    return sorted(found, key=lambda copy: (copy.copy_of is not None, copy.id))


async def due(db: Database, *, limit: int = 100) -> list[Run]:
    """List the ended runs whose listings nobody has compared yet, oldest first."""
    rows = db.import_logs.find({"copies_due": True, "active": False}, {"error_log": False})
    return [msgspec.convert(row, Run) async for row in rows.sort({"queued_at": 1}).limit(limit)]


async def link_run(db: Database, run: Run, *, may_write: May = always) -> int:
    """Link what a run has brought, changed or reopened; returns how many links were changed."""
    moved = 0
    keys: set[str] = set()
    where = {"source": run.source, "changed_run": run.id}
    async for row in db.jobs.find(where, {"copy_key": True}).hint("source_changed").batch_size(_CHUNK):
        keys.add(row.get("copy_key") or "")
        if len(keys) > _CHUNK:
            moved += await link(db, keys, may_write=may_write)
            keys.clear()
    moved += await link(db, keys, may_write=may_write)
    same = {"_id": run.id, "active": False, "finished_at": run.finished_at}
    await db.import_logs.update_one(same, {"$set": {"copies_due": False}})
    return moved


async def link_closed(db: Database, *, may_write: May = always) -> int:
    """Take closed listings out of their groups, whoever closed them; returns how many links were changed."""
    where = {"status": "closed", "copy_group": {"$gt": ""}}
    rows = db.jobs.find(where, {"copy_key": True}).hint("copy_group").limit(_CHUNK)
    return await link(db, {row.get("copy_key") or "" async for row in rows}, may_write=may_write)


async def page_of_blocks(db: Database, cursor: str) -> list[str]:
    """List the keys of the listings that follow a block, in order, repeats included."""
    rows = db.jobs.find({"copy_key": {"$gt": cursor}}, {"_id": False, "copy_key": True})
    return [row["copy_key"] async for row in rows.sort("copy_key", 1).limit(_CHUNK)]


async def walk_on(db: Database, now: datetime, *, may_write: May = always) -> int:
    """Go on with a round over all blocks, which begins once a day; returns the links changed.

    What no run tells of is put right by it: listings that a new version reads otherwise, and whatever was written by
    one that had slept.
    """
    walk = await db.counters.find_one({"_id": "copies"}) or {}
    cursor: str = walk.get("cursor", "")
    began: datetime | None = walk.get("began")
    if not cursor and began is not None and now - began < _DAILY:
        return 0
    keys = await page_of_blocks(db, cursor)
    moved = await link(db, set(keys), may_write=may_write)
    walked = {"cursor": keys[-1] if keys else "", "began": began if cursor else now}
    await db.counters.update_one({"_id": "copies"}, {"$set": walked}, upsert=True)
    return moved


async def link(db: Database, keys: Collection[str], *, may_write: May = always) -> int:
    """Bring the groups of blocks up to date, and of those that their listings have left; returns the links changed.

    Any number may do it at once, any number of times. `may_write` is asked for each 500 blocks and before each write:
    Overtaken if it says no.
    """
    moved, done = 0, {""}
    waiting = set(keys) - done
    while waiting:
        await _ask(may_write)
        chunk = [waiting.pop() for _ in range(min(_CHUNK, len(waiting)))]
        for _ in range(_ROUNDS):
            members = await _members(db, {"copy_key": {"$in": chunk}})
            writes = await _judge(db, list(_by_key(members)))
            done.update(chunk)
            waiting |= await _left(db, members) - done
            if not writes:
                break
            await _ask(may_write)
            moved += (await db.jobs.bulk_write(writes, ordered=False)).modified_count
    return moved


async def _ask(may_write: May) -> None:
    if not await may_write():
        raise Overtaken


async def _members(db: Database, where: Document) -> list[Document]:
    return [row async for row in db.jobs.find(where, _LINKS)]


def _by_key(members: Iterable[Document]) -> Iterable[list[Document]]:
    blocks: dict[str, list[Document]] = {}
    for row in members:
        blocks.setdefault(row["copy_key"], []).append(row)
    return blocks.values()


async def _left(db: Database, members: Sequence[Document]) -> set[str]:
    """Name the other blocks in which listings of these members' groups are: a member has come from there."""
    groups = {row["copy_group"] for row in members if row.get("copy_group")}
    if not groups:
        return set()
    where = {"status": {"$in": ["open", "closed"]}, "copy_group": {"$in": list(groups)}}
    return {row.get("copy_key") or "" async for row in db.jobs.find(where, {"copy_key": True})}


async def _judge(db: Database, blocks: Sequence[Sequence[Document]]) -> list[UpdateOne]:
    """Return what is to be written so that the members of blocks carry the groups they are in."""
    groups: dict[str, str] = {}
    for some in _in_parts([block for block in map(_comparable, blocks) if block]):
        groups |= await _groups(db, some)
    return [
        _write(row, groups.get(row["_id"]))
        for block in blocks
        for row in block
        if _links(row) != _wanted(row, groups.get(row["_id"]))
    ]


def _comparable(block: Sequence[Document]) -> list[str]:
    """The open listings of a block, where there are several sources and not too many listings."""
    is_open = [row for row in block if row["status"] == "open"]
    is_large = len(is_open) > MOST
    return [] if is_large or len({row["source"] for row in is_open}) < 2 else [row["_id"] for row in is_open]


def _in_parts(blocks: Iterable[list[str]]) -> Iterable[list[list[str]]]:
    """Several blocks a part, of MOST listings together at most."""
    part: list[list[str]] = []
    for block in blocks:
        if part and sum(map(len, part)) + len(block) > MOST:
            yield part
            part = []
        part.append(block)
    if part:
        yield part


async def _groups(db: Database, blocks: Sequence[Sequence[str]]) -> dict[str, str]:
    """Read what is compared, and group each block; what takes long is done beside the event loop."""
    from workers.analysis.copies import groups  # here: the console reads copies without the normaliser

    rows = db.jobs.find({"_id": {"$in": [id for block in blocks for id in block]}}, _SAID)
    said: dict[str, Document] = {row["_id"]: row async for row in rows}

    def group() -> dict[str, str]:
        found: dict[str, str] = {}
        for block in blocks:
            found |= groups([_candidate(said[id]) for id in block if id in said])
        return found

    return await anyio.to_thread.run_sync(group)


def _candidate(row: Document) -> "Candidate":
    from workers.analysis.copies import LONG, candidate
    from workers.feeds.normalise.description import line_of

    return candidate(
        row["_id"],
        row["source"],
        row["first_run"],
        text=line_of((row.get("description") or "")[: LONG * 4])[: LONG * 2],
        locations=row.get("locations") or (),
        remote=row.get("remote"),
    )


def _links(row: Document) -> tuple[str | None, str | None]:
    return row.get("copy_group"), row.get("copy_of")


def _wanted(row: Document, first: str | None) -> tuple[str | None, str | None]:
    return first, None if first == row["_id"] else first


def _write(row: Document, first: str | None) -> UpdateOne:
    where = {name: row.get(name) for name in ("_id", "copy_key", "status", "changed_run", "copy_group", "copy_of")}
    wanted = dict(zip(("copy_group", "copy_of"), _wanted(row, first), strict=True))
    change: Document = {}
    if put := {name: value for name, value in wanted.items() if value is not None}:
        change["$set"] = put
    if off := {name: "" for name, value in wanted.items() if value is None}:
        change["$unset"] = off
    return UpdateOne(where, change)
