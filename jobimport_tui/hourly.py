"""The last hour, minute by minute, out of the events of the stream. Pure.

An event holds what a run has counted so far: a minute's share is the difference to what the run had said before. What
a run had counted before its first event that is still known is in no minute.
"""

from collections.abc import Iterable

import msgspec

from workers.model import Event

MINUTES = 60
LOST = 60.0
"""A run that is heard of so soon after the first event that is kept may have been under way: it counts from there."""


class Minute(msgspec.Struct, kw_only=True):
    """What was counted within one minute."""

    read: int = 0
    new: int = 0
    updated: int = 0
    failed: int = 0
    ended: int = 0


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """Sixty minutes, oldest first; `since` is the first moment that is known, None where all of it is."""

    minutes: tuple[Minute, ...]
    since: float | None = None


def hour(events: Iterable[Event], now: float, source: str = "") -> Hour:
    """Add up the events of the stream, oldest first, up to a moment; `source` takes one source's alone."""
    begin = now - MINUTES * 60
    minutes = [Minute() for _ in range(MINUTES)]
    said: dict[int, tuple[int, int, int, int]] = {}
    first: float | None = None
    for event in events:
        first = event.at if first is None else first
        if event.kind != "run" or event.run is None or event.stats is None or (source and event.source != source):
            continue
        stats = event.stats
        counts = (stats.total, stats.new, stats.updated, stats.failed)
        starts_here = event.at - first > LOST
        before = said.get(event.run, (0, 0, 0, 0) if starts_here else counts)
        said[event.run] = counts
        if not begin <= event.at < now:
            continue
        minute = minutes[min(MINUTES - 1, int((event.at - begin) // 60))]
        read, new, updated, failed = (max(0, count - was) for count, was in zip(counts, before, strict=True))
        minute.read, minute.new = minute.read + read, minute.new + new
        minute.updated, minute.failed = minute.updated + updated, minute.failed + failed
        minute.ended += event.state not in ("queued", "fetching", "importing", "closing")
    return Hour(minutes=tuple(minutes), since=first if first is not None and first > begin else None)
