"""An XML item as paths see it: children by name, texts, attributes."""

from functools import lru_cache
from html import escape
from typing import Any

from workers.feeds.xml import Element

Attributes = dict[str, str]
_NOTHING: tuple[Element, ...] = ()


@lru_cache(maxsize=4096)
def _keys(name: str) -> tuple[str, str | None]:
    full = name.lower()
    prefix, colon, local = full.rpartition(":")
    return full, local if colon and prefix else None


class Item:
    """An item's children, scanned once: `exact` by their name as written, `loose` prefixed ones by local name.

    A path's step finds what bears exactly its name, else what has the same local name under another prefix:
    `title` prefers <title> to <media:title>, and `job_listing:company` still finds <jobs:company>.
    """

    __slots__ = ("attributes", "element", "exact", "loose")

    def __init__(self, element: Element) -> None:
        self.element = element
        self.attributes: Attributes = element[1]
        self.exact: dict[str, list[Element]] = {}
        self.loose: dict[str, list[Element]] = {}
        exact = self.exact
        for part in element:
            if part.__class__ is list:
                full, local = _keys(part[0])
                if full in exact:
                    exact[full].append(part)
                else:
                    exact[full] = [part]
                if local is not None:
                    self.loose.setdefault(local, []).append(part)

    def shape(self) -> tuple[str, ...]:
        """The names under which something can be found."""
        return (*self.exact, *self.loose) if self.loose else tuple(self.exact)

    def find(self, full: str, local: str) -> list[Element] | tuple[Element, ...]:
        """Children of a name; see the class for what a name matches."""
        found = self.exact.get(full)
        if found is None:
            found = self.loose.get(local)
            if found is None:
                # A path may say `dc:creator` where the feed says <creator>.
                found = self.exact.get(local) if full != local else None
        return found or _NOTHING


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
