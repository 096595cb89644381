"""The runs of one source and day as one row of import_daily."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from workers.analysis.spread import percentile
from workers.model import Run, Stats
from workers.model.daily import Day

READ = ("succeeded", "partial", "degraded")
"""Ends of runs that read a body; unchanged is a 304, or the same body again."""


def midnight(moment: datetime) -> datetime:
    """The UTC day of a moment, as its first moment."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def day_id(source: str, day: datetime) -> str:
    """Key of a day's row: the days of a source lie beside each other, in order."""
    return f"{source}:{day:%Y-%m-%d}"


def is_success(run: Run) -> bool:
    """Whether a run read the whole feed, or found it unchanged, and wrote all of it (promise 9)."""
    return run.state in ("succeeded", "unchanged", "partial") and not run.batches.dead


def is_failure(run: Run) -> bool:
    """Whether a run ended without the whole feed, and not because somebody stopped it."""
    return not run.active and run.state != "cancelled" and not is_success(run)


def day_of(source: str, day: datetime, runs: Iterable[Run], *, revision: int = 0) -> Day:
    """Add up the runs of a day, in whatever order they come; active ones are passed over."""
    ended = sorted((run for run in runs if not run.active), key=lambda run: run.id)
    states = Counter[str](run.state for run in ended)
    read = [run for run in ended if run.state in READ]
    whole = [run for run in read if is_success(run)]
    took = [_took_ms(run) for run in read if not run.revivals]
    successes = [run.finished_at for run in ended if is_success(run) and run.finished_at]
    weighed = [(run, run.stats.total) for run in read if run.fill_rate and run.stats.total]
    last = whole[-1] if whole else None
    return Day(
        id=day_id(source, day),
        source=source,
        day=day,
        revision=revision,
        runs=len(ended),
        failures=sum(is_failure(run) for run in ended),
        states=dict(sorted(states.items())),
        judged=len(ended) - states["cancelled"],
        **{name: sum(getattr(run.stats, name) for run in ended) for name in Stats.__struct_fields__},
        timed=len(took),
        p50_ms=int(percentile(took, 0.5)) if took else None,
        p95_ms=int(percentile(took, 0.95)) if took else None,
        reads=len(read),
        scored=sum(run.scored for run in ended),
        quality_sum=sum(run.quality_sum for run in ended),
        bytes=sum(run.fetch.bytes for run in read if run.fetch),
        feed_bytes=last.fetch.bytes if last and last.fetch else None,
        feed_listings=last.stats.total if last else None,
        filled=sum(weight for _, weight in weighed),
        fill_rate=mean_fill([(run.fill_rate, weight) for run, weight in weighed]),
        last_success_at=max(successes, default=None),
    )


def mean_fill(weighed: Sequence[tuple[dict[str, float], int]]) -> dict[str, float]:
    """Mean share a field, by listings; a field that one of them does not name was empty there."""
    whole = sum(weight for _, weight in weighed)
    sums: dict[str, float] = {}
    for shares, weight in weighed:
        for name, share in shares.items():
            sums[name] = sums.get(name, 0.0) + share * weight
    return {name: round(total / whole, 4) for name, total in sorted(sums.items())} if whole else {}


def _took_ms(run: Run) -> int:
    """From the request to the end."""
    end = run.finished_at or run.queued_at
    return max(0, int((end - run.queued_at).total_seconds() * 1000))
