"""What is printed: JSON that any program reads, tables that fit, and nothing that steers a terminal."""

import io
import json
import os
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobimport_tui.cli import show


class Thing(msgspec.Struct, rename={"id": "_id"}):
    id: str = "x"
    at: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    hash: bytes = b"\xff"
    many: tuple[object, ...] = ()
    inner: dict[str, object] = {}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


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


class TestTable:
    ROWS = (("1", "a\x1b[31mb\nc", "zürich"), ("1,234", "東京" * 3, None))

    def test_columns_are_aligned_and_cells_inert(self, capsys: pytest.CaptureFixture[str]):
        show.table(("N", "TITLE", "PLACE"), self.ROWS, right=("N",))
        assert capsys.readouterr().out.splitlines() == [
            "    N  TITLE         PLACE",
            "    1  a[31mb c      zürich",
            "1,234  東京東京東京  -",
        ]

    def test_a_terminal_cuts_the_widest_until_a_row_fits(self, monkeypatch: pytest.MonkeyPatch):
        out = Terminal()
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((24, 24)))
        show.table(("ID", "TITLE"), [("1", "word " * 20), ("22", "東" * 30)])
        lines = out.getvalue().splitlines()
        assert lines == ["ID  TITLE", "1   word word word word…", "22  東東東東東東東東東…"]
        assert all(show.width(line) <= 24 for line in lines)

    def test_a_pipe_cuts_nothing(self, capsys: pytest.CaptureFixture[str]):
        show.table(("ID", "TITLE"), [("1", "x" * 190)])
        assert "x" * 190 in capsys.readouterr().out

    @given(st.lists(st.tuples(st.text(), st.text()), max_size=4), st.integers(20, 60))
    def test_whatever_is_in_it_a_row_is_a_line_that_fits(self, rows: list[tuple[str, str]], columns: int):
        with pytest.MonkeyPatch.context() as patch:
            out = Terminal()
            patch.setattr("sys.stdout", out)
            patch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((columns, 24)))
            show.table(("A", "B"), rows)
        lines = out.getvalue().split("\n")[:-1]
        assert len(lines) == len(rows) + 1
        assert all(show.width(line) <= columns for line in lines)

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
