"""How a feed that comes in pages is asked for the next one. A `[paging]` table, of a dialect or of a source."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec

from workers.model.amounts import Seconds

PagingStyle = Literal["", "none", "page", "offset", "cursor", "next", "link"]

MAX_PAGES, MAX_ITEMS = 100, 100_000
IN_PATH = "/"

Number = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class Paging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where "", 0 or None stands nothing is said. Paths are JSON paths, or names of elements outside the listings.

    style       page: `param` counts pages | offset: `param` counts listings | cursor: `next` holds the token that
                `param` takes | next: `next` holds the next page's address | link: the `Link` header has it | none
    param       query parameter; "/" for the last part of the address's path; with POST a path in the body
    start, step the first number, and how far it goes a page (offset: by as many listings as the page held)
    size        listings asked for a page by `size_param`
    pages, total    paths of how many pages, or listings, there are
    body        what is posted as JSON, with `method = "POST"`
    max_pages, max_items    a feed that goes on after so many is not complete
    enough      so many listings are all that is wanted: no more pages after them
    interval    at least so long between two pages
    """

    style: PagingStyle = ""
    param: str = ""
    start: Number | None = None
    step: Number = 0
    size: Number = 0
    size_param: str = ""
    next: str = ""
    pages: str = ""
    total: str = ""
    method: Literal["", "GET", "POST"] = ""
    body: dict[str, Any] = {}
    max_pages: Number = 0
    max_items: Number = 0
    enough: Number = 0
    interval: Seconds = Seconds(0)


class Page(msgspec.Struct, frozen=True):
    """One request of a feed: `body` is posted as JSON, "" for a GET."""

    url: str
    body: str = ""


def merged(base: Paging, own: Paging) -> Paging:
    """What a source says over what its dialect says; another style takes nothing over."""
    if own.style and own.style != base.style:
        return own
    default = msgspec.structs.asdict(Paging())
    said = {name: value for name, value in msgspec.structs.asdict(own).items() if value != default[name]}
    return msgspec.structs.replace(base, **said)


def faults(paging: Paging) -> Iterator[tuple[str, object, str]]:
    """Key, value and expectation of what does not fit together in one table."""
    counts = paging.style in ("page", "offset", "cursor")
    if counts and not paging.param:
        yield "param", None, f'the parameter that style = "{paging.style}" sets'
    if paging.style in ("cursor", "next") and not paging.next:
        yield "next", None, f'the path where style = "{paging.style}" finds the next page'
    if paging.size and paging.style and not paging.size_param:
        yield "size_param", None, "the parameter that asks for `size` listings a page"
    if paging.param == IN_PATH and paging.style not in ("", "page"):
        yield "param", IN_PATH, '"/" with style = "page" only'
    if paging.method == "POST" and (paging.style in ("next", "link") or paging.param == IN_PATH):
        yield "method", "POST", 'GET, or style = "page", "offset" or "cursor" with a `param` in the body'
    if paging.body and paging.method != "POST":
        yield "body", None, 'method = "POST" beside it'
    import json  # here: the console's first paint does without

    try:
        json.dumps(paging.body)
    except TypeError:
        yield "body", None, "text, numbers, true, false, lists and tables: no dates"
    if paging.enough and (paging.max_items or MAX_ITEMS) < paging.enough:
        yield "enough", paging.enough, f"at most max_items, {paging.max_items or MAX_ITEMS}"
