"""XML that a strict parser refuses, made well-formed: the second pass over a feed that broke.

Works between the bytes and the strict splitter, an item at a time, so that memory is bounded by one item: items are
cut out by their tags alone, whatever is in them. One that is well-formed passes as it is; one that is not is mended
(bare ampersands and brackets, control characters, tags that are not closed or not opened), then read by lxml with
recover=True; what is unreadable even so is left out and counted. An item that the end of the document cuts short is
left out too.
"""

import re
from collections import Counter
from collections.abc import Collection
from html.entities import html5
from typing import Any

from lxml import etree as _etree  # pyright: ignore[reportAttributeAccessIssue]

from workers.errors import JobImportError
from workers.feeds.limits import MAX_ITEM, MAX_MARKS
from workers.feeds.prologue import DOCTYPE, Prologue

etree: Any = _etree

_SENTINEL = b"jobimport-items-begin-here"
_NOT_XML = bytes(code for code in range(32) if code not in b"\t\n\r")
_NO_CHARACTER = re.compile(rb"\xef\xbf[\xbe\xbf]|\xed[\xa0-\xbf][\x80-\xbf]")  # U+FFFE, U+FFFF, lone surrogates
_NAME = rb"[A-Za-z_][\w:.-]*+"
_TOKEN = re.compile(
    rb"<!\[CDATA\[.*?\]\]>|<!--.*?-->"
    rb"|</(?P<end>" + _NAME + rb")\s*>"
    rb"|<(?P<start>" + _NAME + rb")(?:\s++[^\s=<>/\"']++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+'))*+\s*+(?P<empty>/?)>"
    rb"|(?P<number>&\#(?:[0-9]{1,7}|x[0-9a-fA-F]{1,6});)"
    rb"|&(?P<entity>[A-Za-z][A-Za-z0-9]{1,40});"
    rb"|(?P<mark>[<&]|\]\]>)",
    re.DOTALL,
)
_MARKS = {b"<": b"&lt;", b"&": b"&amp;", b"]]>": b"]]&gt;"}


