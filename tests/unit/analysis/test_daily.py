"""A day is what its runs add up to, in whatever order and however often they are read."""

import random
from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis.making import START, ended, histories
from workers.analysis.daily import day_of
from workers.analysis.spread import deviation, median, percentile
from workers.model import Run, Stats


def test_a_day_says_what_happened():
    runs = [
        ended(1, total=100, took=4, stats=Stats(total=100, new=100), fill={"title": 1.0, "salary": 0.5}, bytes=5000),
        ended(2, "unchanged", 0, took=1),
        ended(3, "partial", 300, took=6, stats=Stats(total=300, new=10, updated=5, failed=2, closed=7, unchanged=283)),
        ended(4, "failed", 0),
        ended(5, "partial", 50, dead=1, took=8),
        ended(6, "cancelled", 20),
    ]
    day = day_of("board", START, runs)
    assert day.id == "board:2026-11-01"
    assert (day.runs, day.failures, day.judged) == (6, 2, 5)
    assert day.states == {"cancelled": 1, "failed": 1, "partial": 2, "succeeded": 1, "unchanged": 1}
    assert (day.total, day.new, day.updated, day.failed, day.closed) == (470, 110, 5, 2, 7)
    assert (day.timed, day.p50_ms, day.p95_ms) == (3, 6000, 8000)
    assert (day.feed_listings, day.feed_bytes, day.reads) == (300, 300_000, 3)
    assert day.fill_rate == {"salary": round(50 / 450, 4), "title": 1.0}
    assert day.last_success_at == runs[2].finished_at
    assert day.failure_rate == 2 / 5


def test_a_requeued_run_says_nothing_of_durations():
    day = day_of("board", START, [ended(1, took=5), ended(2, took=86_400, revivals=1)])
    assert (day.timed, day.p95_ms) == (1, 5000)


def test_a_day_without_runs_is_zeros():
    day = day_of("board", START, [])
    assert (day.runs, day.failure_rate, day.p50_ms, day.last_success_at) == (0, None, None, None)


@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_reading_changes_nothing(runs: list[Run], shuffling: random.Random):
    shuffled = list(runs)
    shuffling.shuffle(shuffled)
    assert day_of("board", START, shuffled) == day_of("board", START, runs)


@given(histories)
def test_counts_add_up(runs: list[Run]):
    day = day_of("board", START, runs)
    assert day.runs == len(runs) == sum(day.states.values())
    assert day.total == sum(run.stats.total for run in runs)
    assert 0 <= day.failures <= day.judged <= day.runs
    assert day.timed <= day.reads <= day.judged
    assert all(0 <= share <= 1 for share in day.fill_rate.values())
    assert day.p50_ms is None or (day.p95_ms is not None and day.p50_ms <= day.p95_ms)


@given(histories)
def test_active_runs_are_not_of_the_day(runs: list[Run]):
    living = Run(
        id=999, source="board", state="fetching", active=True, trigger="cli", queued_at=START + timedelta(hours=1)
    )
    assert day_of("board", START, [*runs, living]) == day_of("board", START, runs)
    gone = [msgspec.structs.replace(run, active=True) for run in runs]
    assert day_of("board", START, gone).runs == 0


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1))
def test_middle_spread_and_percentiles_lie_among_the_numbers(numbers: list[int]):
    assert min(numbers) <= median(numbers) <= max(numbers)
    assert 0 <= deviation(numbers) <= 1.4826 * (max(numbers) - min(numbers))
    assert percentile(numbers, 1) == max(numbers)
    for share in (0.05, 0.5, 0.95):
        found = percentile(numbers, share)
        below = sum(number <= found for number in numbers)
        assert found in numbers and below >= share * len(numbers) - 1e-6


def test_percentiles_of_whole_shares():
    assert percentile(range(1, 21), 0.95) == 19
    assert percentile(range(1, 101), 0.5) == 50
    assert deviation([10, 10, 10, 1000]) == 0
