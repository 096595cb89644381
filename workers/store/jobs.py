"""Listings: read by id, write only what differs, count by stamps.

`upsert` may run any number of times for one batch, also twice at once: it writes the same and counts the same.
`_id` is "<source>:<external_id>", or "<source>:#<blake2b hex>" for ids over 200 bytes (and those that begin with
"#", so that no feed can forge a hashed one).
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import anyio.lowlevel
import msgspec

from workers.errors import Transient
from workers.model import Counts, Job, RawItem, Reject, Scores
from workers.store import terms, writing
from workers.store.changes import compared
from workers.store.classify import Outcome, Stored, Verdict, by_content, by_raw_hash
from workers.store.closing import ClosePlan, close_missing, recount
from workers.store.connect import Database, unhung
from workers.store.documents import Document, to_milliseconds
from workers.store.terms import Known
from workers.store.writing import May, Overtaken, always

__all__ = ["ClosePlan", "Contended", "Overtaken", "UpsertResult", "close_missing", "get", "job_id", "recount", "upsert"]

ROUNDS = 6  # reads of a batch before a fight with other writers is given up, to be tried again later
ID_LIMIT = 200  # bytes of an external_id that stands in a key as it is

_BREATHE = 25  # listings normalised (some 5 ms) between two turns of the event loop
_HASHES = dict.fromkeys(Stored.__struct_fields__, True)

Normalise = Callable[[RawItem], Job | Reject]


class Contended(Transient):
    """Other writers kept changing the batch's listings."""


class UpsertResult(msgspec.Struct, frozen=True):
    """What became of a batch: counts that add up to its size, its rejects, and what it cost."""

    counts: Counts
    rejects: list[Reject]
    normalised: int = 0  # listings; the others were known by their raw_hash
    written: int = 0  # documents inserted or updated by this call
    scores: Scores = Scores()  # of the listings that are not rejects, as they now stand


def job_id(source: str, external_id: str) -> str:
    """Return the key of a listing."""
    plain = external_id.encode("utf-8", "surrogatepass")
    if len(plain) <= ID_LIMIT and not external_id.startswith("#"):
        return f"{source}:{external_id}"
    return f"{source}:#{hashlib.blake2b(plain, digest_size=16).hexdigest()}"


async def get(db: Database, id: str) -> Document | None:
    """Read one listing as it is stored."""
    return await db.jobs.find_one({"_id": id})


async def upsert(
    db: Database,
    run_id: int,
    source: str,
    items: Sequence[RawItem],
    normalise: Normalise,
    now: datetime,
    *,
    may_write: May = always,
    known: Known | None = None,
) -> UpsertResult:
    """Write a batch's listings and count them. Ids are the fetcher's (rule 8); `normalise` must be pure.

    An item without identity is a reject, whatever `normalise` makes of it. Of items with one id in a batch the first
    wins and the others count as unchanged: the counts always add up to len(items). A listing that MongoDB refuses
    (schema, size, text that is no text) becomes a reject. `may_write` is asked right before anything is written;
    `known` is what the process remembers of the dictionary of search terms. Raises Overtaken when it says no,
    Contended after 6 rounds against other writers, and WriteTrouble or connect.Trouble when MongoDB fails; trying
    again is always safe.
    """
    batch = _Batch(db, run_id, source, normalise, to_milliseconds(now), may_write, known or Known())
    left = batch.take(items)
    for _ in range(ROUNDS):
        if not left:
            break
        left = await batch.round(left)
    if left:
        raise Contended(f"run {run_id}: {len(left)} listings of {source} changed under each of {ROUNDS} attempts")
    return batch.result(len(items))


