"""What the terminal shows, cell by cell, and the fewest bytes that make it show something else.

Textual sends every region that it repaints as a whole, one SGR a segment. Here its segments are put into a grid, and
only cells that differ from what was sent are sent, with short moves and only the attributes that change.

Last line of defence, too: no control character that is in a segment reaches the terminal.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import split_graphemes
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

LONGEST_CLUSTER = 8
"""Code points in one cell; what stands on top of that is a joke on the reader."""

# What steers a terminal (C0, DEL, C1) or moves what stands beside it (bidi controls, line separators, tags).
_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# Characters of whose width all terminals are of one mind: our glyphs, and the plain wide scripts.
_CERTAIN = re.compile(
    "[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u0587\u2010-\u2027\u2030-\u205e\u2190-\u2193\u2500-\u25ff"
    "\u2713\u2717\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]*"
)
_SEEN_ON_BLANKS = frozenset(("4", "5", "7", "9", "21", "53"))  # underlines, blinking, reverse, strike, overline


class Pen(NamedTuple):
    """How a cell is painted: SGR parameters of its foreground, background ("" for the terminal's own), attributes."""

    fg: str = ""
    bg: str = ""
    attributes: frozenset[str] = frozenset()


Cell = tuple[str, Pen]
"""A character with what combines with it, "" for the right half of a wide one; and its pen."""

PLAIN = Pen()
UNKNOWN: Cell = ("\0", PLAIN)
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29"}
_BITS = ("bold", "dim", "italic", "underline", "blink", "blink2", "reverse", "conceal", "strike")
_CODES = ("1", "2", "3", "4", "5", "6", "7", "8", "9")


SHORTEST_TAIL, SHORTEST_GAP = 4, 10
"""Blanks from which on it is shorter to erase them: to the end of a row (EL), and within it (ECH and a move)."""


class Cells:
    """A grid of what is shown and one of what is wanted.

    `erases`: the terminal fills what it erases with the pen's background, and can erase a part of a row.
    """

    def __init__(self, colours: ColorSystem | None = ColorSystem.TRUECOLOR, *, erases: bool = False) -> None:
        self.width = self.height = 0
        self._erases = erases
        self._colours = colours
        self._shown: list[list[Cell]] = []
        self._wanted: list[list[Cell]] = []
        self._changed: set[int] = set()
        self._pens: dict[Style | None, Pen] = {None: PLAIN}

    def resize(self, width: int, height: int) -> None:
        """Begin anew where the size is another: what a terminal made of the old screen is its own affair."""
        if (width, height) != (self.width, self.height):
            self.width, self.height = width, height
            self._wanted = [[(" ", PLAIN)] * width for _ in range(height)]
            self.forget()

    def forget(self) -> None:
        """Something else has written on the terminal: every cell is sent again."""
        self._shown = [[UNKNOWN] * self.width for _ in range(self.height)]
        self._changed = set(range(self.height))

    def put(self, x: int, y: int, segments: Iterable[Segment]) -> None:
        """Want these from a place on; what does not fit the row is cut."""
        if not 0 <= y < self.height:
            return
        row, begun = self._wanted[y], x
        for text, style, control in segments:
            if control:
                continue
            pen = self._pen(style)
            blank = (" ", self._blank(pen))
            if text.isascii() and text.isprintable():
                cells: Iterable[Cell] = [blank if character == " " else (character, pen) for character in text]
            else:
                cells = _clusters(text, pen, blank)
            for cell in cells:
                if 0 <= x < self.width:
                    row[x] = cell
                x += 1
        _mend(row, begun - 1)
        _mend(row, min(x, self.width) - 1)
        self._changed.add(y)

    def changes(self) -> str:
        """Text that makes the terminal show what is wanted; "" where it does. Leaves the pen as it was."""
        out = _Writer(self.width)
        for y in sorted(self._changed):
            self._row(out, y)
        self._changed.clear()
        return out.text()

    @property
    def is_behind(self) -> bool:
        """Whether something was put that has not been sent."""
        return bool(self._changed)

    def _row(self, out: "_Writer", y: int) -> None:
        wanted, shown = self._wanted[y], self._shown[y]
        if wanted == shown:
            return
        is_doubtful = False
        erased = 0
        for x, cell in enumerate(wanted):
            before = shown[x]
            if x < erased or (cell == before and not is_doubtful):
                continue
            if cell[0] == " " and (erased := self._erase(out, x, y, is_doubtful=is_doubtful)):
                continue
            # Terminals differ on how wide these are: whatever follows in the row is put in its place again.
            if not is_doubtful:
                is_doubtful = not (_CERTAIN.fullmatch(cell[0]) and (before is UNKNOWN or _CERTAIN.fullmatch(before[0])))
            if cell[0]:
                out.cell(x, y, cell, wanted)
        shown[:] = wanted

    def _erase(self, out: "_Writer", x: int, y: int, *, is_doubtful: bool) -> int:
        """Erase blanks from a place on where that is shorter than writing them; returns where they end, else 0."""
        wanted, shown = self._wanted[y], self._shown[y]
        pen = wanted[x][1]
        if pen.attributes or (pen.bg and not self._erases):
            return 0
        end = x
        while end < self.width and wanted[end] == wanted[x]:
            end += 1
        if end == self.width:
            if end - x >= SHORTEST_TAIL:
                out.erase(x, y, 0, pen, wanted)
                return end
            return 0
        while end > x and shown[end - 1] == wanted[x]:
            end -= 1
        is_certain = not is_doubtful and all(cell is UNKNOWN or _CERTAIN.fullmatch(cell[0]) for cell in shown[x:end])
        if end - x < SHORTEST_GAP or not self._erases or not is_certain:
            return 0
        out.erase(x, y, end - x, pen, wanted)
        return end

    def _pen(self, style: Style | None) -> Pen:
        pen = self._pens.get(style)
        if pen is None and style is not None:
            pen = self._pens[style] = _pen(style, self._colours)
        return pen or PLAIN

    def _blank(self, pen: Pen) -> Pen:
        """Ink does not show where nothing is written."""
        return pen if pen.attributes & _SEEN_ON_BLANKS else Pen(bg=pen.bg)


class _Writer:
    """Collects the bytes of one frame; knows where the terminal's cursor is and with what pen it writes."""

    def __init__(self, width: int) -> None:
        self._out: list[str] = []
        self._width = width
        self._x, self._y = -1, -1
        self._pen = PLAIN

    def cell(self, x: int, y: int, cell: Cell, row: list[Cell]) -> None:
        """Write a cell where it belongs."""
        if (x, y) != (self._x, self._y):
            self._move(x, y, row)
        character, pen = cell
        self._take(pen, is_blank=character == " ")
        self._out.append(character)
        wide = x + 1 < self._width and not row[x + 1][0]
        self._x = x + 1 + wide
        if self._x < self._width and not _CERTAIN.fullmatch(character):
            self._x = -1  # by our count; the terminal may have counted otherwise

    def erase(self, x: int, y: int, count: int, pen: Pen, row: list[Cell]) -> None:
        """Make blanks of so many cells, 0 for all to the end of the row; the cursor stays before them."""
        if (x, y) != (self._x, self._y):
            self._move(x, y, row)
        self._take(pen, is_blank=True)
        self._out.append(f"\x1b[{count}X" if count else "\x1b[K")

    def text(self) -> str:
        """The frame."""
        if self._pen != PLAIN:
            self._out.append("\x1b[m")
        return "".join(self._out)

    def _move(self, x: int, y: int, row: list[Cell]) -> None:
        if y == self._y and 0 <= self._x < x:
            move = f"\x1b[{x - self._x}C" if x - self._x > 1 else "\x1b[C"
            between = row[self._x : x]
            if len(between) <= len(move) and all(c.isascii() and c and self._suits(c, p) for c, p in between):
                move = "".join(character for character, _ in between)
            self._out.append(move)
        elif y == self._y:
            self._out.append(f"\x1b[{x + 1}G")
        elif y == self._y + 1 and self._y >= 0 and x == 0:
            self._out.append("\r\n")
        else:
            self._out.append(f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H")
        self._x, self._y = x, y

    def _suits(self, character: str, pen: Pen) -> bool:
        """Whether a cell can be written with the pen as it is."""
        if character == " " and not pen.attributes:
            return pen.bg == self._pen.bg and not self._pen.attributes & _SEEN_ON_BLANKS
        return pen == self._pen

    def _take(self, pen: Pen, *, is_blank: bool) -> None:
        if pen == self._pen or (is_blank and self._suits(" ", pen)):
            return
        gone = self._pen.attributes - pen.attributes
        ways = [";".join(_steps(self._pen, pen))]
        if gone:
            ways.append(";".join(["0", *_steps(PLAIN, pen)]) if pen != PLAIN else "")
        self._out.append(f"\x1b[{min(ways, key=len)}m")
        self._pen = pen


def _steps(before: Pen, pen: Pen) -> list[str]:
    """SGR parameters that make one pen of another: attributes off, attributes on, inks."""
    off = {_OFF[code] for code in before.attributes - pen.attributes}
    on = pen.attributes - before.attributes
    if "22" in off:  # ends both bold and faint
        on |= pen.attributes & {"1", "2"}
    if "25" in off:
        on |= pen.attributes & {"5", "6"}
    codes = [*sorted(off), *sorted(on)]
    if pen.fg != before.fg:
        codes.append(pen.fg or "39")
    if pen.bg != before.bg:
        codes.append(pen.bg or "49")
    return codes


def _clusters(text: str, pen: Pen, blank: Cell) -> Iterable[Cell]:
    """Cells of text that is more than ASCII."""
    text = _STEERING.sub("", text)
    spans, _ = split_graphemes(text)
    for start, end, width in spans:
        if width > 0:
            cluster = text[start : min(end, start + LONGEST_CLUSTER)]
            yield blank if cluster == " " else (cluster, pen)
            if width > 1:
                yield "", pen


def _mend(row: list[Cell], x: int) -> None:
    """No half of a wide character stays where the other was written over, or has no room: both become blanks."""
    if not 0 <= x < len(row):
        return
    character, pen = row[x]
    has_right = x + 1 < len(row) and not row[x + 1][0]
    if has_right and (not character or not _is_wide(character)):
        row[x + 1] = (" ", Pen(bg=row[x + 1][1].bg))
    elif not has_right and character and _is_wide(character):
        row[x] = (" ", Pen(bg=pen.bg))


def _is_wide(cluster: str) -> bool:
    return not cluster.isascii() and split_graphemes(cluster)[1] > 1


def _pen(style: Style, colours: ColorSystem | None) -> Pen:
    attributes = frozenset(code for bit, code in zip(_BITS, _CODES, strict=True) if getattr(style, bit))
    if colours is None:
        return Pen(attributes=attributes)
    fg = style.color.downgrade(colours).get_ansi_codes() if style.color else ()
    bg = style.bgcolor.downgrade(colours).get_ansi_codes(foreground=False) if style.bgcolor else ()
    return Pen(_own(";".join(fg), "39"), _own(";".join(bg), "49"), attributes)


def _own(codes: str, default: str) -> str:
    return "" if codes == default else codes