class XmlMender:
    """Filter of UTF-8 bytes. `lost` counts the items that could not be mended."""

    def __init__(self, items: Collection[str]) -> None:
        """`items` are the local names of items."""
        names = b"|".join(re.escape(name.encode()) for name in sorted(items))
        self._mark = re.compile(
            rb"<!--|<!\[CDATA\[|<(?P<close>/?)(?:[\w.-]{1,60}:)?(?:" + names + rb")(?=[\s/>])", re.IGNORECASE
        )
        self._held = bytearray()
        self._looked = 0  # bytes of _held that hold no mark
        self._until = b""  # what ends the comment or CDATA section that is open at _looked
        self._begin: int | None = None  # of the open item, in _held
        self._tail: bytes | None = None  # what closes what the head left open; None before the first item
        self.lost = 0
        self.gave_up = ""  # never: an item costs no more time than its length

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes, give well-formed ones for the items that are whole by now."""
        self._held += _NO_CHARACTER.sub(b"?", chunk.translate(None, _NOT_XML))
        out: list[bytes] = []
        while self._step(out):
            pass
        return b"".join(out)

    def close(self) -> bytes:
        """Close what is open."""
        if self._begin is not None:
            self.lost += 1
        return bytes(self._held) if self._tail is None else self._tail

    def _step(self, out: list[bytes]) -> bool:
        """Go on to the next mark; False when more must come."""
        if self._until:
            at = self._held.find(self._until, self._looked)
            if at < 0:
                return self._wait(len(self._until))
            self._looked, self._until = at + len(self._until), b""
            return True
        match = self._mark.search(self._held, self._looked)
        if match is None:
            return self._wait(80)
        mark = match.group()
        self._looked = match.end()
        if mark == b"<!--":
            self._until = b"-->"
        elif mark.startswith(b"<!["):
            self._until = b"]]>"
        elif match["close"]:
            return self._end(match.end(), out)
        else:
            self._start(match.start(), out)
        return True

    def _wait(self, margin: int) -> bool:
        self._looked = max(len(self._held) - margin, self._looked)
        if self._begin is None and self._tail is not None:
            self._drop(self._looked)
        elif len(self._held) > MAX_ITEM:
            # Nothing that is read: an item without an end, or a comment that swallowed all that came.
            self.lost += self._begin is not None
            self._begin, self._until = None, b""
            self._drop(self._looked)
        return False

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._looked -= count

    def _start(self, at: int, out: list[bytes]) -> None:
        if self._begin is not None:
            out.append(self._mended(bytes(self._held[self._begin : at])))
        elif self._tail is None:
            head, self._tail = _opened(bytes(self._held[:at]))
            out.append(head)
        self._drop(at)
        self._begin = 0

    def _end(self, at: int, out: list[bytes]) -> bool:
        end = self._held.find(b">", at)
        if end < 0:
            self._looked = self._held.rfind(b"<", 0, at)
            return False
        if self._begin is not None:
            out.append(self._mended(bytes(self._held[self._begin : end + 1])))
            self._begin = None
        self._drop(end + 1)
        return True

    def _mended(self, item: bytes) -> bytes:
        is_crowded = sum(map(item.count, _MARKS)) > MAX_MARKS
        attempts = () if is_crowded else (_as_it_is, _balanced, _recovered)
        depth = (self._tail or b"").count(b"</")
        for attempt in attempts:
            item = attempt(item)
            if _is_well_formed(item, depth):
                return item
        self.lost += 1
        return b""


def _parser(*, recover: bool) -> Any:
    return etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=recover
    )


def _is_well_formed(item: bytes, depth: int) -> bool:
    """Whether the strict splitter can read it, so deep: it minds neither undeclared prefixes nor entities of HTML."""
    parser = _parser(recover=False)
    try:
        root = etree.fromstring(DOCTYPE + b"<a>" * depth + item + b"</a>" * depth, parser)
    except etree.XMLSyntaxError:
        return not any(entry.level == etree.ErrorLevels.FATAL for entry in parser.error_log)
    return all(f"{entity.name};" in html5 for entity in root.iter(etree.Entity))


def _opened(head: bytes) -> tuple[bytes, bytes]:
    """What stands before the first item, well-formed, and what closes it; raw, and nothing, where it cannot be read."""
    try:
        text = Prologue().feed(head + b"<" + _SENTINEL + b"/>")
        root = etree.fromstring(text, _parser(recover=True)) if text else None
    except (etree.XMLSyntaxError, JobImportError):
        root = None
    if root is None:
        return head, b""
    before, _, after = etree.tostring(root).partition(b"<" + _SENTINEL + b"/>")
    return before, after


def _as_it_is(item: bytes) -> bytes:
    return item


def _balanced(item: bytes) -> bytes:
    """Escape what is no markup, close what is left open, leave out what closes nothing."""
    out: list[bytes] = []
    stack: list[bytes] = []
    known: Counter[bytes] = Counter()  # how often each is in it: to look for one takes too long in a deep one
    at = 0
    for token in _TOKEN.finditer(item):
        out.append(item[at : token.start()])
        at = token.end()
        if name := token["end"]:
            if known[name]:
                while (top := stack.pop()) != name:
                    known[top] -= 1
                    out.append(b"</" + top + b">")
                known[name] -= 1
                out.append(b"</" + name + b">")
            if not stack:
                break
        elif token["start"]:
            out.append(token.group())
            if not token["empty"]:
                stack.append(token["start"])
                known[token["start"]] += 1
        else:
            out.append(_text(token))
    else:
        out.append(item[at:])
    out.extend(b"</" + name + b">" for name in reversed(stack))
    return b"".join(out)


def _text(token: re.Match[bytes]) -> bytes:
    """A mark inside text, as XML has it."""
    if number := token["number"]:
        digits = number[2:-1]
        code = int(digits[1:], 16) if digits[:1] == b"x" else int(digits)
        allowed = code in (9, 10, 13) or 32 <= code < 0xD800 or 0xDFFF < code < 0xFFFE or 0xFFFF < code < 0x110000
        return number if allowed else b""
    if entity := token["entity"]:
        return token.group() if entity.decode() + ";" in html5 else b"&amp;" + entity + b";"
    return _MARKS.get(token.group(), token.group())


def _recovered(item: bytes) -> bytes:
    """What lxml makes of it."""
    try:
        root = etree.fromstring(DOCTYPE + item, _parser(recover=True))
    except etree.XMLSyntaxError:
        return b""
    return b"" if root is None else etree.tostring(root, with_tail=False)
