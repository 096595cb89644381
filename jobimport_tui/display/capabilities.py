"""What the terminal at hand can show and take, from what it says of itself. Asked once, before the first paint."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from workers.settings import ConsoleSettings

Wrap = Literal["", "tmux", "screen"]
NO_UNICODE = frozenset(("dumb", "linux", "vt100", "vt220", "ansi"))
"""Terminals that show question marks where others show boxes and ticks."""

ERASING = frozenset(("xterm", "linux", "alacritty", "foot", "konsole", "rxvt", "vte", "wezterm"))
"""Families of terminals that fill what they erase with the background of the pen; not by terminfo: that costs 5 ms."""

RICH = frozenset(("kitty", "alacritty", "foot", "ghostty"))


class Capabilities(msgspec.Struct, frozen=True):
    """`ascii_only`: no glyphs beyond ASCII. `own_colours`: the terminal's 16 colours and background, light or dark.

    `wrap` is what a sequence for the outer terminal has to be wrapped in. `erases`: what it
    erases gets the background of the pen, in a part of a row, too.
    """

    ascii_only: bool = False
    own_colours: bool = False
    mouse: bool = True
    diff: bool = True
    wrap: Wrap = ""
    erases: bool = False


def capabilities(environ: Mapping[str, str], encoding: str | None, asked: "ConsoleSettings") -> Capabilities:
    """Decide by environment and settings; a setting that is not "auto" has the last word."""
    term = environ.get("TERM", "")
    is_utf8 = (encoding or "").lower().replace("-", "") == "utf8"
    is_far = bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))
    return Capabilities(
        ascii_only=asked.ascii or not is_utf8 or term in NO_UNICODE,
        own_colours=asked.theme == "terminal" or (asked.theme == "auto" and has_few_colours(environ)),
        mouse=asked.mouse == "on" or (asked.mouse == "auto" and not is_far),
        diff=asked.diff and term not in ("", "dumb"),
        wrap="tmux" if environ.get("TMUX") else "screen" if environ.get("STY") else "",
        erases=erases(environ),
    )


def erases(environ: Mapping[str, str]) -> bool:
    """Whether blanks may be erased in colour (bce, ech of terminfo). GNU screen erases in its own background."""
    return environ.get("TERM", "").partition("-")[0] in ERASING and not environ.get("STY")


def has_few_colours(environ: Mapping[str, str]) -> bool:
    """Whether it has 16 colours or fewer, or its user wants none (no-color.org)."""
    if environ.get("NO_COLOR"):
        return True
    if environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        return False
    term = environ.get("TERM", "")
    return not ("256" in term or "direct" in term or any(name in term for name in RICH))
