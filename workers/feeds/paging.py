"""Which page of a feed comes next, and why none does.

A feed is whole only where its pages came to an end by themselves and hold what they declare. An end by a cap, by a
page that leads back, or with totals that changed meanwhile is `incomplete`, in a sentence for the operator.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import quote, unquote_plus, urljoin, urlsplit, urlunsplit

import msgspec

from workers.feeds.dialect import dialects
from workers.model import Page, Paging, Source
from workers.model.paging import IN_PATH, MAX_ITEMS, MAX_PAGES, merged

FIRST = {"page": 1, "offset": 0}


class Met(NamedTuple):
    """What one page held.

    `items` counts what stood in its list, `fresh` the listings that no earlier page had; `link` is the Link header's
    next address, `location` where the page was found, `digest` its body's hash ("" where it did not come whole).
    """

    items: int
    fresh: int
    facts: Mapping[str, str]
    declared: int | None
    link: str
    location: str
    digest: str


class Pager:
    """One a reading. `page` is the number of the page that was asked for last, from 1."""

    def __init__(self, source: Source, base: Paging) -> None:
        """`base` is what the dialect says, if it is known by now."""
        self._source = source
        self._spec = merged(base, source.paging)
        self._first = self._spec
        self._is_counting = self._spec.style in FIRST
        self._number = self._begin()
        self._asked: set[Page] = set()
        self._digests: set[str] = set()
        self._items = 0
        self.page = 1
        self.total: int | None = None
        self.incomplete = ""
        self.is_enough = False

    @property
    def interval(self) -> float:
        """Seconds between two pages."""
        return self._spec.interval

    @property
    def is_told_by_header(self) -> bool:
        """Whether a body that is unchanged proves nothing of the pages behind it."""
        return self._spec.style == "link" or self._source.paging.style == "link"

    def first(self) -> Page:
        """The first request: the address as it is written, and what the table says of it."""
        spec = self._first
        number = spec.start if self._is_counting else None
        page = self._made("" if number is None else str(number))
        self._asked.add(page)
        return page

    def learn(self, base: Paging) -> None:
        """The dialect is recognised. A size that was not asked for at first is not asked for later either."""
        if self._first.style:
            return
        spec = merged(base, self._source.paging)
        if spec.method == "POST":
            return  # the first page was not posted
        # Pages of another size would not go on where the first ended; an offset does.
        self._spec = msgspec.structs.replace(spec, size=0) if spec.style == "page" else spec
        self._is_counting = self._spec.style in FIRST
        self._number = self._begin()

    def next(self, met: Met) -> Page | None:
        """The page after one that was read; None at the end, or where it is not gone on."""
        spec = self._spec
        self._items += met.items
        self._count_up(met)
        if spec.style in ("", "none"):
            return None
        if self.page > 1 and met.items and (met.digest in self._digests or not met.fresh):
            same = "is the same as an earlier page" if met.digest in self._digests else "holds nothing new"
            return self._stop(f"page {self.page} {same}")
        self._digests.add(met.digest or f"page {self.page}")
        following = self._following(met)
        if following is None:
            return None
        limit = spec.max_pages or MAX_PAGES
        if spec.enough and self._items >= spec.enough and self._source.kind != "snapshot":
            self.is_enough = True
            return None
        if following in self._asked:
            return self._stop(f"page {self.page} leads back to a page that was read")
        if self.page >= limit:
            return self._stop(f"the feed goes on after {self.page} pages: paging.max_pages is {limit}")
        if self._items >= (most := spec.max_items or MAX_ITEMS):
            return self._stop(f"the feed goes on after {self._items} listings: paging.max_items is {most}")
        self._asked.add(following)
        self.page += 1
        return following

    def _begin(self) -> int:
        return FIRST.get(self._spec.style, 0) if self._spec.start is None else self._spec.start

    def _stop(self, reason: str) -> Page | None:
        self.incomplete = self.incomplete or reason
        return None

    def _count_up(self, met: Met) -> None:
        """Take the declared total; some say it on the first page alone, and 0 on the others."""
        declared = whole_number(met.facts.get(self._spec.total.lower(), "")) if self._spec.total else met.declared
        if self.total is None or self.page == 1:
            self.total = declared
        elif declared and declared != self.total:
            self._stop(f"the feed declared {self.total} listings, and {declared} on page {self.page}")

    def _following(self, met: Met) -> Page | None:
        spec = self._spec
        if spec.style == "link" or spec.style == "next":
            found = met.link if spec.style == "link" else met.facts.get(spec.next.lower(), "")
            return self._at(found, met.location) if found else None
        if spec.style == "cursor":
            token = met.facts.get(spec.next.lower(), "")
            return self._made(token) if token else None
        pages = whole_number(met.facts.get(spec.pages.lower(), "")) if spec.pages else None
        known = (pages is not None and self.page >= pages) or (self.total and self._items >= self.total)
        if known or not met.items:
            return None
        self._number += spec.step or (1 if spec.style == "page" else met.items)
        return self._made(str(self._number))

    def _at(self, found: str, location: str) -> Page:
        try:
            return Page(urljoin(location, found).partition("#")[0])
        except ValueError:
            return Page(found)  # the fetch says what is wrong with it

    def _made(self, number: str) -> Page:
        """The source's own request with a number or token in it, "" for none."""
        spec = self._spec
        given: list[tuple[str, int | str]] = []
        if spec.size and spec.size_param:
            given.append((spec.size_param, spec.size))
        if number and spec.param:
            given.append((spec.param, int(number) if self._is_counting else number))
        if spec.method == "POST":
            body: dict[str, Any] = json.loads(json.dumps(spec.body))
            for path, value in given:
                _put(body, path, value)
            return Page(self._source.url, json.dumps(body))
        url = self._source.url
        for name, value in given:
            url = _with(url, name, str(value))
        return Page(url)


def paths_of(base: Paging, own: Paging) -> set[str]:
    """What is to be kept of a document, outside its listings, to find its next page."""
    return {path.lower() for spec in (base, own) for path in (spec.next, spec.pages, spec.total) if path}


def all_paths(own: Paging) -> set[str]:
    """Likewise, while the dialect is not known."""
    return {path for dialect in dialects().values() for path in paths_of(dialect.paging, own)}


def whole_number(text: str) -> int | None:
    """A declared number; None for what is none."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _with(url: str, name: str, value: str) -> str:
    """A URL with a query parameter, or its last part, set; the rest as it is written."""
    parts = urlsplit(url)
    if name == IN_PATH:
        path = parts.path.rpartition("/")[0]
        return urlunsplit(parts._replace(path=f"{path}/{quote(value, '')}"))
    kept = [pair for pair in parts.query.split("&") if pair and unquote_plus(pair.partition("=")[0]) != name]
    return urlunsplit(parts._replace(query="&".join([*kept, f"{quote(name, '')}={quote(value, '')}"])))


def _put(body: dict[str, Any], path: str, value: object) -> None:
    *above, last = path.split(".")
    for key in above:
        inner = body.get(key)
        if not isinstance(inner, dict):
            inner = body[key] = cast("dict[str, Any]", {})
        body = cast("dict[str, Any]", inner)
    body[last] = value
