"""Days and minutes as charts: nothing is not zero, the most is the highest, and all of it is readable in ASCII."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobimport_tui.display import charts
from jobimport_tui.display.glyphs import Glyphs
from jobimport_tui.hourly import hour
from tests.console.fake import DAYS, EMPTY, NOW
from tests.console.test_console import desk
from workers.model import Event, RunState, Stats

ASCII, FULL = Glyphs(ascii_only=True), Glyphs()


def test_columns_stand_on_the_ground_and_a_day_without_imports_is_blank() -> None:
    assert charts.columns([4.0, 2.0, None, 0.0, 0.01], 2, FULL) == ["▇    ", "██ ·▁"]
    assert charts.columns([8.0, None, 0.0], 1, ASCII, step=2) == ["#   . "]


def test_a_range_is_full_to_the_first_and_shaded_to_the_second() -> None:
    assert charts.ranges([(1.0, 4.0), None, (2.0, 2.0)], 4, ASCII) == [":  ", ":  ", ": #", "# #"]


@given(
    st.lists(st.none() | st.floats(0, 1e12), max_size=40),
    st.integers(1, 6),
    st.integers(1, 3),
    st.booleans(),
)
def test_a_chart_is_as_wide_and_high_as_it_says(
    values: list[float | None], height: int, step: int, is_ascii: bool
) -> None:
    rows = charts.columns(values, height, ASCII if is_ascii else FULL, step=step)
    assert [len(row) for row in rows] == [len(values) * step] * height
    assert not is_ascii or "".join(rows).isascii()
    cells = [[row[i * step] for row in rows] for i in range(len(values))]
    for value, column in zip(values, cells, strict=True):
        assert (set(column) == {" "}) == (value is None)
        assert "".join(column).lstrip(" ").count(" ") == 0  # no holes


def said(at: float, run: int, total: int, state: RunState = "importing", source: str = "a") -> Event:
    return Event(kind="run", at=at, run=run, source=source, state=state, stats=Stats(total=total, new=total))


def test_a_minute_has_what_was_counted_in_it_and_nothing_twice() -> None:
    events = [
        Event(kind="worker", at=NOW - 9000),
        said(NOW - 4000, 1, 100),
        said(NOW - 200, 1, 150),
        said(NOW - 195, 1, 150),
        said(NOW - 190, 1, 180, "succeeded"),
        said(NOW - 30, 2, 7, source="b"),
    ]
    whole = hour(events, NOW)
    assert (whole.minutes[56].new, whole.minutes[56].ended, whole.minutes[59].new) == (80, 1, 7)
    assert sum(minute.new for minute in whole.minutes) == 87 and whole.since is None
    assert sum(minute.new for minute in hour(events, NOW, "b").minutes) == 7


def test_what_a_run_had_counted_before_the_stream_begins_is_in_no_minute() -> None:
    found = hour([said(NOW - 600, 1, 90_000), said(NOW - 500, 1, 90_500)], NOW)
    assert (sum(minute.new for minute in found.minutes), found.since) == (500, NOW - 600)


@given(st.lists(st.tuples(st.integers(1, 3599), st.integers(1, 5), st.integers(0, 50)), max_size=30))
def test_the_minutes_add_up_to_what_the_runs_counted(moves: list[tuple[int, int, int]]) -> None:
    events, totals = [Event(kind="worker", at=NOW - 9000)], dict[int, int]()
    for ago, run, more in sorted(moves, reverse=True):
        totals[run] = totals.get(run, 0) + more
        events.append(said(NOW - ago, run, totals[run]))
    assert sum(minute.read for minute in hour(events, NOW).minutes) == sum(totals.values())


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_days_of_a_source_are_charts_with_their_figures(ascii_only: bool) -> None:
    async with desk(section="sources", ascii_only=ascii_only) as it:
        await it.press("d")
        assert "the last 28 days" in it.text
        day = DAYS.days[-1]
        most = max(each.new for each in DAYS.days)
        assert f"today {day.new}" in it.text and f"most {most} on" in it.text
        assert f"p95 {day.p95_ms / 1000:.1f}s" in it.text if day.p95_ms else True
        assert "23 Nov" in it.text
        assert not ascii_only or it.text.replace("…", "").isascii()
        assert "LAST HOUR, A MINUTE A CELL, known since 13:42:07Z" in it.text
        await it.press("G")
        assert "2026-10-27" in it.text and "2026-11-14" not in it.text  # the day without imports
        await it.press("escape", "colon", *"days", "enter")
        assert it.gateway.asked[-1][0] == "days"


async def test_without_imports_and_without_servers_days_say_so() -> None:
    async with desk(EMPTY) as it:
        await it.press("d")
        assert it.gateway.asked[-1] == ("days", "") and "no import in these days" in it.text
    async with desk() as it:
        it.gateway.refusal = "mongodb is not connected yet"
        await it.press("d")
        assert "mongodb is not connected yet" in it.text
