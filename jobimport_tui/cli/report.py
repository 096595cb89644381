"""A run as JSON and as a line: the same for `import --wait`, `runs show` and `runs list`."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from jobimport_tui.cli.show import span
from jobimport_tui.display.format import counted
from workers.actors.progress import stats_of
from workers.model import ACTIVE_STATES, BatchTotals, Run, RunState, Stats
from workers.store.batches import RunTotals

COMPLETE = ("succeeded", "unchanged")
COUNTS = ("new", "updated", "unchanged", "failed", "dropped", "duplicates", "closed")
UNCOUNTED = ("queued", "fetching", "unchanged")
"""States in which no listing is the normal thing."""


def with_totals(run: Run, sums: RunTotals) -> Run:
    """An active run with what its rows add up to by now; one that has ended carries its own."""
    if not run.active:
        return run
    batches = BatchTotals(total=run.batches.total, done=sums.done, dead=sums.dead)
    return msgspec.structs.replace(run, stats=stats_of(sums, run.stats.duplicates), batches=batches)


def as_object(run: Run, **more: Any) -> dict[str, Any]:
    """The object of `import --wait --json` and `runs show --json`."""
    return {
        "run_id": run.id,
        "source": run.source,
        "state": run.state,
        "stats": run.stats,
        "batches": run.batches,
        "error_log": run.error_log,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "queued_at": run.queued_at,
        "active": run.active,
        "trigger": run.trigger,
        "requested_by": run.requested_by,
        "priority": run.priority,
        "slot": run.slot,
        "cancel_requested": run.cancel_requested,
        "cancelled_by": run.cancelled_by,
        "degraded": run.degraded,
        "held": run.held,
        "approved_by": run.approved_by,
        "fetch": run.fetch,
        "fill_rate": run.fill_rate,
        "quality": run.quality,
        "timing": run.timing,
        "app_version": run.app_version,
        **more,
    }


def exit_code(run: Run) -> int:
    """0 for succeeded, unchanged, and partial by rejects alone; 1 otherwise."""
    return int(not (run.state in COMPLETE or (run.state == "partial" and not run.batches.dead)))


def sentence(run: Run) -> str:
    """Where a run stands, in one line."""
    parts = [progress(run.source, run.id, run.state, run.stats, run.batches)]
    if run.active:
        parts += [entry.text for entry in run.error_log][-1:] if run.state in UNCOUNTED else []
    else:
        parts.append(f"in {span(took(run))}")
        if run.state not in COMPLETE:  # what was wrong on the way to a good end is in the log
            parts += [entry.text for entry in run.error_log if entry.level != "info"][-1:]
    return "; ".join(parts)


def progress(source: str, run_id: int, state: RunState, stats: Stats, batches: BatchTotals | None) -> str:
    """State and counts of a run, as its row or an event tells them."""
    parts = [f"{source}: run {run_id} {state}"]
    if stats.total or state not in UNCOUNTED:
        counts = [(name, getattr(stats, name)) for name in COUNTS]
        told = ", ".join(_told(count, name) for name, count in counts if count or name in COUNTS[:3])
        parts.append(f"{counted(stats.total, 'listing')} ({told})")
    if batches and batches.dead:
        parts.append(counted(batches.dead, "dead batch", "dead batches"))
    elif batches and batches.total and state in ACTIVE_STATES:
        parts.append(f"batch {batches.done:,} of {batches.total:,}")
    return "; ".join(parts)


def _told(count: int, name: str) -> str:
    """A count by its name; of those, duplicates alone have a singular."""
    return counted(count, "duplicate") if name == "duplicates" else f"{count:,} {name}"


def took(run: Run) -> float | None:
    """Seconds from the request to the end, or to now."""
    end = run.finished_at or (datetime.now(UTC) if run.active else None)
    return None if end is None else max(0.0, (end - run.queued_at).total_seconds())


COLUMNS = ("RUN", "SOURCE", "STATE", "TOTAL", "NEW", "UPDATED", "UNCHANGED", "FAILED", "CLOSED", "QUEUED", "TOOK", "BY")
NUMBERS = ("RUN", "TOTAL", "NEW", "UPDATED", "UNCHANGED", "FAILED", "CLOSED", "TOOK")
OPTIONAL = ("BY", "TOOK", "UNCHANGED", "UPDATED", "CLOSED")
"""What a narrow terminal does without, in this order: `runs show` has it."""


def row(run: Run) -> list[object]:
    """A run as a row of COLUMNS."""
    stats = run.stats
    counts = (stats.total, stats.new, stats.updated, stats.unchanged, stats.failed, stats.closed)
    by = run.trigger if run.trigger == "schedule" else run.requested_by
    told = [f"{count:,}" for count in counts]
    return [run.id, run.source, run.state, *told, run.queued_at, span(took(run)), by]
