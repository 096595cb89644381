"""XML as it arrives: cuts a document into items and holds one slice of it at a time.

lxml's pull parser builds a tree of which nothing stays but the open elements: an item is scanned once, as it ends,
and after every slice of SLICE bytes all that is closed is deleted. libxml2 bounds the depth (256) and the length of
a text (10 MB) as it goes; the other bounds are checked after a slice.
"""

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from lxml import etree as _etree  # pyright: ignore[reportAttributeAccessIssue]

from workers.errors import BodyTruncated, JobImportError, MalformedFeed, TooLarge
from workers.feeds.cut import LAST, is_cut
from workers.feeds.element import Scanned
from workers.feeds.limits import MAX_DEPTH, MAX_ITEM, MAX_NODES, MAX_TOKEN, SLICE
from workers.feeds.prologue import DOCTYPE, Prologue
from workers.feeds.scan import Scanner, is_reference
from workers.feeds.text import inert

etree: Any = _etree

_types: Any = etree.ErrorTypes
_LIMITS = {_types.ERR_RESOURCE_LIMIT, _types.ERR_NAME_TOO_LONG, _types.ERR_NO_MEMORY}
_CDATA = b"<![CDATA["
_BARE = re.compile(rb"&(?!#?\w{1,60};)")
_FACT = 8_000  # characters kept of one
NEXT_LINK = "link[@rel=next]/@href"  # of Atom (RFC 5005): the one fact that is an attribute


def local_name(name: str) -> str:
    """An element's name without its prefix, in lower case."""
    return name.rpartition(":")[2].lower()


def _pull_parser() -> Any:
    return etree.XMLPullParser(
        events=("start", "end", "start-ns"),
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )


