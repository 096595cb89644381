"""FeedReader: bytes in, RawItems out. Knows no network: whoever has bytes feeds it.

Nothing whole is lost: when a document breaks, the items completed before the break are handed back first and the
error is raised by the next call of `feed` or `close`; once raised, it is raised again by every later call.
"""

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import urljoin

from workers.errors import JobImportError, MalformedFeed, NotAFeed
from workers.feeds.dialect import Dialect, Seen, custom, dialects, named, recognise
from workers.feeds.element import Item
from workers.feeds.identity import identity
from workers.feeds.json import JsonSplitter
from workers.feeds.jsonld import PLACE, HtmlSplitter
from workers.feeds.mapping import Mapping, check_fields, mapping_hash
from workers.feeds.mend_json import JsonMender
from workers.feeds.mend_xml import XmlMender
from workers.feeds.original import is_doubtful, joined, keep, known
from workers.feeds.paging import all_paths, paths_of, whole_number
from workers.feeds.sniff import HEAD, SPACE, Recoder, Sniffed, sniff
from workers.feeds.text import inert
from workers.feeds.xml import XmlSplitter, local_name
from workers.model import Paging, RawItem, Source

_PROLOGUE = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml[^>]*\?>)?(?:\s*<!--.*?-->)*\s*", re.DOTALL)
_UNDECIDED = 5  # items held until a dialect is recognised
_EXPLAINED = 1_000  # items whose matches are kept

_Mender = XmlMender | JsonMender
_Splitter = XmlSplitter | JsonSplitter | HtmlSplitter


def mapping_hash_of(source: Source, dialect_name: str) -> bytes:
    """The mapping_hash a source would have with a dialect, without reading anything; b"" for an unknown name."""
    found = known(source, dialect_name)
    return b"" if found is None else mapping_hash(found, source)


