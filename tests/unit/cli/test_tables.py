"""Tables: they fit the terminal, and what has to be read or typed again is there whole."""

import io
import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobimport_tui.cli.show import cell, width
from jobimport_tui.cli.tables import CUT_LEAST, table, wrapped

THIS_YEAR = datetime.now(UTC).replace(month=1, day=31, hour=9, minute=30, second=0, microsecond=0)
WORDS = st.text(alphabet="abc 東\x1b", max_size=90)


class Terminal(io.StringIO):
    """Standard output of so many columns."""

    def isatty(self) -> bool:
        return True


class Screen:
    """What was printed on it so far."""

    def __init__(self, patch: pytest.MonkeyPatch, columns: int) -> None:
        self.out = Terminal()
        patch.setattr("sys.stdout", self.out)
        patch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((columns, 24)))

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()


class TestInAPipe:
    ROWS = (("1", "a\x1b[31mb\nc", "zürich"), ("1,234", "東京" * 3, None))

    def test_columns_are_aligned_and_cells_inert(self, capsys: pytest.CaptureFixture[str]):
        table(("N", "TITLE", "PLACE"), self.ROWS, right=("N",))
        assert capsys.readouterr().out.splitlines() == [
            "    N  TITLE         PLACE",
            "    1  a[31mb c      zürich",
            "1,234  東京東京東京  -",
        ]

    def test_nothing_is_cut_wrapped_dropped_or_shortened(self, capsys: pytest.CaptureFixture[str]):
        row = ("x" * 190, "word " * 90, THIS_YEAR, "by")
        table(("TITLE", "TEXT", "AT", "BY"), [row], cut=("TITLE",), wrap=("TEXT",), drop=("BY",))
        [head, told] = capsys.readouterr().out.splitlines()
        assert head.split() == ["TITLE", "TEXT", "AT", "BY"]
        assert told == f"{'x' * 190}  {('word ' * 90).strip()}  {THIS_YEAR:%Y-%m-%d} 09:30:00  by"


