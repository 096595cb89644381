"""Tables for people: on a terminal they fit, and what somebody has to read or type again is never cut."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from jobimport_tui.cli.show import cell, width

GAP = 2
CUT_LEAST = 12
"""Columns that are left of free text, however little room there is."""

READABLE = 32
"""The narrowest column in which sentences are wrapped; in less room, or to break no word, they go beneath their row."""

INDENT = 4
NOTHING = ("", "-")
WHOLE = 2000
"""Characters of a cell that is not to be cut: a bound only for what no verb prints."""


class Column:
    """One column: its title, its cells, and what may happen to it where there is no room."""

    def __init__(self, title: str, values: Sequence[object], *, is_right: bool, is_cut: bool, is_wrapped: bool) -> None:
        self.title = title
        self.is_right, self.is_cut, self.is_wrapped = is_right, is_cut, is_wrapped
        self.values = values
        self.cells = [cell(value) if is_cut else cell(value, WHOLE) for value in values]
        self.natural = self._widest()

    def _widest(self) -> int:
        return max([width(self.title), *map(width, self.cells)])

    @property
    def least(self) -> int:
        """Columns below which it is not made narrower."""
        if self.is_cut:
            return min(self.natural, max(CUT_LEAST, width(self.title)))
        if self.is_wrapped:
            longest = max(width(word) for text in [self.title, *self.cells] for word in text.split(" "))
            return min(self.natural, max(READABLE, longest))
        return self.natural

    def shorten(self) -> None:
        """Leave the year out of times that are all of this year."""
        moments = [value for value in self.values if isinstance(value, datetime)]
        year = f"{datetime.now(UTC):%Y}-"
        if moments and all(self.cells[i].startswith((year, "-")) for i in range(len(self.cells))):
            self.cells = [text.removeprefix(year) for text in self.cells]
            self.natural = self._widest()


def table(
    titles: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Iterable[str] = (),
    cut: Iterable[str] = (),
    wrap: Iterable[str] = (),
    drop: Iterable[str] = (),
) -> None:
    """Print aligned columns; in a pipe as wide as they are.

    Where a terminal is too narrow: times lose their year if it is this one; columns of `cut` are cut and columns of
    `wrap` wrapped at blanks; those of `wrap` go beneath their rows, the last named first; columns of `drop` are left
    out, in that order. What is still too wide is printed whole: ids, names, states and dates are never cut.
    """
    right, cut, wrap = set(right), set(cut), list(wrap)
    given = [list(row) for row in rows]
    columns = [
        Column(
            title,
            [row[i] for row in given],
            is_right=title in right,
            is_cut=title in cut,
            is_wrapped=title in wrap,
        )
        for i, title in enumerate(titles)
    ]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    beneath: list[Column] = []
    if room is not None:
        columns, beneath = _fitted(columns, wrap, list(drop), room)
    beneath = [column for column in beneath if any(text not in NOTHING for text in column.cells)]
    widths = [column.natural for column in columns] if room is None else _narrowed(columns, room)
    _print_row(columns, widths, [column.title for column in columns], [column.title for column in beneath], room)
    for i in range(len(given)):
        below = [column.cells[i] for column in beneath]
        _print_row(columns, widths, [column.cells[i] for column in columns], below, room)


def _fitted(columns: list[Column], wrap: list[str], drop: list[str], room: int) -> tuple[list[Column], list[Column]]:
    """The columns that stand side by side, and those that go beneath."""
    below: set[str] = set()
    given = columns
    if _total([column.natural for column in columns]) > room:
        for column in columns:
            column.shorten()
    while _total([column.least for column in columns]) > room:
        gone = wrap.pop() if wrap else drop.pop(0) if drop else None
        if gone is None:
            break
        if any(column.title == gone and column.is_wrapped for column in columns):
            below.add(gone)
        columns = [column for column in columns if column.title != gone]
    return columns, [column for column in given if column.title in below]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _narrowed(columns: Sequence[Column], room: int) -> list[int]:
    """How wide each is: the widest of those that may be narrower gives way first."""
    widths = [column.natural for column in columns]
    while _total(widths) > room:
        yielding = [i for i, column in enumerate(columns) if widths[i] > column.least]
        if not yielding:
            break
        widths[max(yielding, key=lambda i: widths[i])] -= 1
    return widths


def _print_row(
    columns: Sequence[Column], widths: Sequence[int], texts: Sequence[str], below: Sequence[str], room: int | None
) -> None:
    """One row: as many lines as its longest wrapped cell has, then what goes beneath."""
    cells = [
        wrapped(text, most) if column.is_wrapped else [_cut(text, most)]
        for column, most, text in zip(columns, widths, texts, strict=True)
    ]
    for i in range(max(map(len, cells))):
        parts = [
            _pad(lines[i] if i < len(lines) else "", most, is_right=column.is_right)
            for column, most, lines in zip(columns, widths, cells, strict=True)
        ]
        print((" " * GAP).join(parts).rstrip())
    for text in below:
        if room is not None and text not in NOTHING:
            for line in wrapped(text, max(1, room - INDENT)):
                print(" " * INDENT + line)


def wrapped(text: str, columns: int) -> list[str]:
    """A text in lines of at most so many columns, broken at blanks; a word that is wider is broken where it must."""
    lines: list[str] = []
    line = ""
    for given in text.split(" "):
        word = given
        if line and width(line) + 1 + width(word) <= columns:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
        while width(word) > columns:
            kept = _head(word, columns) or word[0]
            lines.append(kept)
            word = word[len(kept) :]
        line = word
    return [*lines, line] if line or not lines else lines


def _head(text: str, columns: int) -> str:
    """As much of a text's beginning as takes at most so many columns."""
    used = 0
    for i, character in enumerate(text):
        used += width(character)
        if used > columns:
            return text[:i]
    return text


def _cut(text: str, columns: int) -> str:
    return text if width(text) <= columns else f"{_head(text, columns - 1)}…"


def _pad(text: str, columns: int, *, is_right: bool) -> str:
    space = " " * (columns - width(text))
    return space + text if is_right else text + space
