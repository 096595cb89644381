"""Ended runs for histories: what a test does not name is as usual."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from workers.model import BatchTotals, FetchFacts, Run, RunState, Stats

START = datetime(2026, 11, 1, 0, 0, tzinfo=UTC)
ENDS: tuple[RunState, ...] = ("succeeded", "unchanged", "partial", "degraded", "failed", "cancelled")


def ended(id: int, state: RunState = "succeeded", total: int = 100, *, at: datetime | None = None, **more: Any) -> Run:
    """An hourly run; `took` in seconds, `dead` batches, `fill` as fill_rate, `bytes` of the feed."""
    queued = at or START + timedelta(hours=id)
    took = timedelta(seconds=more.pop("took", 10))
    dead = more.pop("dead", 0)
    stats = more.pop("stats", Stats(total=total, unchanged=total))
    return Run(
        id=id,
        source="board",
        state=state,
        active=False,
        trigger="schedule",
        queued_at=queued,
        started_at=queued + timedelta(seconds=1),
        finished_at=queued + took,
        fetch=FetchFacts(status=200, bytes=more.pop("bytes", 1000 * total), outcome="ok", duration_ms=500),
        batches=BatchTotals(total=1, done=1 - bool(dead), dead=dead),
        stats=stats,
        fill_rate=more.pop("fill", {"title": 1.0}),
        **more,
    )


Drawn = tuple[int, RunState, int, int, int, float | None]


def _history(drawn: list[Drawn]) -> list[Run]:
    runs: list[Run] = []
    at = START
    for id, (gap, state, total, dead, took, share) in enumerate(drawn, 1):
        at += timedelta(seconds=gap)
        fill = {"title": 1.0} if share is None else {"title": 1.0, "salary": share}
        listed = 0 if state in ("unchanged", "failed") else total
        runs.append(ended(id, state, listed, at=at, dead=dead, took=took, fill=fill))
    return runs


histories = st.lists(
    st.tuples(
        st.integers(1, 100_000),
        st.sampled_from(ENDS),
        st.integers(0, 10_000),
        st.integers(0, 1),
        st.integers(0, 9999),
        st.none() | st.floats(0, 1),
    ),
    max_size=40,
).map(_history)
"""Any history of one source, oldest first: ids and moments rise."""
