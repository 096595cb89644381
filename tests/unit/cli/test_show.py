"""What is printed: JSON that any program reads, facts, and nothing that steers a terminal."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobimport_tui.cli import show
from jobimport_tui.display.format import counted


class Thing(msgspec.Struct, rename={"id": "_id"}):
    id: str = "x"
    at: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    hash: bytes = b"\xff"
    many: tuple[object, ...] = ()
    inner: dict[str, object] = {}


class TestJson:
    def test_times_are_iso_in_utc_and_bytes_are_never_shown(self, capsys: pytest.CaptureFixture[str]):
        late = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=timezone(timedelta(hours=2)))
        show.line(Thing(many=(1, b"x", None, late), inner={"raw": b"x", "n": float("nan")}))
        assert json.loads(capsys.readouterr().out) == {
            "_id": "x",
            "at": "2026-01-02T03:04:05Z",
            "many": [1, None, "2026-01-02T01:04:05.678Z"],
            "inner": {"n": None},
        }

    @given(st.text())
    def test_any_text_is_one_line_that_no_terminal_acts_on(self, text: str):
        printed = json.dumps(show.plain({"t": text}))
        assert printed.isascii()
        assert all(character >= " " for character in printed)


class TestFacts:
    def test_facts_leave_out_what_has_no_value(self, capsys: pytest.CaptureFixture[str]):
        show.facts([("name", "x"), ("long name", 0), ("none", None), ("empty", ""), ("list", [])])
        assert capsys.readouterr().out == "name       x\nlong name  0\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((None, "-"), (-1, "0ms"), (0.85, "850ms"), (4.21, "4.2s"), (59, "59s"), (60, "1m")),
        *((200, "3m20s"), (18_600, "5h10m"), (1_047_600, "12d3h"), (86_400, "1d")),
    ],
)
def test_lengths_of_time(seconds: float | None, text: str):
    assert show.span(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (512, "512 B"), (3_565_158, "3.4 MiB"), (2**40, "1024.0 GiB")]
)
def test_sizes(number: int, text: str):
    assert show.size(number) == text


def test_times_for_people():
    assert show.clock(None) == "-"
    assert show.clock(datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=UTC)) == "2026-01-02 03:04:05"


def test_one_thing_is_singular():
    told = [counted(0, "listing"), counted(1, "listing"), counted(2000, "listing")]
    assert told == ["0 listings", "1 listing", "2,000 listings"]
    assert [counted(n, "batch", "batches") for n in (1, 2)] == ["1 batch", "2 batches"]
