"""What follows from the end of a run: its source's health, and the figures of its day.

Everything here is recomputed from runs, so it may happen twice, or late: a worker that dies before it leaves the run
`tally_due`, which the reconciler finds. The flag is taken off last.
"""

from datetime import datetime

from workers.actors.desk import Desk, utcnow
from workers.analysis.health import WINDOW, judge
from workers.model import Run
from workers.sources import load_each
from workers.store import daily, history, pauses, source_state
from workers.store.source_state import SourceState


async def after_end(desk: Desk, run: Run) -> None:
    """Bring what is derived from a source's history up to date; the run has ended."""
    await _judge(desk, run.source, await source_state.get(desk.db, run.source), is_scheduled=False)
    await daily.recompute(desk.db, run.source, run.queued_at)


async def catch_up(desk: Desk) -> int:
    """Do it for every run whose end nobody followed up; returns how many days were recomputed."""
    due = await daily.due(desk.db)
    for source in sorted({source for source, _ in due}):
        await _judge(desk, source, await source_state.get(desk.db, source), is_scheduled=False)
    for source, day in due:
        await daily.recompute(desk.db, source, day)
    return len(due)


async def look_for_late(desk: Desk) -> int:
    """Judge the sources that were to be imported and were not; returns how many.

    A source that nobody promised to import (disabled, paused, only by hand) is never late.
    """
    sources, _ = load_each(desk.config.sources)
    paused = await pauses.all(desk.db)
    default = desk.config.settings.imports.default_schedule
    now, judged = utcnow(), 0
    for name, state in (await source_state.all(desk.db)).items():
        source = sources.get(name)
        schedule = default if source is None or source.schedule is None else source.schedule
        is_scheduled = source is not None and source.enabled and bool(schedule) and f"source:{name}" not in paused
        health = state.health
        is_late = is_scheduled and health is not None and health.late_at is not None and health.late_at <= now
        if (
            health is None
            or (is_late and health.state not in ("failing", "suspended"))  # again each time: the sentence has an age
            or (not is_late and health.state == "late")
            or bool(_circuit(desk, state, now)) != (health.state == "suspended")
        ):
            await _judge(desk, name, state, is_scheduled=is_scheduled)
            judged += 1
    return judged


async def _judge(desk: Desk, source: str, state: SourceState | None, *, is_scheduled: bool) -> None:
    runs = await history.to_judge(desk.db, source, window=WINDOW + 1)
    now = utcnow()
    circuit = _circuit(desk, state, now) if state else ""
    health = judge(runs, now=now, is_scheduled=is_scheduled, circuit=circuit)
    await source_state.set_health(desk.db, source, health)


def _circuit(desk: Desk, state: SourceState, now: datetime) -> str:
    """Why the schedule leaves a source alone, "" where it does not."""
    imports = desk.config.settings.imports
    until = state.open_until(imports.circuit_after, imports.circuit_longest)
    if until is None or until <= now:
        return ""
    failures = state.consecutive_failures
    return f"{failures} runs in a row failed: the schedule leaves it alone until {until:%Y-%m-%d %H:%M} UTC"