class FeedReader:
    """Push parser of one document of one source; `after` is the reader of the page before, where there is one.

    `dialect` and `mapping_hash` are known once the first item was recognised (or at the end), `declared_total`
    once the document said it. `position` counts the items handed back, on every page so far; `met` what stood in this
    document's list, listing or not. With `explain`, `matched` tells for each of
    the first 1,000 items, by position, which path found each of its fields.
    """

    def __init__(
        self,
        source: Source,
        *,
        base_url: str,
        charset: str | None = None,
        explain: bool = False,
        after: "FeedReader | None" = None,
    ) -> None:
        """Raises ConfigError where the source's format or fields cannot be used."""
        self.start = self.position = after.position if after else 0
        self.met = 0
        self.matched: dict[int, dict[str, str]] = after.matched if after else {}
        self._explain = explain
        self._source, self._base_url, self._charset = source, base_url, charset
        self._mapping: Mapping | None = None
        check_fields(source)
        self._wanted = None if source.format == "auto" else named(source.format, source.name)
        if after is not None and after._mapping is not None:
            # A page without listings could not be recognised.
            self._mapping = after._mapping
            self._wanted = self._wanted or dialects().get(self.dialect)
        elif self._wanted is not None:
            self._mapping = Mapping(self._wanted, source)
        self._is_known = self._mapping is not None
        self._head = b""
        self._recoder: Recoder | None = None
        self._splitter: _Splitter | None = None
        self._mender: _Mender | None = None
        self._waiting: list[Any] = []
        self._failure: JobImportError | None = None
        self._root = ""
        self._prefixes: set[str] = set()
        self._xml_base = ""
        self._company: tuple[str, str] | None = None  # where the document names it ahead of its listings, and what

    def mended(self, after: "FeedReader | None" = None) -> "FeedReader | None":
        """A reader for a second pass over the document that this one could not read, with repairs.

        `after` as for this one. None where nothing can be repaired.
        """
        mender = self._repairs()
        if mender is None:
            return None
        second = FeedReader(
            self._source, base_url=self._base_url, charset=self._charset, explain=self._explain, after=after
        )
        second._mender = mender
        return second

    def _repairs(self) -> _Mender | None:
        splitter = self._splitter
        if isinstance(splitter, XmlSplitter):
            return XmlMender(splitter.item_names) if splitter.item_names else None
        return JsonMender(splitter.list_path) if isinstance(splitter, JsonSplitter) and splitter.list_path else None

    @property
    def lost(self) -> int:
        """Items that even repairs could not make readable."""
        return self._mender.lost if self._mender else 0

    @property
    def dialect(self) -> str:
        """Name of the dialect, "" before it is recognised."""
        return self._mapping.dialect.name if self._mapping else ""

    @property
    def mapping_hash(self) -> bytes:
        """16 bytes, b"" before the dialect is recognised."""
        return self._mapping.hash if self._mapping else b""

    @property
    def paging(self) -> Paging:
        """How the dialect says that the next page is asked for."""
        return self._mapping.dialect.paging if self._mapping else Paging()

    @property
    def facts(self) -> dict[str, str]:
        """What the document says outside its listings, as far as somebody may want it."""
        return self._splitter.facts if self._splitter else {}

    @property
    def declared_total(self) -> int | None:
        """How many listings the document says it holds, None if it did not say."""
        if self._mapping is None or self._splitter is None:
            return None
        declared = (whole_number(self._splitter.facts.get(name, "")) for name in self._mapping.dialect.total)
        return next((total for total in declared if total is not None), None)

    def feed(self, chunk: bytes) -> list[RawItem]:
        """Read a chunk of any size. Raises NotAFeed, MalformedFeed or TooLarge."""
        if self._failure is not None:
            raise self._failure
        items = self._advance(chunk, final=False)
        if self._failure is not None and not items:
            raise self._failure
        return items

    def close(self) -> list[RawItem]:
        """End of input. Raises BodyTruncated if the document is not complete, NotAFeed if there was none."""
        if self._failure is not None:
            raise self._failure
        items = self._advance(b"", final=True)
        if self._failure is not None:
            raise self._failure
        return items

    def _advance(self, chunk: bytes, *, final: bool) -> list[RawItem]:
        try:
            self._push(chunk, final=final)
        except JobImportError as error:
            self._failure = error
        try:
            return self._drain(final=final)
        except JobImportError as error:
            self._failure = self._failure or error
            return []

    def _push(self, chunk: bytes, *, final: bool) -> None:
        if self._recoder is None or self._splitter is None:
            self._head = (self._head + chunk).lstrip(SPACE)
            end = _decidable(self._head, final=final)
            if end is None:
                return
            found = sniff(self._head[:end], self._charset)
            self._recoder = Recoder(found.encoding, lenient=found.lenient or self._mender is not None)
            self._splitter = self._split(found)
            chunk, self._head = self._head[found.bom :], b""
        self._splitter.feed(self._repaired(self._recoder.recode(chunk)))
        if final:
            self._splitter.feed(self._repaired(self._recoder.recode(b"", final=True)))
            if self._mender is not None:
                self._splitter.feed(self._mender.close())
        if self._mender is not None and self._mender.gave_up:
            raise MalformedFeed(self._mender.gave_up)
        if final:
            self._splitter.close()

    def _repaired(self, text: bytes) -> bytes:
        return text if self._mender is None else self._mender.feed(text)

    def _split(self, found: Sniffed) -> _Splitter:
        if found.kind == "xml":
            return self._xml()
        if found.kind == "json":
            return self._json()
        if self._source.item or (self._wanted is not None and PLACE not in self._wanted.item):
            raise NotAFeed(f"the body is an HTML page ({found.opening!r}): expected an XML or JSON feed")
        return HtmlSplitter(found.opening)

    def _xml(self) -> XmlSplitter:
        known = (self._wanted,) if self._wanted else dialects().values()
        return XmlSplitter(self._choose, {name for dialect in known for name in dialect.total} | self._next_page())

    def _next_page(self) -> set[str]:
        own = self._source.paging
        return paths_of(self._wanted.paging, own) if self._wanted else all_paths(own)

    def _json(self) -> JsonSplitter:
        known = (self._wanted,) if self._wanted else dialects().values()
        wanted = self._next_page() | {name for dialect in known for name in dialect.total}
        if self._source.item:
            return JsonSplitter([self._source.item], wanted)
        return JsonSplitter({path for dialect in known if dialect.kind == "json" for path in dialect.item}, wanted)

    def _choose(self, root: str, attributes: dict[str, str]) -> Collection[str]:
        """Which elements are items, once the root is seen."""
        self._root = local_name(root)
        self._prefixes = {name[6:].lower() for name in attributes if name.startswith("xmlns:")}
        if "xml:base" in attributes:
            self._xml_base = urljoin(self._base_url, attributes["xml:base"].strip())
        if self._root == "html":
            raise NotAFeed("the body is an HTML page: expected an XML or JSON feed")
        if self._source.item:
            return (local_name(self._source.item.rpartition("/")[2]),)
        if self._wanted is not None:
            return self._wanted.item
        fitting = [each for each in dialects().values() if self._root in each.detect.roots]
        if not fitting:
            roots = sorted({root for each in dialects().values() for root in each.detect.roots})
            raise NotAFeed(
                f"the XML's root is <{inert(root, 60)}>: expected one of {', '.join(roots)}, "
                "or `item` and `[fields]` in the source"
            )
        return {name for each in fitting for name in each.item}

    def _drain(self, *, final: bool) -> list[RawItem]:
        splitter = self._splitter
        if splitter is None:
            return []
        found: list[Any] = splitter.items
        if isinstance(splitter, XmlSplitter):
            self._waiting.extend(map(Item, splitter.items))
        else:
            self._waiting.extend(found)
        splitter.items = []
        self.met += len(found)
        if final and self._is_known and self._failure is None:
            self._check_list(splitter)
        if self._mapping is None and (self._waiting or final):
            self._recognise(splitter, final=final)
        if self._mapping is None:
            return []
        if isinstance(splitter, JsonSplitter) and not self.position:
            named_by = (path for path in self._mapping.company_paths if splitter.heading.get(path))
            self._company = next(((path, splitter.heading[path]) for path in named_by), None)
        waiting, self._waiting = self._waiting, []
        return [raw for item in waiting if (raw := self._raw(item, self._mapping)) is not None]

    def _recognise(self, splitter: _Splitter, *, final: bool) -> None:
        kind = "xml" if isinstance(splitter, XmlSplitter) else "json"
        place = self._root if isinstance(splitter, XmlSplitter) else splitter.list_path
        found: Dialect | None = None
        for item in self._waiting[:_UNDECIDED]:
            names, prefixes = _names(item)
            found = recognise(kind, Seen(place, names, prefixes | self._prefixes, item))
            if found is not None:
                break
        if found is None and not self._waiting and place:
            found = recognise(kind, Seen(place, (), self._prefixes)) or recognise(
                kind, Seen(place, None, self._prefixes)
            )
        if found is None and self._source.item and self._source.fields and place:
            found = custom(kind, self._source.item)
        if found is not None:
            self._mapping = Mapping(found, self._source)
        elif (final and self._failure is None) or len(self._waiting) >= _UNDECIDED:
            raise NotAFeed(self._unrecognised(splitter))

    def _check_list(self, splitter: _Splitter) -> None:
        """A known dialect's document without its list is no empty feed: an error told in JSON, say."""
        if not isinstance(splitter, JsonSplitter) or splitter.list_path or self.met:
            return
        lists = splitter.expected.split(", ")
        if not any(path.partition(".")[0].lower() in splitter.keys for path in lists):
            raise NotAFeed(self._unrecognised(splitter))

    def _unrecognised(self, splitter: _Splitter) -> str:
        if self._waiting:
            names = ", ".join(inert(name, 40) for name in sorted(_names(self._waiting[-1])[0])[:12])
            expected = "`item`, beside its `[fields]`," if self._source.fields else "`item` and `[fields]`"
            return f"no dialect reads items with {names}: expected a known format, or {expected} in the source"
        if not isinstance(splitter, XmlSplitter):
            keys = ", ".join(inert(key, 40) for key in splitter.keys[:12]) or "none"
            return f"the JSON has no list of listings (its keys: {keys}): expected one at {splitter.expected}"
        return f"the XML's root is <{inert(self._root, 60)}>: expected a known feed, or `item` in the source"

    def _raw(self, item: Any, mapping: Mapping) -> RawItem | None:
        if not mapping.is_listing(item):
            return None
        fields = mapping.fields(item)
        base = None
        if item.__class__ is Item:
            base = item.attributes.get("xml:base") if item.attributes else None
            if base is not None or self._xml_base:
                base = urljoin(self._xml_base or self._base_url, base or "")
                if "url" in fields:
                    fields["url"] = [joined(base, text) for text in fields["url"]]
        if self._explain and self.position < _EXPLAINED:
            self.matched[self.position] = mapping.matched(item, fields)
        if self._company is not None and "company" not in fields:
            fields["company"] = [self._company[1]]
            if self.position in self.matched:
                self.matched[self.position]["company"] = f"the document's {self._company[0]}"
        external_id, original = identity(fields, self._source), b""
        if is_doubtful(external_id, fields):
            original = keep(item, base or "", self._company[1] if self._company else "")
        raw = RawItem(external_id, self.position, fields, mapping.raw_hash(fields), original)
        self.position += 1
        return raw


def _names(item: Any) -> tuple[set[str], set[str]]:
    """Names of an item's parts, and the prefixes among them."""
    if item.__class__ is Item:
        exact, loose = item.shape.exact, item.shape.loose
        names = set(exact) | set(loose) | {f"@{name.lower()}" for name in item.attributes}
        return names, {name.partition(":")[0] for name in exact if ":" in name}
    return set(item), set()


def _decidable(head: bytes, *, final: bool) -> int | None:
    """How many of the first bytes are looked at, None if more must come. Never depends on how they were cut."""
    if head[:1] in (b"{", b"["):
        return 4 if len(head) >= 4 or final else None
    prologue = _PROLOGUE.match(head)
    start = prologue.end() if prologue else 0
    is_comment = len(head) > start and b"<!--".startswith(head[start : start + 4])
    end = -1 if is_comment else head.find(b">", start)
    if 0 <= end < HEAD:
        return end + 1
    return HEAD if len(head) >= HEAD or final else None
