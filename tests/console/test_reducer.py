"""Events and rows make snapshots: replaced, never added up."""

import msgspec
import pytest

from jobimport_tui import reducer
from jobimport_tui.state import Link, Snapshot
from tests.console.fake import BUSY, NOW, ended, flying
from workers.model import BatchTotals, Event, Stats


def event(state: str | None, at: float = NOW, **facts: object) -> Event:
    plain: dict[str, object] = {"kind": "run", "run": 7, "source": "acme", "stats": Stats(), "batches": BatchTotals()}
    return msgspec.convert({**plain, "state": state, "at": at, **facts}, Event, strict=False, from_attributes=True)


def of(total: int, done: int, *, batches: int | None = 4) -> dict[str, object]:
    return {"stats": Stats(total=total, new=total), "batches": BatchTotals(total=batches, done=done)}


def test_an_unknown_run_appears_and_its_totals_are_replaced() -> None:
    snapshot = Snapshot()
    for done in (1, 2, 2, 3):  # the third is a repetition
        snapshot = reducer.heard(snapshot, event("importing", NOW + done, **of(done * 500, done)))
    (flight,) = snapshot.runs.flights
    assert flight.run.stats.total == 1500
    assert flight.share == 0.75
    assert flight.rate == 500
    assert flight.eta_s == 1


def test_a_feed_that_is_still_read_is_measured_by_its_last_run() -> None:
    snapshot = reducer.loaded(Snapshot(), [], [ended(0, source="acme")], NOW)
    assert snapshot.expected("acme") == 1812
    assert snapshot.expected("other") is None
    for second in (0, 2):
        snapshot = reducer.heard(
            snapshot, event("fetching", NOW + second, **of(100 + 403 * second, second, batches=None))
        )
    (flight,) = snapshot.runs.flights
    assert flight.share is None and flight.share_of(None) is None
    assert flight.share_of(1812) == 0.5
    assert flight.eta_of(1812) == pytest.approx(906 / 403)
    assert flight.share_of(10) == 0.99 and flight.eta_of(10) is None


def test_progress_is_not_news_but_a_new_state_is() -> None:
    snapshot = Snapshot()
    for at, state in enumerate(("queued", "fetching", "fetching", "importing", "importing", "closing")):
        snapshot = reducer.heard(snapshot, event(state, NOW + at))
    assert [line.mark for line in snapshot.events] == ["closing", "importing", "fetching", "queued"]


def test_an_end_moves_the_run_to_the_last_runs_once() -> None:
    snapshot = reducer.heard(Snapshot(), event("importing", NOW, **of(500, 1)))
    end = event("succeeded", NOW + 9, **of(2000, 4))
    snapshot = reducer.heard(reducer.heard(snapshot, end), end)
    assert snapshot.runs.flights == ()
    (run,) = snapshot.runs.recent
    assert not run.active and run.stats.total == 2000 and run.finished_at is not None
    assert run.finished_at.timestamp() == NOW + 9


def test_what_was_said_before_the_end_does_not_bring_a_run_back() -> None:
    snapshot = reducer.heard(Snapshot(), event("succeeded", NOW + 9, **of(2000, 4)))
    snapshot = reducer.heard(snapshot, event("importing", NOW + 8, **of(1500, 3)))
    assert snapshot.runs.flights == ()
    again = reducer.heard(snapshot, event("importing", NOW + 60, **of(1500, 3)))  # a requeue
    assert len(again.runs.flights) == 1


def test_rows_bring_facts_and_events_keep_totals() -> None:
    heard = reducer.heard(Snapshot(), event("importing", NOW, **of(1500, 3)))
    row = msgspec.structs.replace(flying(7, "acme", "importing", BatchTotals(total=4), 0, 0).run, stats=Stats())
    snapshot = reducer.loaded(heard, [row], [ended(1)], NOW + 1)
    (flight,) = snapshot.runs.flights
    assert flight.run.requested_by == "ana"
    assert flight.run.stats.total == 1500
    assert flight.run.batches == BatchTotals(total=4, done=3)
    assert snapshot.runs.at == NOW + 1


def test_active_runs_are_not_among_the_last_runs() -> None:
    run = flying(7, "acme", "queued", BatchTotals(), 0, 0).run
    snapshot = reducer.loaded(Snapshot(), [run], [run, ended(1)], NOW)
    assert [r.id for r in snapshot.runs.recent] == [ended(1).id]


def test_dead_letters_and_operators_are_news() -> None:
    snapshot = reducer.heard(Snapshot(), Event(kind="dead", at=NOW, source="acme", text="batch 7:0001"))
    snapshot = reducer.heard(
        snapshot, Event(kind="action", at=NOW, source="acme", user="ana", text="cancelled the run")
    )
    assert [(line.mark, line.text) for line in snapshot.events] == [
        ("action", "ana: cancelled the run"),
        ("dead", "batch 7:0001"),
    ]


def test_the_past_is_told_and_not_applied() -> None:
    past = [
        event("queued", NOW - 9),
        event("importing", NOW - 8),
        event("importing", NOW - 7),
        event("succeeded", NOW - 6),
    ]
    snapshot = reducer.retold(Snapshot(), past)
    assert [line.mark for line in snapshot.events] == ["succeeded", "importing", "queued"]
    assert snapshot.runs.flights == () and snapshot.runs.recent == ()


def test_what_is_kept_is_bounded() -> None:
    snapshot = BUSY
    for i in range(1000):
        snapshot = reducer.heard(snapshot, event("failed", NOW + i, run=i + 1))
    assert len(snapshot.events) == reducer.EVENTS_KEPT
    assert len(snapshot.runs.recent) == reducer.RECENT_KEPT
    for i in range(1000):
        snapshot = reducer.heard(snapshot, event("importing", NOW + i / 50, run=5000, **of(i, i)))
    assert len(snapshot.runs.flights[-1].samples) <= reducer.SAMPLES_KEPT + 1


def test_a_link_remembers_since_when() -> None:
    link = reducer.linked(Link(service="redis"), "up", 10, rtt_ms=0.5)
    down = reducer.linked(link, "down", 20, reason="refused", retry_at=21)
    still = reducer.linked(down, "down", 30, reason="refused", retry_at=31)
    assert (still.since, still.retry_at) == (20, 31)
    back = reducer.linked(still, "up", 40)
    assert (back.since, back.reason, back.retry_at) == (40, "", None)
