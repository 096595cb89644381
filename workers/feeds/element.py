"""An XML item as paths see it: children by name, texts, attributes."""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from html import escape
from typing import Any

Element = list[Any]  # [name, attributes, text or Element, ...]
Attributes = dict[str, str]
_NOTHING: tuple[Element, ...] = ()


@lru_cache(maxsize=4096)
def _keys(name: str) -> tuple[str, str | None]:
    """The names under which an element can be found: as written, and its local name if it has a prefix."""
    full = name.lower()
    prefix, colon, local = full.rpartition(":")
    return full, local if colon and prefix else None


class Shape:
    """The names of an item's children, in their order, and where each is: a feed has few shapes, so it is made once.

    `exact` and `loose` tell the places of children by their name as written, and prefixed ones by local name;
    `names` are those under which something can be found.
    """

    __slots__ = ("exact", "loose", "names")

    def __init__(self, names: Sequence[str]) -> None:
        self.exact: dict[str, list[int]] = {}
        self.loose: dict[str, list[int]] = {}
        for at, name in enumerate(names):
            full, local = _keys(name)
            self.exact.setdefault(full, []).append(at)
            if local is not None:
                self.loose.setdefault(local, []).append(at)
        self.names = (*self.exact, *self.loose)


# What the XML splitter makes of an item in one pass over its children: attributes, children, their shape, and how
# to get the whole, with the texts between its children.
Scanned = tuple[Attributes, list[Element], Shape, Callable[[], Element]]


class Item:
    """An item as paths see it.

    A path's step finds what bears exactly its name, else what has the same local name under another prefix:
    `title` prefers <title> to <media:title>, and `job_listing:company` still finds <jobs:company>.
    """

    __slots__ = ("_parts", "_shape", "_whole", "attributes")

    def __init__(self, scanned: Scanned) -> None:
        self.attributes, self._parts, self._shape, self._whole = scanned

    @property
    def exact(self) -> Collection[str]:
        """Names of the children as written, in lower case."""
        return self._shape.exact

    @property
    def loose(self) -> Collection[str]:
        """Local names of the children that have a prefix."""
        return self._shape.loose

    @property
    def element(self) -> Element:
        """The whole item, in the order of the document."""
        return self._whole()

    def shape(self) -> tuple[str, ...]:
        """The names under which something can be found."""
        return self._shape.names

    def find(self, full: str, local: str) -> Sequence[Element]:
        """Children of a name; see the class for what a name matches."""
        shape = self._shape
        found = shape.exact.get(full)
        if found is None:
            found = shape.loose.get(local)
            if found is None:
                # A path may say `dc:creator` where the feed says <creator>.
                found = shape.exact.get(local)
                if found is None:
                    return _NOTHING
        if len(found) == 1:
            return (self._parts[found[0]],)
        return [self._parts[at] for at in found]


def children(element: Element, full: str, local: str) -> list[Element]:
    """Children of a nested element, by the same rule as `Item.find`."""
    if len(element) == 3 and element[2].__class__ is str:
        return []  # a plain text, as nearly all are
    exact: list[Element] = []
    loose: list[Element] = []
    for part in element[2:]:
        if part.__class__ is list:
            name, bare = _keys(part[0])
            if name == full:
                exact.append(part)
            elif (bare or name) == local:
                loose.append(part)
    return exact or loose


def text(element: Element) -> str:
    """An element's text; where it has elements inside, its inner markup, so that nested HTML stays HTML."""
    size = len(element)
    if size == 3:
        only = element[2]
        return only if only.__class__ is str else _markup(element)
    if size == 2:
        return ""
    for part in element:
        if part.__class__ is list:
            return _markup(element)
    return "".join(element[2:])


def attribute(attributes: Attributes, full: str) -> str:
    """An attribute by name, "" if absent; by local name where the feed has it under a prefix."""
    found = attributes.get(full)
    if found is not None:
        return found
    for name, value in attributes.items():
        folded, local = _keys(name)
        if full in (folded, local):
            return value
    return ""


def _markup(element: Element) -> str:
    return "".join(_inner(element))


def _inner(element: Element) -> list[str]:
    out: list[str] = []
    for part in element[2:]:
        if part.__class__ is list:
            name = part[0].rpartition(":")[2]
            out.append(f"<{name}{_attributes(part[1])}>")
            out.extend(_inner(part))
            out.append(f"</{name}>")
        else:
            out.append(escape(part, quote=False))
    return out


def _attributes(attributes: dict[str, Any]) -> str:
    return "".join(f' {name}="{escape(value)}"' for name, value in attributes.items() if ":" not in name)