class TestOnATerminal:
    def test_free_text_is_cut_and_ids_are_not(self, monkeypatch: pytest.MonkeyPatch):
        screen = Screen(monkeypatch, 30)
        table(("ID", "TITLE"), [("1795770803204-0", "word " * 20), ("2", "東" * 30)], cut=("TITLE",))
        assert screen.lines == [
            "ID               TITLE",
            "1795770803204-0  word word wo…",
            "2                東東東東東東…",
        ]

    def test_what_is_to_be_read_whole_is_wrapped_inside_its_column(self, monkeypatch: pytest.MonkeyPatch):
        screen = Screen(monkeypatch, 42)
        text = "one two three four five six seven eight nine"
        table(("ID", "TEXT", "N"), [("a1", text, 7)], wrap=("TEXT",), right=("N",))
        assert screen.lines == [
            "ID  TEXT                                 N",
            "a1  one two three four five six seven    7",
            "    eight nine",
        ]

    def test_where_a_column_would_be_too_narrow_to_read_the_last_one_goes_beneath(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        screen = Screen(monkeypatch, 60)
        rows = [
            ("runs", "so much is missing from the feed that it may be its fault", "jobimport runs approve 12"),
            ("redis", "appendonly yes", ""),
        ]
        table(("CHECK", "FOUND", "DO"), rows, wrap=("FOUND", "DO"))
        assert screen.lines == [
            "CHECK  FOUND",
            "    DO",
            "runs   so much is missing from the feed that it may be its",
            "       fault",
            "    jobimport runs approve 12",
            "redis  appendonly yes",
        ]

    def test_an_id_that_does_not_fit_goes_beneath_rather_than_be_broken(self, monkeypatch: pytest.MonkeyPatch):
        screen = Screen(monkeypatch, 60)
        found = f"board:https://board.example/{'p' * 16}"
        table(("TITLE", "COMPANY", "ID"), [("Cook", "Acme", found)], cut=("TITLE", "COMPANY"), wrap=("ID",))
        assert screen.lines[-1] == f"Cook   Acme     {found}"
        screen = Screen(monkeypatch, 60)
        table(("TITLE", "COMPANY", "ID"), [("Cook", "Acme", f"{found}12")], cut=("TITLE", "COMPANY"), wrap=("ID",))
        assert screen.lines == ["TITLE  COMPANY", "    ID", "Cook   Acme", f"    {found}12"]

    def test_optional_columns_are_left_out_in_their_order(self, monkeypatch: pytest.MonkeyPatch):
        screen = Screen(monkeypatch, 20)
        table(("RUN", "SOURCE", "TOOK", "BY"), [(12, "jobicy", "3m20s", "ann")], drop=("TOOK", "BY"))
        assert screen.lines == ["RUN  SOURCE  BY", "12   jobicy  ann"]

    def test_what_may_be_neither_cut_nor_dropped_is_whole_though_too_wide(self, monkeypatch: pytest.MonkeyPatch):
        screen = Screen(monkeypatch, 20)
        table(("ID", "BY"), [("i" * 30, "ann")], drop=("BY",))
        assert screen.lines == ["ID", "i" * 30]

    def test_times_of_this_year_lose_it_and_only_where_there_is_no_room(self, monkeypatch: pytest.MonkeyPatch):
        wide = Screen(monkeypatch, 30)
        table(("AT", "SOURCE"), [(THIS_YEAR, "jobicy"), (None, "x")])
        assert wide.lines[1] == f"{THIS_YEAR:%Y}-01-31 09:30:00  jobicy"
        screen = Screen(monkeypatch, 24)
        table(("AT", "SOURCE"), [(THIS_YEAR, "jobicy"), (None, "x")])
        assert screen.lines == ["AT              SOURCE", "01-31 09:30:00  jobicy", "-               x"]

    def test_times_of_two_years_keep_them(self, monkeypatch: pytest.MonkeyPatch):
        screen = Screen(monkeypatch, 20)
        table(("AT", "SOURCE"), [(THIS_YEAR, "jobicy"), (THIS_YEAR - timedelta(days=40), "jobicy")])
        assert screen.lines[1] == f"{THIS_YEAR:%Y}-01-31 09:30:00  jobicy"

    @given(
        st.lists(st.tuples(st.text(alphabet="0123456789-@", min_size=1, max_size=20), WORDS, WORDS, WORDS), max_size=4),
        st.integers(40, 120),
    )
    def test_whatever_is_in_it_every_line_fits_and_every_id_and_sentence_is_whole(
        self, rows: list[tuple[str, str, str, str]], columns: int
    ):
        with pytest.MonkeyPatch.context() as patch:
            screen = Screen(patch, columns)
            table(("ID", "TITLE", "TEXT", "BY"), rows, cut=("TITLE",), wrap=("TEXT",), drop=("BY",))
        assert all(width(line) <= columns for line in screen.lines)
        printed = screen.out.getvalue()
        assert all(row[0] in printed for row in rows)
        letters = sorted(printed.replace(" ", "").replace("\n", ""))
        for row in rows:
            assert all(letters.count(each) >= cell(row[2]).count(each) for each in set(cell(row[2])) - {" "})

    def test_free_text_keeps_enough_to_be_recognised(self, monkeypatch: pytest.MonkeyPatch):
        screen = Screen(monkeypatch, 20)
        table(("ID", "TITLE"), [("i" * 15, "t" * 40)], cut=("TITLE",))
        assert screen.lines[1] == f"{'i' * 15}  {'t' * (CUT_LEAST - 1)}…"


@given(WORDS, st.integers(2, 40))
def test_wrapping_loses_no_character_and_no_line_is_too_wide(text: str, columns: int):
    shown = cell(text)
    lines = wrapped(shown, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join(lines).replace(" ", "") == shown.replace(" ", "")
