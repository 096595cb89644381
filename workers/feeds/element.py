"""An XML item as paths see it: children by name, texts, attributes."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from html import escape
from typing import Any

Element = list[Any]  # [name, attributes, text or Element, ...]
Attributes = dict[str, str]
_NOWHERE: tuple[int, ...] = ()


@lru_cache(maxsize=4096)
def _keys(name: str) -> tuple[str, str | None]:
    """The names under which an element can be found: as written, and its local name if it has a prefix."""
    full = name.lower()
    prefix, colon, local = full.rpartition(":")
    return full, local if colon and prefix else None


class Shape:
    """The names of an item's children, in their order, and where each is: a feed has few shapes, so it is made once.

    `exact` and `loose` tell the places of children by their name as written, and prefixed ones by local name;
    `plan` is what `mapping` made of it, having `met` so many items.
    """

    __slots__ = ("exact", "loose", "mapping", "met", "plan")

    def __init__(self, names: Sequence[str]) -> None:
        self.exact: dict[str, list[int]] = {}
        self.loose: dict[str, list[int]] = {}
        for at, name in enumerate(names):
            full, local = _keys(name)
            self.exact.setdefault(full, []).append(at)
            if local is not None:
                self.loose.setdefault(local, []).append(at)
        self.mapping: Any = None
        self.plan: Any = None
        self.met = 0

    def places(self, full: str, local: str) -> Sequence[int]:
        """Where the children of a name are; see Item for what a name matches."""
        found = self.exact.get(full)
        if found is None:
            found = self.loose.get(local)
            if found is None:
                # A path may say `dc:creator` where the feed says <creator>.
                found = self.exact.get(local, _NOWHERE)
        return found


# What the XML splitter makes of an item in one pass over its children: attributes, children, their shape, and how
# to get the whole, with the texts between its children.
Scanned = tuple[Attributes, list[Element], Shape, Callable[[], Element]]


class Item:
    """An item as paths see it.

    A path's step finds what bears exactly its name, else what has the same local name under another prefix:
    `title` prefers <title> to <media:title>, and `job_listing:company` still finds <jobs:company>.
    """

    __slots__ = ("_whole", "attributes", "parts", "shape")

    def __init__(self, scanned: Scanned) -> None:
        self.attributes, self.parts, self.shape, self._whole = scanned

    @property
    def element(self) -> Element:
        """The whole item, in the order of the document."""
        return self._whole()

    def find(self, full: str, local: str) -> list[Element]:
        """Children of a name; see the class for what a name matches."""
        return [self.parts[at] for at in self.shape.places(full, local)]


def children(element: Element, full: str, local: str) -> list[Element]:
    """Children of a nested element, by the same rule as `Item.find`."""
    if is_plain(element):
        return []  # as nearly all are
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


def is_plain(element: Element) -> bool:
    """Whether there is nothing in it, or a text alone."""
    size = len(element)
    return size == 2 or (size == 3 and element[2].__class__ is str)


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
