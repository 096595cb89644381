"""Rejected listings tried again, after the source's file or a dialect was changed.

Mailbox   none: an operator's command.
Messages  the rejects of a run that kept their original item.
Promises  Only in the source's last run (rule 6). Each batch goes back to pending with its rejects alone, mapped anew,
          in one write: killed before it nothing has happened, after it the reconciler rings what was not rung. The
          run ends again with corrected counts; what is refused again is a reject as before, and may be tried again.
"""

import msgspec

from workers.actors.batcher import MAX_CHARACTERS
from workers.actors.desk import utcnow
from workers.control import act
from workers.errors import Permanent
from workers.feeds.identities import Identities
from workers.feeds.identity import identity_hash
from workers.feeds.mapping import Mapping
from workers.feeds.original import mapping_of_today, remap
from workers.model import Batch, LogEntry, RawItem, Run, Source
from workers.queue.connect import Redis, Trouble, now_ms
from workers.queue.message import Message
from workers.queue.ring import ring
from workers.store import batches, rejects, runs
from workers.store.connect import Database

_RING = 100  # batches rung at once


class NothingToRetry(Permanent):
    """No reject of the run can be tried again; the sentence says why."""


class Retried(msgspec.Struct, frozen=True):
    """What became of a run's rejects: tried again, and left as they were because ...

    `unkept` their item was not kept, `repeated` they would be a listing that the run has already, `busy` their batch
    is dead or being tried. `run` is the run, active again; as it was where nothing was tried.
    """

    run: Run
    tried: int = 0
    unkept: int = 0
    repeated: int = 0
    busy: int = 0


async def retry_rejects(db: Database, redis: Redis, run: Run, source: Source, user: str) -> Retried:
    """Try a run's rejects again, by the source and the dialects of today.

    Raises RunGone where rule 6 refuses it, NothingToRetry, ConfigError for a source that cannot be used, Trouble.
    """
    if run.active:
        raise runs.RunGone(f"run {run.id} is {run.state}: wait until it has ended")
    mapping = mapping_of_today(source, run.fetch.dialect if run.fetch else "")
    names, count = await rejects.batches_of(db, run.id), await rejects.count(db, run.id)
    if not names:
        text = f"{count} rejects of run {run.id} kept no item" if count else f"run {run.id} has no rejects"
        raise NothingToRetry(f"{text}: nothing to try again")
    now = await now_ms(redis)
    run = await runs.reactivate(db, run.id)
    await runs.set_rung(db, run.id, now)
    round = _Round(db, redis, run, source, mapping, now)
    try:
        await round.load_seen()
        for name in names:
            await round.take(name)
        await round.ring()
    finally:
        if round.tried:
            # A closer that had added up before may have ended the run meanwhile, or be about to.
            run = await runs.reactivate(db, run.id)
        else:
            await round.ring_close()
    if round.tried:
        text = f"{round.tried} rejects are tried again, asked for by {user}"
        await runs.log(db, run.id, LogEntry(at=utcnow(), level="info", code="rejects_retried", text=text))
        await act(db, redis, user, f"tried {round.tried} rejects again", run=run)
    unkept = count - round.tried - round.repeated - round.busy
    return Retried(run, round.tried, unkept, round.repeated, round.busy)


class _Round:
    """One go over a run's rejects."""

    def __init__(self, db: Database, redis: Redis, run: Run, source: Source, mapping: Mapping, now: int) -> None:
        self._db, self._redis, self._run, self._source, self._mapping = db, redis, run, source, mapping
        self._now = now
        self._seen = Identities()
        self._unrung: list[str] = []
        self.tried = self.repeated = self.busy = 0

    async def load_seen(self) -> None:
        """Learn what the run's listings are identified by."""
        self._seen = Identities(await batches.seen(self._db, self._run.id))

    async def take(self, name: str) -> None:
        """Put one batch's rejects back into its row."""
        row = await batches.load(self._db, name)
        rows = await rejects.of_batch(self._db, name)
        kept = [each for each in rows if each.original]
        if row is None or row.state != "done":
            self.busy += len(kept)
            return
        items, held, fresh = self._map([each for each in rows if rejects.is_of(row, each.id)])
        if not items or not await self._begin(row, items, held, fresh):
            self.busy += len(items)
            return
        self.tried += len(items)
        self._unrung.append(name)
        if len(self._unrung) >= _RING:
            await self.ring()

    def _map(self, rows: list[rejects.RejectRow]) -> tuple[list[RawItem], list[str], list[bytes]]:
        """Items to try, ids of the rejects that are not, and the identities that are new to the run."""
        items: list[RawItem] = []
        held: list[str] = []
        fresh: list[bytes] = []
        room = MAX_CHARACTERS
        for row in rows:
            item = remap(row.original, row.position, self._mapping, self._source) if row.original else None
            key = identity_hash(item.external_id) if item and item.external_id else None
            # An identity of its own is among those seen: the row's, by which it was told from the others.
            is_new = item is not None and item.external_id != row.external_id
            if item is None:
                held.append(row.id)
            elif is_new and key is not None and key in self._seen:
                self.repeated += 1
                held.append(row.id)
            elif room <= 0:
                self.busy += 1
                held.append(row.id)
            else:
                if is_new and key is not None:
                    self._seen.add(key)
                    fresh.append(key)
                room -= len(item.original) + sum(len(text) for texts in item.fields.values() for text in texts)
                items.append(item)
        return items, held, fresh

    async def _begin(self, row: Batch, items: list[RawItem], held: list[str], fresh: list[bytes]) -> bool:
        return await batches.begin_round(self._db, row, items, held=held, seen=b"".join(fresh), rung_at=self._now)

    async def ring(self) -> None:
        """Ring the upserters for what was put back. What Redis does not hear the reconciler rings."""
        run, names, self._unrung = self._run, self._unrung, []
        high = run.priority == "high"
        messages = [Message(stage="upsert", run=run.id, source=run.source, batch=name, high=high) for name in names]
        try:
            rung_at = await ring(self._redis, messages)
        except Trouble:
            rung_at = 0
        await batches.set_rung(self._db, names, rung_at)

    async def ring_close(self) -> None:
        """Have the run ended again as it was: nothing of it was tried."""
        run = self._run
        try:
            rung_at = await ring(self._redis, [Message(stage="close", run=run.id, source=run.source)])
        except Trouble:
            rung_at = 0
        await runs.set_rung(self._db, run.id, rung_at)
