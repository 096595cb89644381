"""The fetcher.

Mailbox   lanes fetch:high and fetch. One message a run: {run}.
Messages  "this run is queued": its source names the feed.
Promises  Every listing of the feed is in exactly one row of the run, or counted as a duplicate, whatever the feed
          says when it is fetched a second time (rule 4). Accepted means the row is committed. A feed that breaks
          half-way is tried again; at the last attempt what came is kept, the run is degraded and closes nothing.
          Memory does not grow with the feed.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import anyio

from workers.actors.batcher import Batcher, Superseded
from workers.actors.desk import Desk, utcnow
from workers.actors.upserter import ring_close_if_settled
from workers.errors import Deferred, JobImportError, Permanent, Transient
from workers.feeds.reader import mapping_hash_of
from workers.fetching import Validators, shown
from workers.model import LogEntry, Run, Source
from workers.queue import hosts, rate
from workers.queue.connect import Trouble as RedisTrouble
from workers.queue.policy import asked_wait
from workers.reading import Reading
from workers.store import runs, source_state
from workers.store.connect import unhung

log = logging.getLogger(__name__)

BEAT_EVERY = 5.0


async def fetch(desk: Desk, run_id: int, *, last_attempt: bool) -> None:
    """Read the run's feed into batches. Raises what the retry policy is to judge."""
    # A whole fetch has deadlines of its own; opening it is bounded like every other message.
    with unhung(desk.config.settings.queue.message_timeout):
        run = await runs.get(desk.db, run_id)
    if run is None or not run.active:
        return
    if run.state not in ("queued", "fetching"):
        await ring_close_if_settled(desk, run_id)
        return
    source = desk.source(run.source)
    limit = desk.config.settings.fetch.connections_per_host
    async with hosts.slot(desk.redis, source.url, limit, f"{desk.worker}/{run_id}") as slot:
        await _fetch(desk, run, source, slot, last_attempt=last_attempt)


async def _fetch(desk: Desk, run: Run, source: Source, slot: hosts.Slot, *, last_attempt: bool) -> None:
    """Read the feed while one of its host's connections is held."""
    run_id = run.id
    if wait := await rate.take(desk.redis, source.name, source.rate):
        raise Deferred(f"{source.name} is asked at most {source.rate}", wait)
    with unhung(desk.config.settings.queue.message_timeout):
        epoch = await runs.begin_fetch(desk.db, run_id, worker=desk.worker)
    if epoch is None:
        await ring_close_if_settled(desk, run_id)
        return
    desk.progress.mark(run_id)
    delivery = _Delivery(desk, run, source, epoch, last_attempt)
    try:
        with unhung():
            await source_state.note_fetch(desk.db, source.name, utcnow())
        async with _beating(desk, run_id, epoch, slot):
            await delivery.read()
    except Superseded:
        log.info("run %d: another delivery has taken over, or it was cancelled", run_id)
    except Permanent:
        raise
    except Exception as error:
        if isinstance(error, Transient) and not last_attempt:
            with unhung():
                await runs.log(desk.db, run_id, _again(error, desk.worker))
        if not delivery.has_read:
            # It has not met the feed: the next delivery is the first to, and may leave validators (rule 4).
            with unhung():
                await runs.unbegin_fetch(desk.db, run_id, epoch)
        raise
    await ring_close_if_settled(desk, run_id)


def _again(error: Transient, worker: str) -> LogEntry:
    """What is told of a fetch that is tried again; the other side may have asked for an hour."""
    now = utcnow()
    wait = asked_wait(error)
    when = f"at {now + timedelta(seconds=wait):%H:%M:%S} UTC, as it asks" if wait else "soon"
    return LogEntry(at=now, level="info", code=error.code, text=f"{error}; tried again {when}", worker=worker)


@asynccontextmanager
async def _beating(desk: Desk, run_id: int, epoch: int, slot: hosts.Slot) -> AsyncGenerator[None]:
    """Keep the run's heartbeat; leaves with Superseded when another delivery has taken the run over."""
    lost = False

    async def beat(scope: anyio.CancelScope) -> None:
        nonlocal lost
        while True:
            await anyio.sleep(BEAT_EVERY)
            await slot.renew()
            with unhung():
                lives = await runs.beat(desk.db, run_id, epoch)
            if not lives:
                lost = True
                scope.cancel()

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(beat, tasks.cancel_scope)
            yield
            tasks.cancel_scope.cancel()
    except ExceptionGroup as group:
        raise _first(group) from None
    if lost:
        raise Superseded


