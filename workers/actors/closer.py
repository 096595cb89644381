"""The closer.

Mailbox   lanes close:high and close. One message a run: {run}.
Messages  "the fetch has ended and no row is pending".
Promises  The run ends exactly once, with the sum of its rows, checked against the stamps in `jobs`; what does not
          agree is said in the run's log and never mended in silence. Only a complete run of a snapshot source closes
          listings, and never more than the guard allows. It may run any number of times (rule 3).
"""

from functools import partial
from time import perf_counter
from typing import NamedTuple

from workers.actors.aftermath import after_end
from workers.actors.desk import Desk, own_up, utcnow
from workers.actors.progress import stats_of
from workers.control import announce
from workers.errors import ConfigError, UnknownSource
from workers.model import BatchTotals, FetchFacts, LogEntry, Run, RunState, Source, Stats, Timing
from workers.store import batches, closing, rejects, runs, source_state
from workers.store.connect import unhung
from workers.store.verifying import verify
from workers.store.writing import Overtaken

HELD = ("drop_guard", "empty_feed")
"""Doubts that an operator may overrule (`runs approve`)."""


async def close(desk: Desk, run_id: int) -> None:
    """End one run. A run that is not ready, or has ended, is left alone."""
    began = perf_counter()
    with unhung():
        run = await runs.begin_close(desk.db, run_id)
        if run is None:
            return
        if run.cancel_requested and run.batches.total is None:
            await batches.fence(desk.db, run_id, run.source)
        sums = await batches.totals(desk.db, run_id)
    if sums.pending:
        return  # a fetch that did not know of the cancel slipped a row in: whoever drops it rings again
    with unhung():
        await rejects.sweep(desk.db, run_id)
    try:
        end = await _end(desk, run, sums)
    except Overtaken:
        return
    with unhung():
        await _remember(desk, run, sums, complete=end.complete, doubtful=bool(end.doubts))
        finished = await runs.finish(
            desk.db,
            run_id,
            state=end.state,
            stats=end.stats,
            batches=BatchTotals(sums.total, sums.done, sums.dead),
            timing=_timing(run, int((perf_counter() - began) * 1000)),
            entries=[*end.mismatch, *end.doubts, *_asked_for(desk, run, sums, end.stats)],
            held=next((entry.text for entry in end.doubts if entry.code in HELD), ""),
            scores=await batches.scores(desk.db, run_id),
            revivals=run.revivals,
        )
        ended = await runs.get(desk.db, run_id)
        if ended is None or ended.active:
            return  # requeued meanwhile: who settles its batches rings again
        if not finished and ended.stats.closed != end.stats.closed:
            await own_up(desk, ended, "listings were closed after the run was given up")
    await announce(desk.redis, "run", ended, worker=desk.worker, text=ended.degraded)
    with unhung():
        await after_end(desk, ended)


class _End(NamedTuple):
    """How a run ends: what is to be said of it, and why some of it may not be believed."""

    state: RunState
    complete: bool
    stats: Stats
    doubts: list[LogEntry]
    mismatch: list[LogEntry]


async def _end(desk: Desk, run: Run, sums: batches.RunTotals) -> _End:
    """Close what is missing, add up, and count again. Raises Overtaken where another has ended the run."""
    state = outcome_of(run, sums)
    complete = is_complete(state, sums)
    closed, doubts = 0, list[LogEntry]()
    if complete and state != "unchanged":
        closed, doubts = await _close_missing(desk, run, sums)
    stats = stats_of(sums, run.stats.duplicates, closed)
    mismatch: list[LogEntry] = []
    if state != "unchanged":
        with unhung():
            mismatch = await _verify(desk, run, stats)
    return _End(state, complete, stats, doubts, mismatch)


def _asked_for(desk: Desk, run: Run, sums: batches.RunTotals, stats: Stats) -> list[LogEntry]:
    """What an operator's word has led to."""
    if run.cancel_requested:
        text = (
            f"cancelled by {run.cancelled_by or 'nobody'}: {sums.dropped} batches with {stats.dropped} listings dropped"
        )
        return [desk.entry("warning", "cancelled", text)]
    if run.approved_by:
        return [desk.entry("warning", "approved", f"approved by {run.approved_by}: {stats.closed} listings closed")]
    return []


def outcome_of(run: Run, sums: batches.RunTotals) -> RunState:
    """The state in which a run ends, from its row and the sum of its batches."""
    if run.cancel_requested:
        return "cancelled"
    if run.fetch and run.fetch.outcome in ("not_modified", "same_body"):
        return "unchanged"
    if run.degraded:
        return "degraded"
    if sums.dead or sums.counts.failed:
        return "partial"
    return "succeeded"


