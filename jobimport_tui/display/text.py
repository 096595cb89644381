"""Text by cell width: a wide character takes two cells, and a cut never leaves half of one."""

import re
from typing import Literal

from rich.cells import cell_len, set_cell_size

from workers.feeds.text import inert

Align = Literal["left", "right"]
ELLIPSIS = "…"
LONGEST = 400
"""Characters of one text that are looked at; what a feed wrote may be a megabyte."""


# Joiners, fillers, selectors: they show nothing, and terminals differ on how wide they make what they stand beside.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u3164\ufe00-\ufe0f\uffa0"
    "\U0001d173-\U0001d17a\U000e0100-\U000e01ef]"
)
_MARK = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_PILE = re.compile(f"({_MARK}{{2}}){_MARK}+")


def safe(text: str) -> str:
    """Text that anybody may have written, as one line that a terminal only shows, as wide as it says."""
    return safe_up_to(text, LONGEST)


def safe_up_to(text: str, limit: int) -> str:
    """The same with a bound of the caller's own."""
    shown = inert(text, limit)
    return shown if shown.isascii() else _PILE.sub(r"\1", _UNSEEN.sub("", shown))


def cut(text: str, width: int) -> str:
    """Text in at most `width` cells, with an ellipsis where something is missing."""
    if width <= 0:
        return ""
    if len(text) <= width and text.isascii():
        return text
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + ELLIPSIS


def fit(text: str, width: int, align: Align = "left") -> str:
    """Text in exactly `width` cells. A number that does not fit says so with "#": half of one would lie."""
    if width <= 0:
        return ""
    if align == "right" and cell_len(text) > width and text[:1].isdigit():
        return "#" * width
    shown = cut(text, width)
    space = " " * (width - cell_len(shown))
    return space + shown if align == "right" else shown + space


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at spaces where there are any."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if cell_len(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while cell_len(line) > width:
            head = set_cell_size(line, width).rstrip()
            head = head or line[0]
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line]
