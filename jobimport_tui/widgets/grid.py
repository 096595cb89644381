"""A table: column specs, a cursor, a filter, a sort. Holds a page of rows (about 200), never a collection."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from textual import events
from textual.message import Message

from jobimport_tui.display.text import Align, fit
from jobimport_tui.widgets.painted import Line, Painted, Span

R = TypeVar("R")


class Column(msgspec.Struct, Generic[R], frozen=True):
    """One column. `cell` gives text, or text and tone. Fixed `width` in cells; with `flex`, that is its least width.

    `needs` is the width of the grid from which on it is shown. `order` is what sorting compares, if not the text.
    """

    title: str
    width: int
    cell: Callable[[R], str | Span]
    align: Align = "left"
    flex: int = 0
    needs: int = 0
    order: Callable[[R], Any] | None = None

    def span(self, row: R) -> Span:
        """Text and tone of a row."""
        cell = self.cell(row)
        return (cell, "") if isinstance(cell, str) else cell


def layout(columns: Sequence[Column[R]], width: int, skipped: int = 0) -> list[tuple[Column[R], int]]:
    """The columns that a width has room for, with their widths; one cell lies between two of them.

    With `skipped`, so many after the first are left out, and every further one is shown while there is room.
    """
    shown = [column for column in columns if column.needs <= width]
    if skipped:
        shown, left = [columns[0]], width - columns[0].width
        for column in columns[1 + skipped :]:
            left -= column.width + 1
            if left < 0:
                break
            shown.append(column)
    rest = width - sum(column.width for column in shown) - (len(shown) - 1)
    shares = sum(column.flex for column in shown)
    placed: list[tuple[Column[R], int]] = []
    for column in shown:
        extra = max(0, rest) * column.flex // shares if shares else 0
        if column.flex:
            rest -= extra
            shares -= column.flex
        placed.append((column, column.width + extra))
    return placed


class Grid(Painted, Generic[R], can_focus=True):
    """Rows under a heading. The cursor stays on its row when rows move, and on the first row while it is there."""

    class Opened(Message):
        """A row was chosen with the mouse."""

    class Edge(Message):
        """The cursor was asked to go past the last row (`forward`) or before the first."""

        def __init__(self, forward: bool) -> None:
            self.forward = forward
            super().__init__()

    DEFAULT_CSS: ClassVar[str] = "Grid { height: 1fr; }"

    def __init__(
        self,
        columns: Sequence[Column[R]],
        key: Callable[[R], object],
        *,
        title: str = "",
        empty: str = "nothing yet",
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.every_column = columns
        self.columns, self.key, self.title, self.empty = columns, key, title, empty
        self.is_stale = False
        self.is_led = False  # the cursor shows although another widget has the focus
        self.sorted_by: int | None = None
        self.filter = ""
        self.only: Callable[[R], bool] | None = None  # beside the filter: errors only
        self.marked: set[object] = set()
        self.skipped = 0  # columns after the first that are scrolled away
        self.all_rows: Sequence[R] = ()
        self.rows: list[R] = []
        self.cursor = 0
        self._top = 0

    @property
    def selected(self) -> R | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.rows else None

    def show(self, rows: Sequence[R], *, title: str | None = None, is_stale: bool = False) -> None:
        """Show these rows; `is_stale` dims them."""
        held = self.key(self.rows[self.cursor]) if self.cursor and self.rows else None
        self.all_rows, self.is_stale = rows, is_stale
        self.title = self.title if title is None else title
        self._select(held)

    def show_only(self, words: str) -> None:
        """Filter by the text of the cells: every word, and none that begins with "!"."""
        held = self.key(self.rows[self.cursor]) if self.rows else None
        self.filter = words
        self._select(held)

    def marked_rows(self) -> list[R]:
        """The rows that are marked, in their order; marks of rows that are gone are forgotten."""
        self.marked &= {self.key(row) for row in self.all_rows}
        return [row for row in self.all_rows if self.key(row) in self.marked]

    def mark(self, rows: Sequence[R], *, on: bool = True) -> None:
        """Mark rows, or take their marks away."""
        keys = {self.key(row) for row in rows}
        self.marked = self.marked | keys if on else self.marked - keys
        self.repaint()

    def scroll_columns(self, by: int) -> int:
        """Show later or earlier columns beside the first; returns how many are skipped now."""
        self.skipped = max(0, min(self.skipped + by, len(self.columns) - 2))
        self.repaint()
        return self.skipped

    def find(self, words: str, step: int) -> bool:
        """Put the cursor on the next row with these words, or the one before; False where there is none."""
        count = len(self.rows)
        for away in range(1, count + 1):
            at = (self.cursor + step * away) % count
            if self.has_words(self.rows[at], words):
                self.go_to(at)
                return True
        return False

    def sort_by_next(self) -> str:
        """Sort by the next column, after the last by none; returns the column's title."""
        count = len(self.columns)
        self.sorted_by = (0 if self.sorted_by is None else self.sorted_by + 1) if count else None
        if self.sorted_by == count:
            self.sorted_by = None
        self._select(None)
        return "" if self.sorted_by is None else self.columns[self.sorted_by].title

    def sort_by(self, title: str) -> None:
        """Sort by the column of a title; by none where there is none."""
        titles = [column.title for column in self.columns]
        self.sorted_by = titles.index(title) if title and title in titles else None
        self._select(None)

    def choose_columns(self, titles: Sequence[str]) -> None:
        """Show only the columns of these titles, in their order, whatever room there is; all of them for none."""
        by_title = {column.title.strip(): column for column in self.every_column}
        chosen = [msgspec.structs.replace(by_title[title], needs=0) for title in titles if title in by_title]
        self.columns, self.sorted_by, self.skipped = chosen or self.every_column, None, 0
        self._select(None)

    def move(self, rows: int) -> None:
        """Move the cursor; asking to leave the rows at either end posts Edge."""
        target = self.cursor + rows
        if rows and (target < 0 or target >= len(self.rows)) and self.cursor in (0, len(self.rows) - 1):
            is_last = self.cursor == len(self.rows) - 1
            if rows > 0 and is_last:
                self.post_message(self.Edge(forward=True))
            elif rows < 0 and self.cursor == 0:
                self.post_message(self.Edge(forward=False))
        self.go_to(target)

    def go_to(self, row: int) -> None:
        """Put the cursor on a row by its place."""
        self.cursor = max(0, min(row, len(self.rows) - 1))
        self._follow()
        self.repaint()

    @property
    def page(self) -> int:
        """Rows that fit."""
        return max(1, self.size.height - 1)

    def line_at(self, y: int, width: int) -> Line:
        """The heading, or a row of the page."""
        placed = layout(self.columns, width, self.skipped)
        if y == 0:
            return self._heading(placed)
        at = self._top + y - 1
        if not self.rows:
            text = "nothing here fits the filter" if self.all_rows else self.empty
            return ((f"  {text}", "dim"),) if y == 1 else ()
        if at >= len(self.rows):
            return ()
        row = self.rows[at]
        spans: list[Span] = []
        for column, cells in placed:
            text, tone = column.span(row)
            if not spans and self.key(row) in self.marked:
                text, tone = f"*{text.lstrip()}", "key"
            spans.append((fit(text, cells, column.align), "" if self.is_stale else tone))
            spans.append((" ", ""))
        has_cursor = at == self.cursor and (self.has_focus or self.is_led)
        return (*spans[:-1], ("", "cursor" if has_cursor else "stale" if self.is_stale else ""))

    def _heading(self, placed: list[tuple[Column[R], int]]) -> Line:
        spans: list[Span] = []
        for i, (column, cells) in enumerate(placed):
            title = self.title if i == 0 and self.title else column.title
            is_sorted = self.sorted_by is not None and self.columns[self.sorted_by] is column
            tone = "title" if (i == 0 and self.title) or is_sorted else "head"
            spans += [(fit(title, cells, column.align), tone), (" ", "")]
        return tuple(spans)

    def _select(self, held: object) -> None:
        rows = [row for row in self.all_rows if self._matches(row)]
        if self.sorted_by is not None:
            column = self.columns[self.sorted_by]
            by = column.order or (lambda row: column.span(row)[0])
            rows.sort(key=by)
        self.rows = rows
        places = {self.key(row): i for i, row in enumerate(rows)} if held is not None else {}
        self.cursor = places.get(held, min(self.cursor, max(0, len(rows) - 1)))
        self._follow()
        self.repaint()

    def _matches(self, row: R) -> bool:
        return (self.only is None or self.only(row)) and self.has_words(row, self.filter)

    def has_words(self, row: R, sought: str) -> bool:
        """Whether a row has every word, and none of those that begin with "!"."""
        if not sought:
            return True
        text = " ".join(column.span(row)[0] for column in self.columns).casefold()
        words = sought.casefold().split()
        return all((word[1:] not in text) if word[0] == "!" and word[1:] else word in text for word in words)

    def _follow(self) -> None:
        """Scroll so that the cursor is seen."""
        page = self.page
        if self.cursor < self._top:
            self._top = self.cursor
        elif self.cursor >= self._top + page:
            self._top = self.cursor - page + 1
        self._top = max(0, min(self._top, len(self.rows) - page))

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._follow()
        self.refresh()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.repaint()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.repaint()

    def on_click(self, event: events.Click) -> None:
        """Select a row; a second click opens it."""
        at = self._top + event.y - 1
        if event.y > 0 and at < len(self.rows):
            if at == self.cursor and event.chain > 1:
                self.post_message(self.Opened())
            self.go_to(at)

    def on_mouse_scroll_down(self) -> None:
        """Three rows down."""
        self.go_to(self.cursor + 3)

    def on_mouse_scroll_up(self) -> None:
        """Three rows up."""
        self.go_to(self.cursor - 3)
