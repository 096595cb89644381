"""The upserter.

Mailbox   lanes upsert:high and upsert. One message a batch: {run, batch}.
Messages  "this row of import_batches is pending": its items lie compressed in the row.
Promises  The row ends as done with its counts, or dropped if its run was cancelled before anybody wrote it. However
          often the message is delivered, and by however many workers at once, `jobs` and the counts come out the same
          (they are a pure function of the stamps and the run id). Listings that cannot be normalised become rejects;
          they never fail the batch. Whoever settles the last row rings the closer (rule 3).
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter

import msgspec

from workers.actors.desk import Desk, is_high, own_up, ring_patiently, utcnow
from workers.analysis.copies import copy_key
from workers.analysis.quality import parts
from workers.feeds.normalise import normalise
from workers.fetching import shown
from workers.model import Batch, Job, RawItem, Reject, Run, Source
from workers.queue.message import Message
from workers.store import batches, jobs, rejects, runs
from workers.store.connect import unhung


async def upsert(desk: Desk, batch_id: str) -> None:
    """Settle one batch. Raises what the retry policy is to judge; a row settled by another is left alone."""
    began = perf_counter()
    with unhung():
        batch = await batches.load(desk.db, batch_id)
        run = await runs.get(desk.db, batch.run) if batch else None
        if batch is None or run is None:
            return
        is_open = await _is_open(desk, batch, run)
    if is_open:
        await _write(desk, batch, run, began)
    await ring_close_if_settled(desk, run.id)


async def _is_open(desk: Desk, batch: Batch, run: Run) -> bool:
    """Whether a batch is still to be written. One of a cancelled run that nobody has begun is dropped here."""
    if batch.state != "pending" or batch.items is None:
        return False
    if not run.active:
        # A requeue that was cut short, or that its run's end overtook. RunGone buries the row again.
        run = await runs.reactivate(desk.db, run.id)
    return not (run.cancel_requested and await batches.drop(desk.db, batch.id))


async def _write(desk: Desk, batch: Batch, run: Run, began: float) -> None:
    """Write a batch's listings and rejects, and settle it with its counts."""
    source, mark = desk.source(batch.source), ""
    to_job = _normaliser(desk, source, run)

    async def may_write() -> bool:
        nonlocal mark
        mark = await batches.begin_writing(desk.db, batch.id, desk.worker, round=batch.round)
        return bool(mark)

    items = batches.unpack(batch.items or b"")
    try:
        result = await jobs.upsert(
            desk.db, run.id, source.name, items, to_job, utcnow(), may_write=may_write, known=desk.known
        )
    except jobs.Overtaken:
        return
    with unhung():
        if result.rejects:
            if not mark and not await may_write():
                return
            await rejects.write(desk.db, batch.id, mark, run.id, source.name, result.rejects)
    counts = result.counts if batch.counts is None else batch.counts + result.counts
    scores = result.scores if batch.scores is None else batch.scores + result.scores
    took_ms = int((perf_counter() - began) * 1000)
    settling = partial(batches.settle, scores=scores, worker=desk.worker, took_ms=took_ms, round=batch.round)
    with unhung():
        if await settling(desk.db, batch.id, counts, mark=mark if result.rejects else ""):
            desk.progress.mark(run.id)
            await rejects.keep_only(desk.db, batch.id, mark, batch.held)
            return
        await rejects.forget(desk.db, batch.id, mark)
        if result.written:
            await _own_up_if_dead(desk, run, batch.id)


def _normaliser(desk: Desk, source: Source, run: Run) -> Callable[[RawItem], Job | Reject]:
    """What makes listings of a run's items, and scores them."""
    weights = desk.config.settings.quality

    def to_job(item: RawItem) -> Job | Reject:
        # Never the address it was redirected to: that is known only after the fetch, and a listing's URL, which is
        # part of its content_hash, must not depend on when its batch is written.
        job = normalise(item, source, feed_url=source.url, source_url=shown(source.url), run_date=run.queued_at)
        if isinstance(job, Reject):
            return job
        # Fresh or stale on the day of the run: whoever writes it, and however late, scores the same.
        score = parts(job, run.queued_at).score(weights)
        return msgspec.structs.replace(job, quality=score, copy_key=copy_key(job.company, job.title))

    return to_job


async def _own_up_if_dead(desk: Desk, run: Run, batch_id: str) -> None:
    """Say that listings were written for a batch that had been given up, and have the next run look at them all.

    The worker was frozen between its last look at the row and its write, until the row was dead. Nothing but a
    transaction a batch would keep MongoDB from taking that write: the source's next run puts it right.
    """
    row = await batches.load(desk.db, batch_id)
    if row is not None and row.state == "dead":
        await own_up(desk, run, f"batch {batch_id} was written after it was given up")


async def ring_close_if_settled(desk: Desk, run_id: int) -> None:
    """Ring the closer when the fetch has ended, or the run was cancelled, and no row is pending (rule 3).

    Called after the caller's own commit, so of two that settle the last two rows at once at least one sees none
    pending. A ring that Redis does not hear is rung again by the reconciler.
    """
    with unhung():
        run = await runs.get(desk.db, run_id)
        if run is None or not (run.state in ("importing", "closing") or (run.cancel_requested and run.active)):
            return
        is_pending = await batches.pending(desk.db, run_id)
    if not is_pending:
        await ring_close(desk, run)


async def ring_close(desk: Desk, run: Run) -> None:
    """Ring the closer for a run whose rows are settled."""
    message = Message(stage="close", run=run.id, source=run.source, high=is_high(run))
    rung_at = await ring_patiently(desk, message)
    with unhung():
        await runs.set_rung(desk.db, run.id, rung_at)
