"""What the first bytes say: XML, JSON, an HTML page or no feed at all, and which encoding turns them into UTF-8.

The decision rests on the first HEAD bytes after leading white space (or on all there is), never on how the
chunks were cut. Encoding: BOM > HTTP charset > declaration > UTF-8, where what is no UTF-8 is read as cp1252.
"""

import codecs
import re
from typing import Literal, NamedTuple

from workers.errors import MalformedFeed, NotAFeed
from workers.feeds.text import inert

HEAD = 1024
Kind = Literal["xml", "json", "html"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose BOM it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})")
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_HTML = re.compile(
    r"(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,900}?-->\s*)*"
    r"<(?:!doctype\s+html|html|head|body|script|title|div|meta)\b",
    re.IGNORECASE | re.DOTALL,
)
# Codecs of Python that are no encodings of documents, and some that can be made to run long.
_NOT_FOR_DOCUMENTS = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "utf-7", "undefined", "charmap"}
_LATIN = {"iso8859-1", "ascii", "cp1252"}
SPACE = b" \t\r\n\x0b\x0c"


class Sniffed(NamedTuple):
    """`lenient`: nobody vouched for UTF-8, so single bytes that are none are read as cp1252.

    `opening` is how the text starts, safe to show.
    """

    kind: Kind
    encoding: str
    lenient: bool
    bom: int
    opening: str


def sniff(head: bytes, charset: str | None) -> Sniffed:
    """Recognise a document by its first bytes. Raises NotAFeed with what was found instead."""
    if not head:
        raise NotAFeed("the body is empty: expected an XML or JSON feed")
    if head.startswith(b"\x1f\x8b"):
        raise NotAFeed("the body is gzip data inside what was already inflated: expected XML or JSON")
    encoding, lenient, bom = _encoding(head, charset)
    text = head[bom:].decode(encoding, "replace").lstrip("\ufeff \t\r\n\x0b\x0c")
    opening = inert(text, 60)
    if text[:1] in ("{", "["):
        return Sniffed("json", encoding, lenient, bom, opening)
    if text[:1] != "<":
        raise NotAFeed(f"the body starts with {opening!r}: expected an XML or JSON feed")
    return Sniffed("html" if _HTML.match(text) else "xml", encoding, lenient, bom, opening)


def _encoding(head: bytes, charset: str | None) -> tuple[str, bool, int]:
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name, False, len(bom)
    for pattern, name in ((b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be")):
        if head.startswith(pattern):
            return name, False, 0
    if head[:1] in (b"{", b"[") and head[1:2] == b"\x00":
        return ("utf-32-le" if head[2:4] == b"\x00\x00" else "utf-16-le"), False, 0
    match = _DECLARED.match(head) or _META.search(head)
    declared = known_encoding(match.group(1).decode("ascii")) if match else None
    if declared is not None and declared.startswith(("utf-16", "utf-32")):
        declared = None  # its declaration could be read byte by byte: it is not what it says
    stated = known_encoding(charset) if charset else None
    if stated is not None and stated.startswith(("utf-16", "utf-32")):
        stated = None  # same: the NUL bytes it would need are not there
    if stated in _LATIN and declared == "utf-8":
        return "utf-8", True, 0  # a server's default against the document's own word
    chosen = stated or declared
    if chosen is None:
        return "utf-8", True, 0
    return ("cp1252" if chosen in _LATIN else chosen), False, 0


def known_encoding(name: str) -> str | None:
    """Python's name of an encoding, None for what is no encoding of documents."""
    try:
        found = codecs.lookup(name.strip().strip("\"'")).name
        b"<".decode(found, "replace")  # LookupError for codecs that are not of text
    except (LookupError, ValueError, UnicodeError):
        return None
    return None if found.replace("_", "-") in _NOT_FOR_DOCUMENTS else found


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    byte = error.object[error.start : error.start + 1]
    return byte.decode("cp1252", "replace"), error.start + 1


codecs.register_error("jobimport-cp1252", _as_cp1252)


class Recoder:
    """Turns chunks of one encoding into chunks of UTF-8. Pure UTF-8 passes untouched: the parser checks it."""

    def __init__(self, encoding: str, *, lenient: bool) -> None:
        self._encoding = encoding
        self._decode = None
        if encoding != "utf-8" or lenient:
            errors = "jobimport-cp1252" if lenient else "replace" if encoding == "cp1252" else "strict"
            self._decode = codecs.getincrementaldecoder(encoding)(errors)

    def recode(self, chunk: bytes, *, final: bool = False) -> bytes:
        """UTF-8 for a chunk. Raises MalformedFeed for bytes the encoding does not have."""
        if self._decode is None:
            return chunk
        try:
            return self._decode.decode(chunk, final).encode("utf-8", "replace")
        except UnicodeError as error:
            reason = inert(str(getattr(error, "reason", error)), 80)
            raise MalformedFeed(f"the body is not {self._encoding} as it says: {reason}") from error