def _first(group: ExceptionGroup) -> Exception:
    """The failure that a task group wrapped; our own kind before what it may have torn down with it."""
    known, other = group.split((JobImportError, Superseded))
    chosen: Exception = known or other or group
    while isinstance(chosen, ExceptionGroup):
        chosen = chosen.exceptions[0]
    return chosen


def moved_to(source: Source, state: source_state.SourceState | None) -> str | None:
    """Where the feed is asked for instead of the file's address, since it has moved there for good; None if it is not.

    Not where secrets belong to the old address, nor where the new one cannot be kept as it is.
    """
    url = state.permanent_url if state else None
    if state is None or not url or state.moved_from != shown(source.url):
        return None
    is_secret = source.headers or source.query or source.basic or "@" in source.url or "***" in state.moved_from + url
    return url if not is_secret and shown(url) == url and not url.endswith("...") else None


class _Delivery:
    """One delivery of a fetch: what it has read so far and how it ends."""

    def __init__(self, desk: Desk, run: Run, source: Source, epoch: int, last_attempt: bool) -> None:
        self.desk, self.run, self.source, self.epoch = desk, run, source, epoch
        self.last_attempt = last_attempt
        self.batcher = Batcher(desk, run, epoch, desk.config.settings.imports.batch_size)
        self.reading = Reading(source, desk.config.settings.fetch, distinct=lambda: 0)

    @property
    def has_read(self) -> bool:
        """Whether the feed has answered, or earlier deliveries left something of it."""
        return self.reading.first is not None or bool(self.batcher.read or self.batcher.rows)

    async def read(self) -> None:
        """Fetch, split, batch, and end the fetch."""
        if self.epoch > 1:
            await self.batcher.load_held()
        try:
            outcome = await self._stream()
        except (Permanent, Transient) as error:
            if self.batcher.rows == 0 and self.batcher.read == 0:
                raise
            if isinstance(error, Transient) and not self.last_attempt:
                raise
            await self.batcher.flush()
            page = self.reading.page
            await self.end("degraded", f"page {page}: {error}" if page > 1 else str(error))
            return
        degraded = self.reading.degraded
        await self.end("degraded" if degraded else outcome, degraded)

    async def _stream(self) -> str:
        """Read the feed to its end; says how it went."""
        with unhung():
            state = await source_state.get(self.desk.db, self.source.name)
        known = self._known(state)
        reading = self.reading = Reading(
            self.source,
            self.desk.config.settings.fetch,
            distinct=lambda: self.batcher.distinct,
            validators=Validators(known.etag, known.last_modified) if known else None,
            body_hash=known.body_hash if known else None,
            turn=self._turn,
            moved_to=moved_to(self.source, state),
        )
        async with aclosing(reading.items()) as read:
            async for items in read:
                await self.batcher.take(items)
                self.desk.progress.mark(self.run.id, reading.bytes)
        await self.batcher.flush()
        return reading.outcome

    async def _turn(self) -> None:
        """Wait until the source may be asked for another page: each is a request of its own."""
        try:
            wait = await rate.take(self.desk.redis, self.source.name, self.source.rate)
            while wait:
                await anyio.sleep(wait)
                wait = await rate.take(self.desk.redis, self.source.name, self.source.rate)
        except RedisTrouble:
            return  # a fetch goes on while Redis is away

    def _known(self, state: source_state.SourceState | None) -> source_state.SourceState | None:
        """What the last complete run left, if this run may lean on it.

        Not after a first delivery of this very run (rule 4), nor when the mapping has changed (rule 9).
        """
        if self.epoch > 1:
            return None
        if state is None or not state.mapping_hash or not state.dialect:
            return None
        return state if mapping_hash_of(self.source, state.dialect) == state.mapping_hash else None

    async def end(self, outcome: str, degraded: str = "") -> bool:
        """Commit the end of the fetch: the run is importing, and how many rows it has is known."""
        if self.epoch > 1:
            await self.batcher.seal()
        reader = self.reading.reader
        facts = self.reading.facts(outcome)
        body = self.reading.first
        with unhung():
            ended = await runs.end_fetch(
                self.desk.db,
                self.run.id,
                self.epoch,
                fetch=facts,
                batches_total=self.batcher.rows,
                duplicates=self.batcher.duplicates,
                fill_rate=self.batcher.fill_rate,
                mapping_hash=reader.mapping_hash if reader else b"",
                degraded=degraded,
            )
            if ended and degraded:
                await runs.log(self.desk.db, self.run.id, self.desk.entry("warning", "degraded", degraded))
            if body and body.permanent_url:
                text = f"the feed has moved for good to {body.permanent_url}: put it into the source's file"
                await runs.log(self.desk.db, self.run.id, self.desk.entry("warning", "moved", text))
        self.desk.progress.mark(self.run.id)
        return ended
