"""One run beside the run of its source before it, and beside what was usual: a feed that shrinks in silence is seen."""

from collections.abc import Sequence

import msgspec

from workers.analysis.daily import is_success
from workers.analysis.health import FEWEST, of_fill, of_size
from workers.analysis.spread import median
from workers.model import Run

BEFORE = 14
COUNTS = ("total", "new", "updated", "unchanged", "failed", "closed")


class Figure(msgspec.Struct, frozen=True):
    """One figure of the run, of the one before, and the median of those before; None where it is not known.

    Counts are listings, "quality" is their mean score; "took" is in seconds from request to end; "bytes" of the feed;
    "fill.NAME" a share.
    """

    name: str
    now: float | None
    before: float | None
    usual: float | None


class Comparison(msgspec.Struct, frozen=True):
    """`before` is the run before that read its whole feed, `runs` how many made up what is usual; `odd` sentences."""

    run: int
    before: int | None
    runs: int
    figures: tuple[Figure, ...] = ()
    odd: tuple[str, ...] = ()


def compare(run: Run, earlier: Sequence[Run]) -> Comparison:
    """Compare a run that read its whole feed with the newest BEFORE of those that did; others are passed over.

    A run that was unchanged, failed or is active has no figures to compare.
    """
    whole = sorted((one for one in earlier if _is_whole(one) and one.id < run.id), key=lambda one: one.id, reverse=True)
    whole = whole[:BEFORE]
    if not _is_whole(run) or not whole:
        return Comparison(run.id, whole[0].id if whole else None, len(whole))
    fields = sorted({name for one in (run, *whole) for name in one.fill_rate})
    names = [*COUNTS, "quality", "took", "bytes", *(f"fill.{name}" for name in fields)]
    of_runs = [_figures(one, fields) for one in whole]
    now = _figures(run, fields)
    figures = [Figure(name, now[name], of_runs[0][name], _median([one[name] for one in of_runs])) for name in names]
    judged = (of_size(run, whole), of_fill(run, whole)) if len(whole) >= FEWEST else ()
    return Comparison(run.id, whole[0].id, len(whole), tuple(figures), tuple(one.text for one in judged if one))


def _is_whole(run: Run) -> bool:
    return not run.active and run.state != "unchanged" and is_success(run)


def _figures(run: Run, fields: Sequence[str]) -> dict[str, float | None]:
    figures: dict[str, float | None] = {name: getattr(run.stats, name) for name in COUNTS}
    figures["quality"] = run.quality
    ended = run.finished_at
    figures["took"] = (ended - run.queued_at).total_seconds() if ended and not run.revivals else None
    figures["bytes"] = run.fetch.bytes if run.fetch else None
    # A field that a run does not name was empty in it; without any, nothing was counted.
    return figures | {f"fill.{name}": run.fill_rate.get(name, 0.0) if run.fill_rate else None for name in fields}


def _median(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return median(known) if known else None
