"""Lone surrogates that JSON spells out, replaced: its grammar allows "\\ud800", no text can hold it, parsers die of it.

Who cuts a text in the middle of an emoji leaves one behind. What is replaced says U+FFFD in its place.
"""

import re

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_UNFINISHED = re.compile(rb"\\(?:u(?:[0-9a-fA-F]{0,3}|[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?))?\Z")
_LONGEST = 11  # bytes of an escape of a pair that one more would end
_REPLACEMENT = rb"\ufffd"


class WithoutLoneSurrogates:
    """Filter of JSON's bytes; however they are cut, an escape is looked at whole."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes, give those before an escape that may go on."""
        data = self._held + chunk if self._held else chunk
        end = _end(data)
        self._held = data[end:]
        return _replaced(data[:end])

    def close(self) -> bytes:
        """Give what was held back."""
        data, self._held = self._held, b""
        return _replaced(data)


def _replaced(data: bytes) -> bytes:
    if b"\\ud" not in data and b"\\uD" not in data:
        return data
    return _ESCAPE.sub(lambda match: _REPLACEMENT if match["lone"] else match.group(), data)


def _end(data: bytes) -> int:
    """Where an escape begins that is not whole yet, or may be half of a pair; else the end."""
    match = _UNFINISHED.search(data, max(len(data) - _LONGEST, 0))
    while match is not None:
        before = data[: match.start()]
        # An odd number of backslashes before it: the last of them makes this one a plain character.
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return match.start()
        match = _UNFINISHED.search(data, match.start() + 1)
    return len(data)
