"""What a dead letter means for its run: MongoDB first (rule 2), before the letter is put into :failed.

May run any number of times for one letter: every step is a compare-and-set.
"""

from datetime import UTC, datetime

from workers.actors.aftermath import after_end
from workers.actors.desk import Desk, utcnow
from workers.actors.progress import stats_of
from workers.actors.upserter import ring_close_if_settled
from workers.control import announce, stage_of
from workers.events.publish import publish
from workers.model import BatchTotals, Event, FetchFacts, Run
from workers.queue.dead import DeadLetter
from workers.store import batches, closing, runs, source_state


async def bury(desk: Desk, letter: DeadLetter) -> None:
    """Record a death where it matters: the row, or the run itself."""
    run = await runs.get(desk.db, letter.run) if letter.run else None
    if run is not None:
        if letter.stage == "upsert":
            await _bury_batch(desk, run, letter)
        elif run.active:
            await _bury_run(desk, run, letter)
    event = Event(
        kind="dead",
        at=datetime.now(UTC).timestamp(),
        run=letter.run or None,
        source=letter.source,
        batch=letter.batch,
        worker=desk.worker,
        text=f"{letter.kind}: {letter.error}"[:300],
    )
    await publish(desk.redis, event)


async def _bury_batch(desk: Desk, run: Run, letter: DeadLetter) -> None:
    if await batches.kill(desk.db, letter.batch, letter.error[:500]):
        text = f"batch {letter.batch} is dead after {letter.attempts} attempts: {letter.error}"
        await runs.log(desk.db, run.id, desk.entry("error", letter.kind, text))
        desk.progress.mark(run.id)
    await ring_close_if_settled(desk, run.id)


async def _bury_run(desk: Desk, run: Run, letter: DeadLetter) -> None:
    """A fetch or a close that cannot go on. Rows that it left are still imported: the run is degraded, not lost."""
    if letter.stage != stage_of(run):
        # The letter is of yesterday: the run is past that stage, or is to stop.
        await ring_close_if_settled(desk, run.id)
        return
    if letter.stage == "fetch":
        await batches.fence(desk.db, run.id, run.source)  # its last fetcher may only be frozen
    sums = await batches.totals(desk.db, run.id)
    if letter.stage == "fetch" and sums.total:
        ended = await runs.end_fetch(
            desk.db,
            run.id,
            run.fetch_epoch,
            fetch=run.fetch or FetchFacts(outcome="degraded"),
            batches_total=sums.total,
            duplicates=run.stats.duplicates,
            fill_rate=run.fill_rate,
            mapping_hash=run.mapping_hash,
            degraded=letter.error,
        )
        if ended:
            await runs.log(desk.db, run.id, desk.entry("error", letter.kind, letter.error))
            await ring_close_if_settled(desk, run.id)
        return
    if sums.pending:
        return  # requeued meanwhile: who settles it rings close again
    closed = await closing.closed_by(desk.db, run.source, run.id)  # by a closer that died of it later
    finished = await runs.finish(
        desk.db,
        run.id,
        state="failed",
        stats=stats_of(sums, run.stats.duplicates, closed),
        batches=BatchTotals(sums.total, sums.done, sums.dead),
        timing=run.timing,
        entries=[desk.entry("error", letter.kind, letter.error)],
        epoch=run.fetch_epoch if letter.stage == "fetch" else None,
        revivals=run.revivals,
    )
    if not finished:
        return
    await source_state.remember_failure(desk.db, run.source, run.id, utcnow())
    await source_state.distrust(desk.db, run.source, run.id)  # that closer may have left validators
    if ended_run := await runs.get(desk.db, run.id):
        await announce(desk.redis, "run", ended_run, worker=desk.worker, text=letter.error[:300])
        await after_end(desk, ended_run)