class _Batch:
    """One batch on its way: what was normalised is kept from round to round."""

    def __init__(
        self, db: Database, run: int, source: str, normalise: Normalise, now: datetime, may_write: May, known: Known
    ) -> None:
        self._db, self._run, self._source, self._normalise, self._now = db, run, source, normalise, now
        self._may_write, self._known = may_write, known
        self._items: dict[str, RawItem] = {}
        self._normal: dict[str, Job | Reject] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._quality: dict[str, int | None] = {}
        self._nameless: list[Reject] = []
        self._refused: dict[str, Reject] = {}
        self._written = 0

    def take(self, items: Iterable[RawItem]) -> list[str]:
        """Key the items; the first of an id wins."""
        for item in items:
            if item.external_id:
                self._items.setdefault(job_id(self._source, item.external_id), item)
            else:
                self._nameless.append(self._reject_nameless(item))
        return list(self._items)

    async def round(self, ids: Sequence[str]) -> list[str]:
        """Read, judge and write; returns the ids where another writer was in between."""
        with unhung():
            stored = await self._read(ids)
        inserts: list[Document] = []
        changes: list[writing.Change] = []
        for id in ids:
            known, raw_hash = stored.get(id), self._items[id].raw_hash
            verdict = None if known is None else by_raw_hash(known, raw_hash, self._run)
            job = None if verdict is not None else await self._job(id)
            if isinstance(job, Reject):
                self._refused[id] = job
                continue
            if job is not None:
                verdict = self._judge(known, job)
            if verdict is None:
                raise AssertionError(f"{id} was neither judged nor normalised")
            self._outcomes[id] = verdict.outcome
            self._quality[id] = _quality(known, job, verdict)
            if known is not None:
                if verdict.write != "none":
                    changes.append(writing.Change(id, known, verdict.write, raw_hash, job))
            elif job is not None:
                inserts.append(writing.new_document(id, job, raw_hash, self._run, self._now))
        with unhung():
            changes = await compared(self._db, changes, self._run, self._now)
        with unhung():
            if (inserts or changes) and not await self._may_write():
                raise Overtaken
            await self._learn(inserts, changes)
            inserted = await writing.insert(self._db, inserts)
            changed = await writing.change(self._db, changes, self._run, self._now)
        return self._settle(len(inserts) + len(changes), inserted, changed)

    async def _learn(self, inserts: Sequence[Document], changes: Sequence[writing.Change]) -> None:
        """Every word is in the dictionary before the first listing that holds it (see terms)."""
        words = {word for document in inserts for word in document["search_terms"]}
        words.update(word for change in changes if change.job for word in change.job.search_terms)
        await terms.learn(self._db, words, self._known)

    def _settle(self, tried: int, inserted: writing.Written, changed: writing.Written) -> list[str]:
        """Take back what was counted for listings that must be judged again, or were refused."""
        again = [*inserted.again, *changed.again]
        refused = {**inserted.refused, **changed.refused}
        for id in (*again, *refused):
            del self._outcomes[id]
        for id, reason in refused.items():
            self._refused[id] = _reject(self._items[id], reason, "")
        self._written += tried - len(again) - len(refused)
        return again

    def result(self, size: int) -> UpsertResult:
        """Count what was decided; repeats within the batch are the rest of its size, and unchanged."""
        tally = {"new": 0, "updated": 0, "unchanged": 0}
        for outcome in self._outcomes.values():
            tally[outcome] += 1
        rejects = sorted([*self._nameless, *self._refused.values()], key=lambda reject: reject.position)
        tally["unchanged"] += size - len(self._outcomes) - len(rejects)
        counts = Counts(**tally, failed=len(rejects))
        scored = [score for id in self._outcomes if (score := self._quality[id]) is not None]
        return UpsertResult(counts, rejects, len(self._normal), self._written, scores=Scores(len(scored), sum(scored)))

    def _judge(self, known: Stored | None, job: Job) -> Verdict:
        if known is None:
            return Verdict("new")
        return by_content(known, job.content_hash, job.hash_version, self._run)

    async def _read(self, ids: Sequence[str]) -> dict[str, Stored]:
        rows = self._db.jobs.find({"_id": {"$in": list(ids)}}, _HASHES)
        return {row["_id"]: msgspec.convert(row, Stored) async for row in rows}

    async def _job(self, id: str) -> Job | Reject:
        if id not in self._normal:
            if len(self._normal) % _BREATHE == _BREATHE - 1:
                await anyio.lowlevel.checkpoint()
            self._normal[id] = self._own(self._normalise(self._items[id]), self._items[id])
        return self._normal[id]

    def _own(self, job: Job | Reject, item: RawItem) -> Job | Reject:
        """Hold rule 8: whatever the normaliser says, source and identity are the fetcher's."""
        if isinstance(job, Job) and (job.source, job.external_id) != (self._source, item.external_id):
            return msgspec.structs.replace(job, source=self._source, external_id=item.external_id)
        return job

    def _reject_nameless(self, item: RawItem) -> Reject:
        judged = self._normalise(item)
        return judged if isinstance(judged, Reject) else _reject(item, "no usable identity", "id")


def _quality(known: Stored | None, job: Job | None, verdict: Verdict) -> int | None:
    """The score that the listing has after the write: the new one only where its content is written."""
    if job is not None and (known is None or verdict.write in ("rewrite", "update")):
        return job.quality
    return known.quality if known else None


def _reject(item: RawItem, reason: str, field: str) -> Reject:
    return Reject(
        external_id=item.external_id,
        position=item.position,
        reason=reason,
        field=field,
        value="",
        raw=item.fields,
        original=item.original,
    )
