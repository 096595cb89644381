"""Text from a feed that is safe to show and to store: no control characters, no bidi tricks, bounded."""

import re

# C0 but tab and line feed, DEL, C1, lone surrogates, non-characters: never part of honest text.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff]")
# Besides those, what reorders or hides text on a terminal: bidi controls, tag characters, zero width space.
_UNSHOWABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
_ASCII_CONTROLS = bytes(code for code in (*range(32), 127) if code not in b"\t\n")
_BREAKS = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]+")

ELLIPSIS = "…"


def without_controls(text: str) -> str:
    """Text of several lines without control characters; carriage returns become line feeds."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return text.encode("ascii").translate(None, _ASCII_CONTROLS).decode("ascii")
    return _CONTROLS.sub("", text)


def one_line(text: str) -> str:
    """Text of one line: controls and bidi controls dropped, white space collapsed."""
    if not text.isprintable():
        text = _UNSHOWABLE.sub("", _BREAKS.sub(" ", text))
    return " ".join(text.split())


def inert(text: str, limit: int = 200) -> str:
    """Text on one line that cannot steer a terminal, at most `limit` characters, an ellipsis for the rest."""
    shown = one_line(text[: limit * 8])
    if len(shown) <= limit and len(text) <= limit * 8:
        return shown
    return shown[: max(limit - 1, 0)] + ELLIPSIS