class XmlSplitter:
    """Push parser of XML: `items` fills up as elements that `choose` named are closed.

    `choose(root name, root attributes)` is called at the root and answers which local names are items; it may
    raise NotAFeed. Texts of elements outside items whose local name is in `wanted` are kept in `facts`.
    """

    def __init__(self, choose: Callable[[str, dict[str, str]], Collection[str]], wanted: Collection[str]) -> None:
        self.items: list[Scanned] = []
        self.facts: dict[str, str] = {}
        self.complete = False
        self._choose = choose
        self._wanted = wanted
        self._item_names: Collection[str] = ()
        self._item_tags: set[str] = set()  # their names as lxml gives them
        self._prologue: Prologue | None = Prologue()
        self._parser = _pull_parser()
        self._scan = Scanner()
        self._root: Any = None
        self._item: Any = None  # the open one
        self._ended: Any = None  # the last that was closed
        self._fact: Any = None  # the open one
        self._depth = 0  # outside items
        self._nodes = 0  # events in the open item, after the slice it began in
        self._item_bytes = 0
        self._line = 1
        self._last = b""
        self._met = b""  # the last slice with an event
        self._quiet = 0  # bytes since then
        self._in_cdata = self._in_reference = False
        self._text = 0  # length of the open text when it was last asked for

    @property
    def item_names(self) -> Collection[str]:
        """Local names of items; none before the root was met."""
        return self._item_names

    def feed(self, chunk: bytes) -> None:
        """Parse UTF-8 bytes. Raises NotAFeed, MalformedFeed or TooLarge; `items` before that stay valid."""
        if self._prologue is not None and chunk:
            chunk = self._prologue.feed(chunk)
            if chunk:
                self._prologue = None
        for start in range(0, len(chunk), SLICE):
            part = chunk[start : start + SLICE]
            whole = len(part)
            if b"\0" in part:  # libxml2's searches end at it
                part = part[: part.index(b"\0")]
            self._line += part.count(b"\n")
            self._parse(part)
            if len(part) < whole:
                raise MalformedFeed(f"line {self._line}: a NUL byte: expected well-formed XML")

    def close(self) -> None:
        """End of input. Raises BodyTruncated if the root element is still open."""
        if self._prologue is not None:
            raise BodyTruncated(f"line {self._prologue.line}: the XML ends before its root element")
        self._parse(None)

    def _parse(self, part: bytes | None) -> None:
        """One slice, None for the end. What was whole before an error is taken first."""
        failure: Exception | None = None
        try:
            if part is None:
                self._parser.close()
            else:
                self._parser.feed(part)
        except etree.XMLSyntaxError as error:
            failure = error
        # At the end there is nothing new but a tag that was cut short.
        met = part is not None and self._take()
        if failure is not None:
            told = self._failure(final=part is None)
            if told is not None:
                raise told from failure
        elif part is not None:
            self._bound(part, met=met)
            self._prune()

    def _failure(self, *, final: bool) -> JobImportError | None:
        error = next((entry for entry in self._parser.feed_error_log if entry.level == etree.ErrorLevels.FATAL), None)
        if error is None:
            # Undeclared prefixes are errors too, told at the end, but the document was read.
            return None if final and self.complete else MalformedFeed(f"line {self._line}: expected well-formed XML")
        column = error.column - (len(DOCTYPE) if error.line == 1 else 0)
        place = f"line {error.line}, column {max(column, 1)}"
        reason = inert(error.message, 120)
        if "depth" in reason:
            return TooLarge(f"{place}: elements nested over 256 deep")
        if error.type in _LIMITS or "too big" in reason:
            return TooLarge(f"{place}: {reason.partition(', ')[0]}")
        if final and not self.complete and is_cut(error.type, self._last):
            inside = f" inside <{inert(self._scan.name(self._item), 60)}>" if self._item is not None else ""
            return BodyTruncated(f"{place}: the XML ends{inside} before its root element is closed")
        return MalformedFeed(f"{place}: {reason}: expected well-formed XML")

    def _take(self) -> bool:
        """Read the parser's events. True if there were any."""
        met = False
        events = self._parser.read_events()
        if self._item is not None:
            met = self._go_on(events)
            if self._item is not None:
                return met
        item = None
        for event, node in events:
            if item is not None:
                if node is item:
                    self.items.append(self._scan.item(item))
                    self._ended, item = item, None
                elif event == "start-ns":
                    self._scan.namespace(node, self._line)
                continue
            met = True
            if event == "start":
                if node.tag in self._item_tags or self._start(node):
                    item = node
            elif event == "end":
                self._end(node)
            else:
                self._scan.namespace(node, self._line)
        self._item, self._nodes, self._item_bytes = item, 0, 0
        return met

    def _go_on(self, events: Iterable[tuple[str, Any]]) -> bool:
        """More of an item that the slice before left open. True if there was any event."""
        before = self._nodes
        for event, node in events:
            self._nodes += 1
            if event == "start":
                self._scan.name(node)
                self._scan.attributes(node)
            elif event == "start-ns":
                self._scan.namespace(node, self._line)
            elif node is self._item:
                self.items.append(self._scan.item(node))
                self._ended, self._item = node, None
                return True
            if self._nodes > 2 * MAX_NODES:
                raise TooLarge(f"line {self._line}: over {MAX_NODES} elements in one item")
        return self._nodes > before

    def _start(self, node: Any) -> bool:
        """An element outside items begins. True for an item."""
        attributes = self._scan.attributes(node)
        name = self._scan.name(node)
        local = local_name(name)
        if self._root is None:
            self._root = node
            namespaces = {f"xmlns:{prefix}" if prefix else "xmlns": uri for prefix, uri in node.nsmap.items()}
            self._item_names = self._choose(name, namespaces | attributes)
        elif local in self._item_names:
            self._item_tags.add(node.tag)
            return True
        elif local in self._wanted:
            self._fact = node
        elif local == "link" and attributes.get("rel", "").lower() == "next":
            self.facts[NEXT_LINK] = attributes.get("href", "").strip()[:_FACT]
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooLarge(f"line {node.sourceline}: elements nested over {MAX_DEPTH} deep")
        return False

    def _end(self, node: Any) -> None:
        self._depth -= 1
        if node is self._fact:
            self.facts[local_name(self._scan.name(node))] = (node.text or "").strip()[:_FACT]
            self._fact = None
        elif self._depth == 0:
            self.complete = True

    def _bound(self, part: bytes, *, met: bool) -> None:
        """After a slice: how long the open item is, and how long nothing was recognised."""
        before = self._last
        self._last = part[-LAST:] if len(part) >= LAST else (before + part)[-LAST:]
        if self._item is not None:
            self._item_bytes += len(part)
            if self._item_bytes > MAX_ITEM:
                raise TooLarge(f"line {self._line}: one item is over {MAX_ITEM} bytes")
        if met:
            self._met, self._quiet, self._text = part, 0, 0
            return
        if self._quiet == 0:
            self._in_cdata = _ends_in_cdata(self._met, ends_so=False)
            self._in_reference = _BARE.search(self._met + part) is not None
        self._in_cdata = _ends_in_cdata(before[1 - len(_CDATA) :] + part, ends_so=self._in_cdata)
        self._quiet += len(part)
        if self._quiet <= (MAX_ITEM if self._in_cdata else MAX_TOKEN):
            return
        text = self._open_text()
        if text == self._text and self._in_reference:
            # libxml2 goes on looking for the semicolon, however far.
            raise MalformedFeed(f"line {self._line}: a reference without its end: expected well-formed XML")
        if text == self._text:
            raise TooLarge(f"line {self._line}: one tag is over {MAX_TOKEN} bytes")
        # Outside items texts are deleted after every slice.
        self._text = text if self._item is not None or self._fact is not None else 0
        self._quiet = 1  # not 0: no event was met

    def _open_text(self) -> int:
        """How much there is of the text that the parser is in."""
        if self._root is None:
            return 0
        leaf = self._root
        while len(leaf):
            leaf = leaf[-1]
        return len(leaf.text or "") + len(leaf.tail or "")

    def _prune(self) -> None:
        """Delete what is closed, and texts outside items.

        The last child stays, since libxml2 goes on behind it: were it gone, the parser would append to a text that
        is not the one it remembers.
        """
        node = self._root
        kept = (self._item, self._ended, self._fact)
        while node is not None and not any(node is each for each in kept):
            node.text = None
            if not len(node):
                return
            del node[:-1]
            node = node[-1]
            if is_reference(node):
                return
            node.tail = None


def _ends_in_cdata(part: bytes, *, ends_so: bool) -> bool:
    """Whether a slice ends inside a CDATA section, which libxml2 holds back until it is whole."""
    opened, closed = part.rfind(_CDATA), part.rfind(b"]]>")
    return ends_so if opened == closed else opened > closed
