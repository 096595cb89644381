"""A run beside its predecessor and the median of those before: what changed, and whether the feed shrank. Pure."""

from collections.abc import Callable, Sequence
from statistics import median

import msgspec

from workers.model import Run

WINDOW = 14
"""Runs that the median is of: a fortnight of a daily feed."""

SHRUNK = 0.7
"""A feed with less than this share of its usual listings is said to have shrunk."""

LEAST = 3
"""Of fewer runs nothing is usual."""


class Row(msgspec.Struct, frozen=True):
    """One figure; None where nothing is known. `usual` is the median."""

    name: str
    this: float | None
    before: float | None
    usual: float | None


def _took(run: Run) -> float | None:
    return (run.finished_at - run.queued_at).total_seconds() if run.finished_at else None


def _stage(name: str) -> Callable[[Run], float | None]:
    def seconds(run: Run) -> float | None:
        ms = getattr(run.timing, name)
        return None if ms is None else ms / 1000

    return seconds


def _count(name: str) -> Callable[[Run], float | None]:
    return lambda run: float(getattr(run.stats, name))


STAGES: tuple[tuple[str, Callable[[Run], float | None]], ...] = (
    *((name, _stage(name)) for name in ("fetch", "queue", "upsert", "close")),
    ("whole", _took),
)
COUNTS: tuple[tuple[str, Callable[[Run], float | None]], ...] = tuple(
    (name, _count(name))
    for name in ("total", "new", "updated", "unchanged", "failed", "dropped", "duplicates", "closed")
)


def stages(run: Run, earlier: Sequence[Run]) -> list[Row]:
    """Seconds of each stage, and of the whole. `earlier` are whole runs of the source, newest first."""
    return [_row(name, figure, run, earlier) for name, figure in STAGES]


def counts(run: Run, earlier: Sequence[Run]) -> list[Row]:
    """Each count."""
    return [_row(name, figure, run, earlier) for name, figure in COUNTS]


def _row(name: str, figure: Callable[[Run], float | None], run: Run, earlier: Sequence[Run]) -> Row:
    known = [value for one in earlier[:WINDOW] if (value := figure(one)) is not None]
    return Row(name, figure(run), figure(earlier[0]) if earlier else None, float(median(known)) if known else None)


def shrinkage(run: Run, earlier: Sequence[Run]) -> str:
    """Say that a whole feed holds far fewer listings than it used to; "" where it does not, or nobody can tell."""
    if run.state not in ("succeeded", "partial") or len(earlier) < LEAST:
        return ""
    usual = median(one.stats.total for one in earlier[:WINDOW])
    if not usual or run.stats.total >= usual * SHRUNK:
        return ""
    missing = 1 - run.stats.total / usual
    return f"the feed holds {missing:.0%} fewer listings than usual ({run.stats.total:,}; median {usual:,.0f})"
