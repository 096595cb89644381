"""Health is what the history says: each kind of trouble has its word, what is usual has none."""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis.making import START, ended, histories
from workers.analysis.health import judge
from workers.model import LogEntry, Run
from workers.model.health import Health

FILL = {"title": 1.0, "salary": 0.6}


def steady(runs: int = 30, total: int = 1000) -> list[Run]:
    """Hourly, of about the same size."""
    return [ended(n, total=total + n % 7, fill={"title": 1.0, "salary": 0.6 + n % 3 / 100}) for n in range(runs)]


def soon(runs: list[Run], **more: object) -> Health:
    """Judged ten minutes after the last was asked for."""
    now = max((run.queued_at for run in runs), default=START) + timedelta(minutes=10)
    return judge(runs, now=now, is_scheduled=True, **more)  # pyright: ignore[reportArgumentType]


def test_what_is_usual_is_ok_and_says_what_that_is():
    health = soon(steady())
    assert (health.state, health.text) == ("ok", "every 1h, 1,001 listings")
    assert health.late_at is not None


@pytest.mark.parametrize(
    ("total", "state"),
    [(1000, "ok"), (850, "ok"), (700, "shrinking"), (0, "shrinking"), (1400, "ok"), (1700, "growing")],
)
def test_a_feed_of_another_size(total: int, state: str):
    health = soon([*steady(), ended(30, total=total, fill=FILL)])
    assert health.state == state
    if state != "ok":
        assert health.text == f"{total:,} listings, usually 1,003 (give or take 3)"
        assert health.figures["listings"] == total


def test_a_feed_that_is_unchanged_since_it_shrank_is_still_shrinking():
    runs = [*steady(), ended(30, total=400, fill=FILL), *(ended(n, "unchanged", 0, fill={}) for n in range(31, 35))]
    assert soon(runs).state == "shrinking"


def test_a_new_size_becomes_the_usual_one():
    runs = steady()
    for n in range(30, 70):
        runs.append(ended(n, total=400, fill=FILL))
    assert soon(runs).state == "ok"


def test_a_field_that_is_no_longer_filled():
    health = soon([*steady(), ended(30, total=1000, fill={"title": 1.0, "salary": 0.04})])
    assert (health.state, health.field) == ("drifting", "salary")
    assert health.text == "salary is filled in 4% of the listings, usually in 61%"
    assert soon([*steady(), ended(30, total=1000, fill={"title": 1.0})]).field == "salary"


def test_a_handful_of_listings_without_a_field_is_no_drift():
    small = [ended(n, total=6, fill=FILL) for n in range(30)]
    assert soon([*small, ended(30, total=6, fill={"title": 1.0})]).state == "ok"


def test_failures_are_counted_and_the_last_gives_the_reason():
    entry = LogEntry(at=START, level="error", code="http", text="answered 503")
    failed = [ended(n, "failed", 0, error_log=[entry]) for n in range(30, 33)]
    health = soon([*steady(), *failed])
    assert (health.state, health.text) == ("failing", "the last 3 imports did not read the whole feed: answered 503")
    assert soon([*steady(), *failed, ended(33, "cancelled", 0)]).figures == {"failures": 3}
    assert soon([*steady(), *failed, ended(33, total=1000, fill=FILL)]).state == "ok"
    assert soon([*steady(), ended(30, "partial", 1000, dead=1)]).state == "failing"


def test_no_import_where_there_should_have_been_one():
    runs = steady()
    last = max(run.queued_at for run in runs)
    on_time = judge(runs, now=last + timedelta(minutes=85), is_scheduled=True)
    late = judge(runs, now=last + timedelta(hours=5), is_scheduled=True)
    assert on_time.state == "ok"
    assert (late.state, late.text) == ("late", "no import for 5h, usually one every 1h")
    assert judge(runs, now=last + timedelta(hours=5), is_scheduled=False).state == "ok"
    assert late.late_at == on_time.late_at == last + timedelta(minutes=90)


def test_an_open_circuit_is_the_first_thing_to_say():
    failed = [ended(n, "failed", 0) for n in range(9)]
    assert soon(failed, circuit="suspended until 12:00: 9 failures").text == "suspended until 12:00: 9 failures"
    assert soon(failed, circuit="x").state == "suspended"


def test_little_history_is_not_judged():
    assert soon([]).text == "not imported yet"
    health = soon([ended(1, total=1000), ended(2, total=5)])
    assert (health.state, health.text) == ("ok", "5 listings, too few imports to know what is usual")
    assert judge([ended(1)], now=START + timedelta(days=90), is_scheduled=True).state == "ok"


@given(histories, st.randoms(use_true_random=False), st.integers(0, 10**6), st.booleans())
def test_the_same_history_gives_the_same_judgement(
    runs: list[Run], shuffling: random.Random, wait: int, is_scheduled: bool
):
    now = max((run.queued_at for run in runs), default=START) + timedelta(seconds=wait)
    health = judge(runs, now=now, is_scheduled=is_scheduled)
    again = [*runs, *runs[: len(runs) // 2]]
    shuffling.shuffle(again)
    assert judge(again, now=now, is_scheduled=is_scheduled) == health
    assert health.text and len(health.text) < 700
    last = next((run for run in reversed(runs) if run.state != "cancelled"), None)
    is_failing = last is not None and (last.state in ("failed", "degraded") or bool(last.batches.dead))
    assert (health.state == "failing") == is_failing
    assert health.state != "late" or (is_scheduled and health.late_at is not None and now >= health.late_at)


@given(st.integers(10, 100_000), st.integers(6, 40))
def test_a_source_that_never_changes_is_never_odd(total: int, runs: int):
    assert soon([ended(n, total=total) for n in range(runs)]).state == "ok"


@given(st.lists(st.integers(900, 1100), min_size=6, max_size=30), st.integers(0, 10_000))
def test_more_listings_are_never_shrinking_and_fewer_never_growing(totals: list[int], last: int):
    health = soon([*(ended(n, total=total) for n, total in enumerate(totals)), ended(99, total=last)])
    if last >= max(totals):
        assert health.state != "shrinking"
    if last <= min(totals):
        assert health.state != "growing"
    if last < 200:
        assert health.state == "shrinking"
