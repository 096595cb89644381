"""Snapshot + news -> snapshot. Pure.

Events carry absolute totals (design section 5.1, rule 11): what they say replaces what was known, and nothing is
ever added up here.
"""

from datetime import UTC, datetime

import msgspec

from jobimport_tui.state import EventLine, Flight, Link, LinkState, Runs, Sample, Snapshot
from workers.model import ACTIVE_STATES, BatchTotals, Event, Run, Stats

EVENTS_KEPT = 200
SAMPLES_SECONDS = 12.0
SAMPLES_KEPT = 24
RECENT_KEPT = 200


def heard(snapshot: Snapshot, event: Event) -> Snapshot:
    """Apply one event of the stream."""
    if event.kind == "run" and event.run is not None and event.state is not None:
        return _moved(snapshot, event)
    mark = event.kind if event.kind in ("dead", "action") else "news"
    return _noted(snapshot, event, mark, event.text or event.kind)


def loaded(snapshot: Snapshot, active: list[Run], recent: list[Run], at: float) -> Snapshot:
    """Apply what MongoDB says of the runs; samples of the runs in flight are kept."""
    known = {flight.run.id: flight for flight in snapshot.runs.flights}
    flights = tuple(_flight(known.get(run.id), _newer(known.get(run.id), run), at) for run in active)
    ended = tuple(run for run in recent if not run.active)[:RECENT_KEPT]
    return msgspec.structs.replace(snapshot, runs=Runs(flights=flights, recent=ended, at=at))


def linked(link: Link, state: LinkState, now: float, **facts: object) -> Link:
    """A link in a state; `since` moves only when the state does."""
    since = link.since if link.state == state and link.since is not None else now
    cleared: dict[str, object] = {"reason": "", "retry_at": None} if state == "up" else {}
    if state == "up" and link.state == "down":
        cleared["back_at"] = now
    return msgspec.structs.replace(link, state=state, since=since, **{**cleared, **facts})


def knows(snapshot: Snapshot, run_id: int) -> bool:
    """Whether a run is on the overview already."""
    return any(flight.run.id == run_id for flight in snapshot.runs.flights) or any(
        run.id == run_id for run in snapshot.runs.recent
    )


def _moved(snapshot: Snapshot, event: Event) -> Snapshot:
    flight = next((f for f in snapshot.runs.flights if f.run.id == event.run), None)
    if flight is None and event.state in ACTIVE_STATES and _ended(snapshot, event):
        return snapshot  # said before the end, heard after it
    before = flight.run if flight else _unknown(event)
    run = msgspec.structs.replace(
        before,
        state=event.state or before.state,
        active=event.state in ACTIVE_STATES,
        stats=event.stats or before.stats,
        batches=event.batches or before.batches,
    )
    if flight is None or run.state != flight.run.state or event.text:
        snapshot = _noted(snapshot, event, run.state, _sentence(run, event))
    others = tuple(f for f in snapshot.runs.flights if f.run.id != run.id)
    if run.active:
        moved = _flight(flight, run, event.at, event.bytes)
        flights = tuple(sorted((*others, moved), key=lambda f: f.run.id))
        runs = msgspec.structs.replace(snapshot.runs, flights=flights)
    else:
        ended = msgspec.structs.replace(run, finished_at=datetime.fromtimestamp(event.at, UTC))
        recent = (ended, *(r for r in snapshot.runs.recent if r.id != run.id))[:RECENT_KEPT]
        runs = msgspec.structs.replace(snapshot.runs, flights=others, recent=recent)
    return msgspec.structs.replace(snapshot, runs=runs)


def _ended(snapshot: Snapshot, event: Event) -> bool:
    """Whether the run of an event is known to have ended at or after the event's moment."""
    for run in snapshot.runs.recent:
        if run.id == event.run and run.finished_at is not None:
            return run.finished_at.timestamp() >= event.at
    return False


def _unknown(event: Event) -> Run:
    """A run as far as an event tells of it, until MongoDB is asked."""
    at = datetime.fromtimestamp(event.at, UTC)
    state = event.state or "queued"
    return Run(id=event.run or 0, source=event.source, state=state, active=True, trigger="manual", queued_at=at)


def _newer(flight: Flight | None, run: Run) -> Run:
    """The row of a run brings every fact, but its totals are written only at its end: keep those heard since."""
    if flight is None:
        return run
    heard = flight.run
    stats = heard.stats if heard.stats.total > run.stats.total else run.stats
    return msgspec.structs.replace(run, stats=stats, batches=_more(heard.batches, run.batches))


def _more(heard: BatchTotals, row: BatchTotals) -> BatchTotals:
    total = row.total if heard.total is None else heard.total
    return BatchTotals(total=total, done=max(heard.done, row.done), dead=max(heard.dead, row.dead))


def _flight(before: Flight | None, run: Run, at: float, read: int = 0) -> Flight:
    """A run in flight, with one sample more where it has moved."""
    sample = Sample(at, run.stats.total, run.batches.done + run.batches.dead)
    samples = before.samples if before else ()
    if not samples or (sample.at > samples[-1].at and sample.batches >= samples[-1].batches):
        fresh = [s for s in samples if at - s.at <= SAMPLES_SECONDS]
        samples = (*fresh[-SAMPLES_KEPT:], sample)
    fetched = run.fetch.bytes if run.fetch else 0
    return Flight(run=run, samples=samples, bytes=max(read, fetched, before.bytes if before else 0))


def _noted(snapshot: Snapshot, event: Event, mark: str, text: str) -> Snapshot:
    who = f"{event.user}: " if event.user and event.kind == "action" else ""
    line = EventLine(at=event.at, mark=mark, source=event.source, text=who + text)
    return msgspec.structs.replace(snapshot, events=(line, *snapshot.events)[:EVENTS_KEPT])


def _sentence(run: Run, event: Event) -> str:
    """What a run's new state means, in a few words."""
    if run.active:
        by = f" by {event.user}" if event.user else ""
        return f"run {run.id} {run.state}" + (f": {event.text}{by}" if event.text else "")
    told = totals(run.stats)
    return f"run {run.id} {run.state}" + (f": {event.text}" if event.text else f": {told}" if told else "")


def totals(stats: Stats) -> str:
    """The counts that are not 0, in words."""
    named = ("new", "updated", "unchanged", "failed", "dropped", "closed")
    return ", ".join(f"{getattr(stats, name):,} {name}" for name in named if getattr(stats, name))


def retold(snapshot: Snapshot, events: list[Event]) -> Snapshot:
    """Events from before the console was opened, oldest first: lines to read, nothing to apply."""
    states: dict[int, str] = {}
    for event in events:
        if event.kind != "run" or event.run is None or event.state is None:
            snapshot = heard(snapshot, event)
        elif states.get(event.run) != event.state or event.text:
            states[event.run] = event.state
            run = msgspec.structs.replace(
                _unknown(event), active=event.state in ACTIVE_STATES, stats=event.stats or Stats()
            )
            snapshot = _noted(snapshot, event, event.state, _sentence(run, event))
    return snapshot
