"""An item as the feed had it, kept beside what cannot be imported, so that another mapping can be tried on it.

Only items that look like rejects carry one. Bounded: an item over LIMIT bytes is not kept, and only importing the
feed again can help it.
"""

from typing import Any, Literal, cast
from urllib.parse import urljoin

import msgspec

from workers.errors import ConfigError
from workers.feeds.dialect import Dialect, custom, dialects, named
from workers.feeds.element import Element, Item, Shape
from workers.feeds.identity import identity
from workers.feeds.mapping import Mapping
from workers.feeds.normalise.title import short_text
from workers.model import RawItem, Source

LIMIT = 64 * 1024  # bytes of one item, packed
_SHORT = 8  # characters of a title that may well be none: zero-width marks, lone controls


class Original(msgspec.Struct, frozen=True, array_like=True):
    """`item` is an XML item as nested lists (see element.py), or a JSON object.

    `base` is what its addresses are relative to, and `company` who hires, where the document says so outside the item.
    """

    kind: Literal["xml", "json"]
    item: Any
    base: str = ""
    company: str = ""


_decode = msgspec.msgpack.Decoder(Original).decode


def is_doubtful(external_id: str, fields: dict[str, list[str]]) -> bool:
    """Whether an item is about to be rejected: it has no identity, or no title once that is cleaned."""
    titles = fields.get("title")
    if not external_id or not titles:
        return True
    title = titles[0]
    return (len(title) < _SHORT or "<" in title or "&" in title) and not short_text(title, 100)


def keep(item: Any, base: str = "", company: str = "") -> bytes:
    """Pack an item as the splitters give it; b"" where it is too large, or no text that can be stored."""
    is_xml = item.__class__ is Item
    plain = item.element if is_xml else item
    try:
        packed = msgspec.msgpack.encode(Original("xml" if is_xml else "json", plain, base, company))
    except (UnicodeEncodeError, RecursionError):
        return b""
    return packed if len(packed) <= LIMIT else b""


def remap(packed: bytes, position: int, mapping: Mapping, source: Source) -> RawItem:
    """Map a kept item by the mapping of today. Raises ConfigError where that reads another kind of document."""
    original = _decode(packed)
    kind = mapping.dialect.kind
    if original.kind != kind:
        expected = f"a dialect of {original.kind}, which is what the item was"
        raise ConfigError(f"source {source.name}", "format", mapping.dialect.name, expected)
    fields = mapping.fields(_item(original.item) if kind == "xml" else original.item)
    if original.base and "url" in fields:
        fields["url"] = [joined(original.base, text) for text in fields["url"]]
    if original.company and "company" not in fields:
        fields["company"] = [original.company]
    return RawItem(identity(fields, source), position, fields, mapping.raw_hash(fields), packed)


def joined(base: str, url: str) -> str:
    """An address made absolute; as it is where it cannot be read."""
    try:
        return urljoin(base, url)
    except ValueError:
        return url


def shown(packed: bytes) -> Any:
    """A kept item as plain data: a JSON object, or [name, attributes, text or element, ...]."""
    return _decode(packed).item


def mapping_of_today(source: Source, recognised: str) -> Mapping:
    """How a source is mapped now; `recognised` is the dialect that its feed was found to be in.

    Raises ConfigError where the source's format or fields cannot be used, or nothing was recognised.
    """
    dialect = named(source.format, source.name) if source.format != "auto" else known(source, recognised)
    if dialect is None:
        raise ConfigError(f"source {source.name}", "format", "auto", "a dialect's name: the run does not tell which")
    return Mapping(dialect, source)


def known(source: Source, name: str) -> Dialect | None:
    """A dialect by the name that a run remembers, None where there is none."""
    found = dialects().get(name)
    if found is None and name.startswith("custom-"):
        found = custom("xml" if name == "custom-xml" else "json", source.item)
    return found


def _item(element: Element) -> Item:
    parts = [cast("Element", part) for part in element[2:] if part.__class__ is list]
    return Item((element[1], parts, Shape([part[0] for part in parts]), lambda: element))
