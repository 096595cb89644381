"""What an operator, a schedule or a script asks for: MongoDB first, then the doorbell, then the news.

Used by the command, the console and the scheduler; imports neither taskiq nor a feed parser.
"""

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from workers.errors import Permanent, UnknownSource
from workers.events.publish import publish
from workers.model import Event, EventKind, Run, Source, Trigger
from workers.queue import dead, registry
from workers.queue import pause as pausing
from workers.queue.connect import Redis, Trouble, now_ms
from workers.queue.dead import DeadLetter
from workers.queue.lanes import Stage
from workers.queue.message import Message
from workers.queue.registry import Order
from workers.queue.ring import ring
from workers.store import audit, batches, pauses, runs, source_state
from workers.store.connect import Database, describe
from workers.store.connect import Trouble as DatabaseTrouble
from workers.store.documents import utc_now
from workers.version import VERSION

log = logging.getLogger(__name__)


class Requested(msgspec.Struct, frozen=True):
    """What became of a request to import.

    `run` is the run opened, or the one that was active already (`opened` False); None inside the source's
    min_interval, which ends at `not_before`. `rung` is False where Redis could not be reached: the run is
    accepted, and starts when the reconciler finds it.
    """

    run: Run | None
    opened: bool = False
    not_before: datetime | None = None
    rung: bool = True


async def request_import(
    db: Database,
    redis: Redis,
    source: Source,
    *,
    trigger: Trigger,
    user: str,
    high: bool | None = None,
    force: bool = False,
    slot: datetime | None = None,
) -> Requested:
    """Open a run of a source and ring the fetch lane; answer with the active run where there is one."""
    if active := await runs.active_of(db, source.name):
        return Requested(active)
    now = datetime.now(UTC)
    not_before = await source_state.next_allowed(db, source.name, min_interval=source.min_interval, now=now)
    if not_before is not None and not force:
        return Requested(None, not_before=not_before)
    is_high = source.priority == "high" if high is None else high
    run, opened = await runs.open_run(
        db,
        source=source.name,
        trigger=trigger,
        requested_by=user,
        priority="high" if is_high else "normal",
        slot=slot,
        app_version=VERSION,
    )
    if not opened:
        return Requested(run)
    rung = await ring_run(db, redis, run)
    await announce(redis, "run", run, user=user, text=f"requested ({trigger})")
    if trigger != "schedule":
        await _write_down(db, user, "asked for the import" + (" (--force)" if force else ""), run=run)
    return Requested(run, opened=True, rung=rung)


async def ring_run(db: Database, redis: Redis, run: Run) -> bool:
    """Ring the stage that the run's state names; False if Redis could not be reached."""
    return await ring_stage(db, redis, run, stage_of(run))


def stage_of(run: Run) -> Stage:
    """The stage that an active run waits for; one that is to stop is only to be closed."""
    return "close" if run.cancel_requested or run.state in ("importing", "closing") else "fetch"


async def ring_stage(db: Database, redis: Redis, run: Run, stage: Stage) -> bool:
    """Ring a stage of a run; False if Redis could not be reached."""
    message = Message(stage=stage, run=run.id, source=run.source, high=run.priority == "high")
    try:
        rung_at = await ring(redis, [message])
    except Trouble:
        return False
    await runs.set_rung(db, run.id, rung_at)
    return True


async def cancel(db: Database, redis: Redis, run_id: int, user: str) -> Run | None:
    """Ask a run to stop. Batches being written settle; what was not begun is dropped and counted.

    Returns the run as it stands now, None where there is none. A run that has ended, or is at its last step, is
    returned as it is.
    """
    run = await runs.request_cancel(db, run_id, user)
    if run is None or not run.cancel_requested:
        return run or await runs.get(db, run_id)
    await ring_stage(db, redis, run, "close")
    await act(db, redis, user, "cancelled the run", run=run)
    return run


class NotHeld(Permanent):
    """There is nothing of the run to approve; the sentence says why."""


async def approve(db: Database, redis: Redis, run_id: int, user: str) -> Run | None:
    """Close what a run held back: listings that are missing from a feed which lost too many, or is empty.

    Only while the run is the source's last complete one. Returns the run, active again until the closer has been
    there; as it is where it was approved before; None where there is none. Raises NotHeld, and runs.RunGone where
    the source has been read since.
    """
    run = await runs.get(db, run_id)
    if run is None or (run.approved_by and not run.held):
        return run
    if run.active:
        raise NotHeld(f"run {run_id} is {run.state}: wait until it has ended")
    if not run.held:
        raise NotHeld(f"run {run_id} held nothing back: there is nothing to approve")
    state = await source_state.get(db, run.source)
    if state is not None and state.is_past(run_id):
        raise NotHeld(f"run {state.last_complete_run} has read {run.source} since: what it misses is up to that one")
    run = await runs.reactivate(db, run_id, approved_by=user)
    await ring_stage(db, redis, run, "close")
    await act(db, redis, user, "approved what the run held back", run=run)
    return run


class Requeued(msgspec.Struct, frozen=True):
    """What became of a dead letter: the run that now holds the work; None where the letter was gone already."""

    run: Run | None


