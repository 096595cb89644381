"""lxml's nodes made into what paths read: names with their prefixes as written, attributes, children, texts.

Names keep their prefixes, since the URI behind `job_listing:` is the site's own address; a prefix that nothing
declares is part of the name. References that nothing declares are HTML's (&nbsp;) or an error.
"""

from functools import partial
from html.entities import html5
from typing import Any

from lxml import etree as _etree  # pyright: ignore[reportAttributeAccessIssue]

from workers.errors import MalformedFeed, TooLarge
from workers.feeds.element import Attributes, Element, Scanned, Shape
from workers.feeds.limits import MAX_ATTRIBUTES, MAX_NAME_BYTES, MAX_NAMES
from workers.feeds.text import inert

_entity: Any = _etree.Entity  # pyright: ignore[reportUnknownMemberType]

_XML = "http://www.w3.org/XML/1998/namespace"
_SHAPES, _LONG_SHAPE = 500, 200  # kept; the shape of more children than that is made anew


class Scanner:
    """Knows the names of one document. Every method raises TooLarge; those that read texts, MalformedFeed."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # name as lxml gives it -> as written
        self._size = 0
        self._shapes: dict[tuple[str, ...], Shape] = {}  # by the children's names

    def name(self, node: Any) -> str:
        """An element's name with its prefix."""
        tag = node.tag
        return self._names.get(tag) or self._learn(tag, node)

    def attributes(self, node: Any) -> Attributes:
        """An element's attributes, without declarations of namespaces."""
        pairs: list[tuple[str, str]] = node.items()
        if len(pairs) > MAX_ATTRIBUTES:
            raise TooLarge(f"line {node.sourceline}: over {MAX_ATTRIBUTES} attributes in a tag")
        names = self._names
        return {names.get(name) or self._learn(name, node): value for name, value in pairs}

    def namespace(self, declared: tuple[str, str], line: int) -> None:
        """A namespace is declared: its prefix and URI."""
        self._count(" ".join(declared), "", line)

    def item(self, node: Any) -> Scanned:
        """An item: its children scanned once."""
        names = self._names
        written: list[str] = []
        parts: list[Element] = []
        for child in node:
            tag = child.tag
            name = names.get(tag)
            if name is None:
                if tag is _entity:
                    _character(child)
                    continue
                name = self._learn(tag, child)
            written.append(name)
            if len(child):
                parts.append(self.element(child))
            else:
                text = child.text
                attributes = self.attributes(child) if child.keys() else {}
                parts.append([name, attributes, text] if text else [name, attributes])
        key = tuple(written)
        shape = self._shapes.get(key) or self._shape(key)
        return self.attributes(node) if node.keys() else {}, parts, shape, partial(self.element, node)

    def element(self, node: Any) -> Element:
        """An element with all that is in it."""
        names = self._names
        text = node.text
        found: Element = [self.name(node), self.attributes(node)]
        if text:
            found.append(text)
        for child in node:
            tag = child.tag
            if tag is _entity:
                found.append(_character(child))
            elif len(child):
                found.append(self.element(child))
            else:
                text = child.text
                attributes = self.attributes(child) if child.keys() else {}
                name = names.get(tag) or self._learn(tag, child)
                found.append([name, attributes, text] if text else [name, attributes])
            tail = child.tail
            if tail:
                found.append(tail)
        return found

    def _shape(self, names: tuple[str, ...]) -> Shape:
        shape = Shape(names)
        if len(names) <= _LONG_SHAPE:
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            self._shapes[names] = shape
        return shape

    def _learn(self, name: str, node: Any) -> str:
        """Of an element, or of an attribute of it."""
        uri, brace, local = name.rpartition("}")
        prefix = ""
        if brace:
            prefix = node.prefix if name == node.tag else _prefix(uri[1:], node)
        return self._count(name, f"{prefix}:{local}" if prefix else local, node.sourceline)

    def _count(self, name: str, written: str, line: int) -> str:
        """libxml2 forgets no name as long as its thread lives: hence the bounds."""
        if name in self._names:
            return written
        self._size += len(name)
        if len(self._names) >= MAX_NAMES:
            raise TooLarge(f"line {line}: over {MAX_NAMES} different names")
        if self._size > MAX_NAME_BYTES:
            raise TooLarge(f"line {line}: different names of over {MAX_NAME_BYTES} characters")
        self._names[name] = written
        return written


def is_reference(node: Any) -> bool:
    """Whether a node is no element but a reference that nothing declares."""
    return node.tag is _entity


def _prefix(uri: str, node: Any) -> str | None:
    """Of an attribute: never the default namespace."""
    if uri == _XML:
        return "xml"
    return next((prefix for prefix, known in node.nsmap.items() if known == uri and prefix), None)


def _character(entity: Any) -> str:
    """What a reference stands for in HTML."""
    text = html5.get(f"{entity.name};")
    if text is None:
        raise MalformedFeed(f"line {entity.sourceline}: &{inert(entity.name, 60)}; is an entity that nothing declares")
    return text
