"""What a source's last runs say of its health. A pure function of the history: the same runs, the same judgement.

Usual is the median of up to 30 runs before the last; off is what lies further from it than three of its spreads (median
absolute deviation, scaled) and than a share that nobody need be woken for. What is not yet known is not judged.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from workers.analysis.daily import is_failure, is_success
from workers.analysis.spread import deviation, median
from workers.model import Run
from workers.model.health import Health

WINDOW = 30
"""Runs before the last that say what is usual."""

FEWEST = 5
"""Fewer say nothing."""

SPREADS = 3.0
SHRINKS, GROWS = 0.2, 0.5
"""Shares of the usual size that a feed may always lose, or gain; and never fewer than FEW listings."""

FEW = 5
FILL_FALLS = 0.15
"""Of the listings, so many may always lose a field; and nothing is said of a feed of fewer than SMALL."""

SMALL = 10
LATE_SHARE, LATE_LEAST = 0.5, 300.0
"""A source may always be late by half of its rhythm, and by five minutes."""


def judge(runs: Sequence[Run], *, now: datetime, is_scheduled: bool, circuit: str = "") -> Health:
    """Judge a source by its ended runs: the newest WINDOW + 1, and as many of those that read a whole body.

    The order does not matter, nor what is there twice. `is_scheduled` is False where nobody promised an import:
    disabled, paused, or only by hand. `circuit` is why it is suspended.
    """
    known = {run.id: run for run in runs if not run.active}
    newest = [known[id] for id in sorted(known, reverse=True)]
    every, late_at = _rhythm(newest)
    found = (
        _suspended(circuit)
        or _failing(newest)
        or (_late(newest, now, every, late_at) if is_scheduled else None)
        or _odd(newest)
        or Health(text=_usual(newest, every))
    )
    return Health(state=found.state, text=found.text, figures=found.figures, field=found.field, late_at=late_at, at=now)


def _suspended(circuit: str) -> Health | None:
    return Health(state="suspended", text=circuit) if circuit else None


def _failing(newest: Sequence[Run]) -> Health | None:
    judged = [run for run in newest if run.state != "cancelled"]
    failures = next((n for n, run in enumerate(judged) if not is_failure(run)), len(judged))
    if not failures:
        return None
    last = judged[0]
    reason = last.degraded or (last.error_log[-1].text if last.error_log else f"run {last.id} is {last.state}")
    counted = "the last import" if failures == 1 else f"the last {_at_least(failures)} imports"
    return Health(
        state="failing", text=f"{counted} did not read the whole feed: {reason}", figures={"failures": failures}
    )


def _at_least(count: int) -> str:
    return f"{count}" if count <= WINDOW else f"{WINDOW} or more"


def _rhythm(newest: Sequence[Run]) -> tuple[float | None, datetime | None]:
    """Seconds from one request to the next, and when the next is late."""
    asked = sorted((run.queued_at for run in newest if run.state != "cancelled"), reverse=True)[: WINDOW + 1]
    gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(asked)]
    if len(gaps) < FEWEST:
        return None, None
    every = median(gaps)
    slack = max(SPREADS * deviation(gaps), LATE_SHARE * every, LATE_LEAST)
    return every, asked[0] + timedelta(seconds=every + slack)


def _late(newest: Sequence[Run], now: datetime, every: float | None, late_at: datetime | None) -> Health | None:
    if every is None or late_at is None or now < late_at:
        return None
    age = (now - max(run.queued_at for run in newest if run.state != "cancelled")).total_seconds()
    text = f"no import for {_span(age)}, usually one every {_span(every)}"
    return Health(state="late", text=text, figures={"age": round(age), "every": round(every)})


def _odd(newest: Sequence[Run]) -> Health | None:
    """Whether the last whole feed differs from those before it."""
    whole = [run for run in newest if is_success(run) and run.state != "unchanged"]
    if len(whole) <= FEWEST:
        return None
    last, before = whole[0], whole[1 : WINDOW + 1]
    size = of_size(last, before)
    return size if size and size.state == "shrinking" else of_fill(last, before) or size


def of_size(last: Run, before: Sequence[Run]) -> Health | None:
    """Say whether a feed has far more or fewer listings than the runs before, of which there is one at least."""
    totals = [run.stats.total for run in before]
    usual, spread = median(totals), deviation(totals)
    off = last.stats.total - usual
    if abs(off) <= max(SPREADS * spread, FEW, usual * (GROWS if off > 0 else SHRINKS)):
        return None
    figures = {"listings": float(last.stats.total), "usual": usual, "spread": round(spread, 1)}
    text = f"{last.stats.total:,} listings, usually {usual:,.0f}" + (f" (give or take {spread:,.0f})" if spread else "")
    return Health(state="growing" if off > 0 else "shrinking", text=text, figures=figures)


def of_fill(last: Run, before: Sequence[Run]) -> Health | None:
    """Say which field has fallen furthest below its usual share, if one has."""
    before = [run for run in before if run.stats.total >= SMALL]
    if last.stats.total < SMALL or len(before) < FEWEST:
        return None
    worst: tuple[float, str, float, float] | None = None
    for name in sorted({name for run in before for name in run.fill_rate}):
        shares = [run.fill_rate.get(name, 0.0) for run in before]
        usual, share = median(shares), last.fill_rate.get(name, 0.0)
        fall = usual - share
        if fall > max(SPREADS * deviation(shares), FILL_FALLS) and (worst is None or fall > worst[0]):
            worst = (fall, name, share, usual)
    if worst is None:
        return None
    _, name, share, usual = worst
    text = f"{name} is filled in {share:.0%} of the listings, usually in {usual:.0%}"
    return Health(state="drifting", text=text, figures={"share": share, "usual": round(usual, 4)}, field=name)


def _usual(newest: Sequence[Run], every: float | None) -> str:
    if not newest:
        return "not imported yet"
    whole = [run for run in newest if is_success(run) and run.state != "unchanged"]
    parts = [f"every {_span(every)}"] if every is not None else []
    parts += [f"{whole[0].stats.total:,} listings"] if whole else []
    if every is None or len(whole) <= FEWEST:
        parts.append("too few imports to know what is usual")
    return ", ".join(parts)


def _span(seconds: float) -> str:
    """At most two units, as people say it: 45m, 3h20m, 2d."""
    whole = int(seconds)
    for size, unit, small, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size}{unit}{rest}{smaller}" if rest else f"{whole // size}{unit}"
    return f"{whole}s"
