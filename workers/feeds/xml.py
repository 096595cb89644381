"""XML as it arrives: cuts a document into items and holds one of them at a time.

expat and not lxml's pull parser: equally fast here (85-109 against 75-127 MB/s on 2 KB items), but no tree to
prune, every bound checked where it is crossed, a document type's declarations refused before they are read,
prefixes as written (the URI behind `job_listing:` is the site's own address) and undeclared ones harmless, and
HTML's named entities resolved instead of fatal. Items are `Element`s: [name, attributes, text or Element, ...].
"""

from collections.abc import Callable, Collection
from html.entities import html5
from typing import Any
from xml.parsers import expat

from workers.errors import BodyTruncated, JobImportError, MalformedFeed, NotAFeed, TooLarge
from workers.feeds.limits import MAX_ATTRIBUTES, MAX_DEPTH, MAX_ITEM, MAX_NAMES, MAX_NODES, MAX_TOKEN, SLICE
from workers.feeds.text import inert

Element = list[Any]

_CUT_SHORT = {
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_ASYNC_ENTITY,
    )
}


def local_name(name: str) -> str:
    """An element's name without its prefix, in lower case."""
    return name.rpartition(":")[2].lower()


class XmlSplitter:
    """Push parser of XML: `items` fills up as elements that `choose` named are closed.

    `choose(root name, root attributes)` is called at the root and answers which local names are items; it may
    raise NotAFeed. Texts of elements outside items whose local name is in `wanted` are kept in `facts`.
    """

    def __init__(self, choose: Callable[[str, dict[str, str]], Collection[str]], wanted: Collection[str]) -> None:
        self.items: list[Element] = []
        self.facts: dict[str, str] = {}
        self.complete = False
        self._choose = choose
        self._wanted = wanted
        self._names: dict[str, str] = {}  # name as written -> local name
        self._item_names: Collection[str] = ()
        self._open: list[Element] = []  # ancestors of _top inside the item
        self._top: Element | None = None
        self._fact: list[str] | None = None
        self._depth = 0
        self._nodes = 0
        self._item_from = 0
        self._fed = 0
        self._parser = self._new_parser()

    def _new_parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.buffer_size = SLICE
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = self._doctype
        parser.SkippedEntityHandler = self._entity
        # Makes an entity that nothing declares skipped, not fatal; nothing is loaded.
        parser.UseForeignDTD(True)
        parser.ExternalEntityRefHandler = _load_nothing
        return parser

    def feed(self, chunk: bytes) -> None:
        """Parse UTF-8 bytes. Raises NotAFeed, MalformedFeed or TooLarge; `items` before that stay valid."""
        for start in range(0, len(chunk), SLICE):
            part = chunk[start : start + SLICE]
            self._fed += len(part)
            self._parse(part, final=False)
            reached = self._parser.CurrentByteIndex
            if self._fed - reached > MAX_TOKEN + SLICE:
                raise TooLarge(f"line {self._parser.CurrentLineNumber}: one tag is over {MAX_TOKEN} bytes")
            if self._top is not None and reached - self._item_from > MAX_ITEM:
                raise TooLarge(f"line {self._parser.CurrentLineNumber}: one item is over {MAX_ITEM} bytes")

    def close(self) -> None:
        """End of input. Raises BodyTruncated if the root element is still open."""
        self._parse(b"", final=True)

    def _parse(self, part: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(part, final)
        except expat.ExpatError as error:
            raise self._failure(error, final=final) from error
        except JobImportError:
            raise
        except ValueError as error:
            raise MalformedFeed(f"line {self._parser.CurrentLineNumber}: {inert(str(error), 120)}") from error

    def _failure(self, error: expat.ExpatError, *, final: bool) -> JobImportError:
        place = f"line {error.lineno}, column {error.offset + 1}"
        reason = expat.ErrorString(error.code)
        if final and not self.complete and error.code in _CUT_SHORT:
            inside = f" inside <{inert(self._top[0], 60)}>" if self._top else ""
            return BodyTruncated(f"{place}: the XML ends{inside} before its root element is closed")
        return MalformedFeed(f"{place}: {reason}: expected well-formed XML")

    def _doctype(self, name: str, _system: str | None, _public: str | None, has_subset: int) -> None:
        if name.lower() == "html":
            raise NotAFeed("the body is an HTML page: expected an XML or JSON feed")
        if has_subset:
            line = self._parser.CurrentLineNumber
            raise MalformedFeed(f"line {line}: the document declares its own entities: refused as unsafe")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooLarge(f"line {self._parser.CurrentLineNumber}: elements nested over {MAX_DEPTH} deep")
        if len(attributes) > MAX_ATTRIBUTES:
            raise TooLarge(f"line {self._parser.CurrentLineNumber}: over {MAX_ATTRIBUTES} attributes in a tag")
        top = self._top
        if top is not None:
            node: Element = [name, attributes]
            top.append(node)
            self._open.append(top)
            self._top = node
            self._nodes += 1
            if self._nodes > MAX_NODES:
                raise TooLarge(f"line {self._parser.CurrentLineNumber}: over {MAX_NODES} elements in one item")
            if name not in self._names:
                self._learn(name)
            return
        local = self._names.get(name) or self._learn(name)
        if self._depth == 1:
            self._item_names = self._choose(name, attributes)
        elif local in self._item_names:
            self._top = [name, attributes]
            self._nodes = 0
            self._item_from = self._parser.CurrentByteIndex
        elif local in self._wanted:
            self._fact = []

    def _learn(self, name: str) -> str:
        if len(self._names) >= MAX_NAMES:
            raise TooLarge(f"line {self._parser.CurrentLineNumber}: over {MAX_NAMES} different element names")
        local = self._names[name] = local_name(name)
        return local

    def _end(self, name: str) -> None:
        self._depth -= 1
        top = self._top
        if top is not None:
            if self._open:
                self._top = self._open.pop()
            else:
                self.items.append(top)
                self._top = None
        elif self._fact is not None:
            self.facts[self._names[name]] = "".join(self._fact).strip()[:200]
            self._fact = None
        elif self._depth == 0:
            self.complete = True

    def _data(self, text: str) -> None:
        if self._top is not None:
            self._top.append(text)
        elif self._fact is not None:
            self._fact.append(text[:200])

    def _entity(self, name: str, is_parameter: bool) -> None:
        if is_parameter:
            return
        text = html5.get(f"{name};")
        if text is None:
            line = self._parser.CurrentLineNumber
            raise MalformedFeed(f"line {line}: &{inert(name, 60)}; is an entity that nothing declares")
        self._data(text)


def _load_nothing(*_reference: str | None) -> int:
    """Tells expat that an external entity was read: it is empty."""
    return 1