async def requeue(db: Database, redis: Redis, letter: DeadLetter, source: Source | None, user: str) -> Requeued:
    """Try a dead letter's work again.

    A batch goes back into its run, which becomes active again and ends with corrected counts. A fetch's run is over:
    the source is imported anew, for which `source` is needed. Raises runs.RunGone, a Permanent, where a later run has
    read the source since (rule 6), UnknownSource where a fetch's source is gone, and Poison for what no worker reads.
    """
    if letter.stage == "fetch":
        if source is None:
            raise UnknownSource(f"source {letter.source!r} is gone: its feed cannot be read again")
        asked = await request_import(db, redis, source, trigger="manual", user=user, force=True)
        await dead.discard(redis, letter.id)
        return Requeued(asked.run)
    now = await now_ms(redis)
    run = await runs.reactivate(db, letter.run)
    await runs.set_rung(db, run.id, now)  # later than its letters: the reconciler does not apply them again
    if letter.batch and await batches.revive(db, letter.batch, now):
        # A closer that had added up before may have ended the run meanwhile, or be about to.
        run = await runs.reactivate(db, letter.run)
    rung_at = await dead.requeue(redis, letter.id)
    if rung_at is None:
        return Requeued(None)
    if letter.batch:
        await batches.set_rung(db, [letter.batch], rung_at)
    else:
        await runs.set_rung(db, run.id, rung_at)
    await act(db, redis, user, "requeued a dead letter", run=run, batch=letter.batch)
    return Requeued(run)


async def discard(db: Database, redis: Redis, letter: DeadLetter, user: str) -> bool:
    """Give a dead letter up for good: its batch stays dead and counted as failed. False where it was gone already."""
    gone = await dead.discard(redis, letter.id)
    if gone and letter.run and (run := await runs.get(db, letter.run)):
        await act(db, redis, user, "discarded a dead letter", run=run, batch=letter.batch)
    return gone


async def pause(db: Database, redis: Redis, what: str, user: str, reason: str = "") -> bool:
    """Pause a lane or a source ("source:NAME"), in MongoDB first; False if it was paused already.

    What runs is finished, what waits stays. Raises ConfigError for what is neither.
    """
    pausing.check(what)
    fresh = await pauses.add(db, what, user, reason)
    await pausing.pause(redis, what)
    if fresh:
        await act(db, redis, user, f"paused {what}" + (f": {reason}" if reason else ""), source=_source_of(what))
    return fresh


async def resume(db: Database, redis: Redis, what: str, user: str) -> bool:
    """Let a lane or a source run again; False if it was not paused."""
    pausing.check(what)
    known = await pauses.remove(db, what)
    was_paused = await pausing.resume(redis, what) or known
    if was_paused:
        await act(db, redis, user, f"resumed {what}", source=_source_of(what))
    return was_paused


async def order(redis: Redis, worker: str, what: Order | None, user: str, *, db: Database | None = None) -> bool:
    """Tell a worker to take nothing new, to end, or to work again; False where it was told that already.

    `db` is where it is written down who said so; a MongoDB that is away is no reason not to obey.
    It hears of it with its next beat, within five seconds. What it has in hand is finished, or handed back.
    """
    is_news = await registry.give_order(redis, worker, what)
    if is_news:
        done = {"quiet": "quieted", "stop": "stopped", None: "resumed"}[what]
        await act(db, redis, user, f"{done} worker {worker}", worker=worker)
    return is_news


def _source_of(what: str) -> str:
    """The source that a pause is about, "" for a lane."""
    return what.removeprefix("source:") if what.startswith("source:") else ""


async def act(
    db: Database | None,
    redis: Redis,
    user: str,
    text: str,
    *,
    run: Run | None = None,
    source: str = "",
    batch: str = "",
    worker: str = "",
) -> None:
    """Write down what somebody has done, then tell every watcher. `text` goes on after the name."""
    if db is not None:
        await _write_down(db, user, text, run=run, source=source, batch=batch, worker=worker)
    if run is not None:
        await announce(redis, "action", run, user=user, batch=batch, text=text)
        return
    now = datetime.now(UTC).timestamp()
    await publish(redis, Event(kind="action", at=now, user=user, text=text, worker=worker, source=source))


async def _write_down(
    db: Database, user: str, text: str, *, run: Run | None = None, source: str = "", batch: str = "", worker: str = ""
) -> None:
    """The deed is done: that it could not be written down is said, and does not undo it."""
    of = run.source if run else source
    deed = audit.Act(
        at=utc_now(), user=user, text=text, source=of, run=run.id if run else None, batch=batch, worker=worker
    )
    try:
        await audit.add(db, deed)
    except DatabaseTrouble as error:
        log.warning("not written down: %s %s (%s)", user, text, describe(error))


async def announce(redis: Redis, kind: EventKind, run: Run, **facts: Any) -> None:
    """Publish where a run stands."""
    event = Event(
        kind=kind,
        at=datetime.now(UTC).timestamp(),
        run=run.id,
        source=run.source,
        state=run.state,
        stats=run.stats,
        batches=run.batches,
        **facts,
    )
    await publish(redis, event)
