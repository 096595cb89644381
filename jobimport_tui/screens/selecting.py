"""Marks, columns, matches, copies and exports of the grid that has the focus."""

import csv
import io
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec

from jobimport_tui.display.text import safe
from jobimport_tui.formulas import unformulated
from jobimport_tui.screens.section import Section
from jobimport_tui.widgets.grid import Column, Grid


class Selecting(Section):
    """A section, or a list over one. `everything` says that all that fit are meant, also those beyond the page."""

    everything = False
    _last_mark: object = None

    @property
    def at_hand(self) -> Grid[Any]:
        """The grid that is worked on."""
        focused = self.focused
        return focused if isinstance(focused, Grid) else self.grid

    def chosen(self, grid: Grid[Any]) -> list[Any]:
        """The marked rows of a grid, else the selected one."""
        if marked := grid.marked_rows():
            return marked
        return [grid.selected] if grid.selected is not None else []

    def done_with_marks(self) -> None:
        """Take all marks away."""
        self.everything = False
        for grid in self.query(Grid):
            grid.marked = set()
            grid.repaint()

    def do_mark(self, _: str) -> None:
        """Mark the row and go on, or unmark it."""
        grid = self.at_hand
        if grid.selected is None:
            return
        self.everything = False
        self._last_mark = key = grid.key(grid.selected)
        grid.mark([grid.selected], on=key not in grid.marked)
        grid.go_to(grid.cursor + 1)

    def do_range(self, _: str) -> None:
        """Mark from the last mark to here."""
        grid = self.at_hand
        keys = [grid.key(row) for row in grid.rows]
        if self._last_mark not in keys:
            self.do_mark("")
            return
        first, last = sorted((keys.index(self._last_mark), grid.cursor))
        grid.mark(grid.rows[first : last + 1])
        self._last_mark = keys[grid.cursor]
        self.say(f"{len(grid.marked_rows()):,} marked")

    def do_mark_all(self, _: str) -> None:
        """Mark all that fit the filter."""
        grid = self.at_hand
        grid.marked = set()
        grid.mark(grid.rows)
        self.everything = True
        self.say(f"{len(grid.rows):,} marked{self.beyond()}")

    def beyond(self) -> str:
        """What is meant beside the rows that are here."""
        return ""

    def do_unmark(self, _: str) -> None:
        """Take all marks away."""
        self.done_with_marks()
        self.say("nothing is marked")

    def do_columns_left(self, _: str) -> None:
        """Earlier columns."""
        self.at_hand.scroll_columns(-1)

    def do_columns_right(self, _: str) -> None:
        """Later columns."""
        self.at_hand.scroll_columns(1)

    def do_errors(self, _: str) -> None:
        """Only what went wrong, or all again."""
        grid = self.grid
        grid.only = self.is_bad if grid.only is None else None
        self.say("errors only: z shows all again" if grid.only else "all again")
        self.paint()

    def is_bad(self, row: Any) -> bool:
        """Whether a row tells of an error."""
        raise NotImplementedError

    # --- taking away

    def do_copy(self, _: str) -> None:
        """Copy what the row is called."""
        if (row := self.at_hand.selected) is not None:
            self.copy(str(self.at_hand.key(row)))

    def do_copy_row(self, _: str) -> None:
        """Copy the row as JSON."""
        if (row := self.at_hand.selected) is not None:
            self.copy(as_json(row), f"the row as JSON: {len(as_json(row)):,} bytes")

    def do_export(self, argument: str) -> None:
        """Write the marked rows, else all that are here, to a file that is not there yet."""
        if argument:
            self.export_to(argument)
            return
        name = f"jobimport-{self.place}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.csv"
        self.type("write to: ", name, done=self.export_to)

    def export_to(self, name: str) -> None:
        """Write the rows that are here."""
        grid = self.at_hand
        rows = grid.marked_rows() or grid.rows
        file = Path(name.strip()).expanduser()
        if file.suffix not in (".csv", ".jsonl"):
            self.say(f"{name}: expected a name that ends with .csv or .jsonl", "warn")
            return
        text = as_csv(grid.columns, rows) if file.suffix == ".csv" else "".join(f"{as_json(row)}\n" for row in rows)

        async def writing() -> None:
            try:
                await anyio.to_thread.run_sync(partial(write_new, file, text))
            except OSError as error:
                self.say(f"{error.strerror}: {file}", "warn")
            else:
                self.say(f"{len(rows):,} rows are in {file.resolve()}", "ok")

        self.run_worker(writing, name=f"{self.place} export", group="export", exit_on_error=False)


class OverSection(Selecting):
    """A list over a section: escape goes back to it."""

    def do_back(self, _: str) -> None:
        """Clear the filter; without one, go back."""
        if self.filter_text():
            self.filter_by("")
        else:
            self.app.pop_screen()

    def do_leave(self, _: str) -> None:
        """Go back."""
        self.app.pop_screen()


def as_json(row: Any) -> str:
    """A row as one line of JSON."""
    return msgspec.json.encode(row, enc_hook=str).decode()


def as_csv(columns: Sequence[Column[Any]], rows: Sequence[Any]) -> str:
    """Rows as they are shown, with every column. What a spreadsheet would take for a formula is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    kept = [column for column in columns if column.title.strip()]
    writer.writerow([column.title.strip() for column in kept])
    for row in rows:
        writer.writerow([_cell(safe(column.span(row)[0]).strip()) for column in kept])
    return out.getvalue()


def _cell(text: str) -> str:
    """Numbers are texts in a grid: those, and the dash for none, are no formulas."""
    is_number = text == "-" or (text[:1] == "-" and text[1:].replace(",", "").replace(".", "").isdecimal())
    return text if is_number else unformulated(text)


def write_new(file: Path, text: str) -> None:
    """Write a file that is not there yet, for its owner alone. Raises OSError."""
    opener: Callable[[str, int], int] = lambda path, flags: os.open(path, flags, 0o600)  # noqa: E731
    with open(file, "x", encoding="utf-8", opener=opener) as out:
        out.write(text)