def is_complete(state: RunState, sums: batches.RunTotals) -> bool:
    """Whether the run read the whole feed and wrote all of it; single rejects do not spoil that (promise 9)."""
    return state in ("succeeded", "unchanged", "partial") and not sums.dead and not sums.dropped


async def _verify(desk: Desk, run: Run, stats: Stats) -> list[LogEntry]:
    """Count the run again; what does not agree is said, never mended."""
    checked = await verify(desk.db, run, stats)
    if checked.ok:
        return []
    return [desk.entry("error", "count_mismatch", f"the run's count {checked.sentence()}")]


async def _close_missing(desk: Desk, run: Run, sums: batches.RunTotals) -> tuple[int, list[LogEntry]]:
    """Close the listings that a snapshot no longer holds; how many, and the doubts that kept others open."""
    source = _source(desk, run)
    if source is None or source.kind != "snapshot":
        return 0, []
    settings = desk.config.settings.closing
    with unhung():
        is_nameless = await rejects.any_nameless(desk.db, run.id)
        state = await source_state.get(desk.db, run.source)
        seen = await batches.seen(desk.db, run.id)
    if is_nameless:
        text = "a listing without identity was rejected: which listings are gone cannot be known"
        return 0, [desk.entry("warning", "closing_suspended", text)]
    if sums.total == 0 and not run.approved_by:  # rows are never empty
        before = state.empty_streak if state else 0
        # A closer that runs again has counted this run already.
        streak = before if state and state.last_complete_run == run.id else before + 1
        if streak < settings.empty_runs:
            text = f"the feed is empty, {streak} of {settings.empty_runs} times before that is believed"
            return 0, [desk.entry("warning", "empty_feed", text)]
    plan = await closing.close_missing(
        desk.db,
        run.source,
        seen,
        run.id,
        utcnow(),
        guard_share=1.0 if run.approved_by else settings.drop_share,
        guard_min=settings.drop_min,
        may_close=partial(runs.beat_close, desk.db, run.id),
    )
    if not plan.held:
        return plan.closed, []
    text = f"{plan.missing} of {plan.known} open listings are missing from the feed: held, nothing closed"
    return plan.closed, [desk.entry("warning", "drop_guard", text)]


def _source(desk: Desk, run: Run) -> Source | None:
    """The source's file as it is now; None if it was removed or broken meanwhile: then nothing is closed."""
    try:
        return desk.source(run.source)
    except (UnknownSource, ConfigError):
        return None


async def _remember(desk: Desk, run: Run, sums: batches.RunTotals, *, complete: bool, doubtful: bool) -> None:
    """Leave the source's next run what it may lean on.

    Only a complete run, fetched once, leaves validators; and not where closing had its doubts: they would never be
    looked at again while the feed stays the same.
    """
    if run.cancel_requested:
        await source_state.distrust(desk.db, run.source, run.id)
        return
    if not complete:
        await source_state.remember_failure(desk.db, run.source, run.id, utcnow())
        return
    facts = run.fetch or FetchFacts()
    known = await source_state.get(desk.db, run.source)
    distrusted = known is not None and known.distrusted >= run.id
    trusted = run.fetch_epoch == 1 and facts.outcome == "ok" and not doubtful and not distrusted
    await source_state.remember_complete(
        desk.db,
        run.source,
        run.id,
        unchanged=facts.outcome in ("not_modified", "same_body"),
        etag=facts.etag if trusted else None,
        last_modified=facts.last_modified if trusted else None,
        body_hash=facts.sha256 if trusted else None,
        dialect=facts.dialect if trusted else "",
        mapping_hash=run.mapping_hash if trusted else b"",
        empty=sums.total == 0 and facts.outcome == "ok",
        permanent_url=facts.permanent_url,
        moved_from=facts.asked_url,
    )


def _timing(run: Run, close_ms: int) -> Timing:
    """Milliseconds of each stage; the upserts' is what is left between fetch and close."""
    started = run.started_at or run.queued_at
    queue_ms = int((started - run.queued_at).total_seconds() * 1000)
    fetch_ms = run.fetch.duration_ms if run.fetch else 0
    whole = int((utcnow() - started).total_seconds() * 1000)
    return Timing(fetch=fetch_ms, queue=queue_ms, upsert=max(0, whole - fetch_ms - close_ms), close=close_ms)
