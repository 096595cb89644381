"""What stands before the root element: read here and left out, so that the parser meets none of it.

A document type's own declarations are refused unread. In place of all that, the parser gets a document type that
names an external subset (never loaded): an entity that nothing declares, such as &nbsp;, is then a reference left in
the tree and not the end of the document (XML 1.0, 4.1). The declaration's encoding is sniff.py's business.
"""

import re

from workers.errors import MalformedFeed, NotAFeed, TooLarge
from workers.feeds.limits import MAX_PROLOGUE

DOCTYPE = b"<!DOCTYPE a SYSTEM ''>"

_PIECE = re.compile(
    rb"\s+|<\?.*?\?>|<!--.*?-->"
    rb"|<!DOCTYPE\s+(?P<name>[^\s>\[]+)(?:[^>\[\"']|\"[^\"]*\"|'[^']*')*+(?P<end>[>\[])",
    re.DOTALL | re.IGNORECASE,
)


class Prologue:
    """Holds bytes back until the root element begins."""

    def __init__(self) -> None:
        self._held = b""
        self._read = 0

    def feed(self, chunk: bytes) -> bytes:
        """What the parser is to read, b"" while the root is not reached. Raises NotAFeed, MalformedFeed, TooLarge."""
        self._held += chunk
        if b">" not in chunk and len(self._held) <= MAX_PROLOGUE:
            return b""
        while piece := _PIECE.match(self._held, self._read):
            self._check(piece)
            self._read = piece.end()
        if self._read > MAX_PROLOGUE:
            raise self._too_long()
        rest = self._held[self._read :]
        if _may_go_on(rest):
            if len(self._held) > MAX_PROLOGUE:
                raise self._too_long()
            return b""
        before = self._held[: self._read]
        # The root keeps its line and, but for the first line, its column.
        return DOCTYPE + b"\n" * before.count(b"\n") + b" " * (len(before) - 1 - before.rfind(b"\n")) + rest

    @property
    def line(self) -> int:
        """The line that was reached."""
        return self._held.count(b"\n") + 1

    def _check(self, piece: re.Match[bytes]) -> None:
        if piece["end"] is None:
            return
        if piece["name"].lower() == b"html":
            raise NotAFeed("the body is an HTML page: expected an XML or JSON feed")
        if piece["end"] == b"[":
            line = self._held.count(b"\n", 0, piece.end()) + 1
            raise MalformedFeed(f"line {line}: the document declares its own entities: refused as unsafe")

    def _too_long(self) -> TooLarge:
        return TooLarge(f"over {MAX_PROLOGUE} bytes before the root element")


def _may_go_on(rest: bytes) -> bool:
    """Whether these bytes may be the beginning of something that is no element."""
    return rest.startswith((b"<?", b"<!--")) or b"<!--".startswith(rest) or b"<!doctype".startswith(rest[:9].lower())
