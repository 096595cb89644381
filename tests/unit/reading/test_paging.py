"""A feed in pages, over a real server: every style read to its end, and no end believed that is none."""

import json
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.feed_server import Call, FeedServer, Reply
from workers import reading
from workers.errors import BlockedAddress, HttpUnavailable, StallTimeout, Transient
from workers.model import Paging, RawItem, Source
from workers.model.source import Seconds, Size
from workers.reading import Reading
from workers.settings import FetchSettings

pytestmark = pytest.mark.anyio

FIELDS: dict[str, Any] = {"item": "jobs", "fields": {"id": "id", "title": "title"}}
SETTINGS = FetchSettings(allow_hosts=["127.0.0.1"], total_timeout=Seconds(20), stall_timeout=Seconds(10))
COUNT = 25
PAGE = 10


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE_WAITS", (0.0, 0.01))


def jobs(first: int, count: int, last: int = COUNT) -> list[dict[str, object]]:
    return [{"id": n, "title": f"Job {n}"} for n in range(first, min(first + count, last + 1))]


def asked(call: Call) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(call.request.path).query))


def answering(make: Callable[[Call], dict[str, object]], **head: str) -> Callable[[Call], None]:
    def script(call: Call) -> None:
        call.reply(Reply(json.dumps(make(call)).encode(), content_type="application/json", headers=head))

    return script


def by_page(**more: object) -> Callable[[Call], None]:
    return answering(lambda call: {**more, "jobs": jobs((int(asked(call).get("page", "1")) - 1) * PAGE + 1, PAGE)})


class Read:
    """What one reading gave."""

    def __init__(self, source: Source, settings: FetchSettings = SETTINGS, **more: Any) -> None:
        self.items: list[RawItem] = []
        self.reading = Reading(source, settings, distinct=lambda: len(set(self.ids)), **more)

    @property
    def ids(self) -> list[str]:
        return [item.external_id for item in self.items]

    async def __call__(self) -> "Read":
        async for items in self.reading.items():
            self.items += items
        return self


async def read(url: str, paging: Paging, settings: FetchSettings = SETTINGS, **more: Any) -> Read:
    return await Read(Source(name="board", url=url, paging=paging, **{**FIELDS, **more}), settings)()


def whole(got: Read, pages: int) -> None:
    assert got.ids == [str(n) for n in range(1, COUNT + 1)]
    assert [item.position for item in got.items] == list(range(COUNT))
    assert (got.reading.degraded, got.reading.outcome) == ("", "ok")
    assert got.reading.page == pages


async def test_page_numbers_until_a_page_is_empty(server: FeedServer) -> None:
    url = server.on("/jobs", by_page()) + "?q=a%20b&page=1"
    whole(await read(url, Paging(style="page", param="page")), 4)
    assert [request.path for request in server.requests][1:3] == ["/jobs?q=a%20b&page=2", "/jobs?q=a%20b&page=3"]


@pytest.mark.parametrize(
    "more",
    [{"total": COUNT}, {"meta": {"pages": 3}}, {"meta": {"pages": "3"}, "total": 0}],
    ids=["total", "pages", "0"],
)
async def test_page_numbers_until_the_declared_end(server: FeedServer, more: dict[str, object]) -> None:
    paging = Paging(style="page", param="page", total="total", pages="meta.pages")
    got = await read(server.on("/jobs", by_page(**more)), paging)
    assert got.ids == [str(n) for n in range(1, COUNT + 1)]
    assert got.reading.page == 3
    assert (got.reading.degraded == "") == ("total" not in more or more["total"] == COUNT)


async def test_the_last_part_of_the_path_is_the_page(server: FeedServer) -> None:
    for n in range(1, 5):
        server.on(f"/search/{n}", Reply(json.dumps({"jobs": jobs((n - 1) * PAGE + 1, PAGE)}).encode()))
    whole(await read(server.url("/search/1?key=x"), Paging(style="page", param="/")), 4)


async def test_offset_goes_on_by_what_a_page_held(server: FeedServer) -> None:
    # Asked for 100 a page it gives 10: an offset of 100 would skip most of them.
    script = answering(lambda call: {"jobs": jobs(int(asked(call).get("skip", "0")) + 1, PAGE)})
    paging = Paging(style="offset", param="skip", size=100, size_param="limit")
    whole(await read(server.on("/jobs", script), paging), 4)
    assert [request.path for request in server.requests] == [
        "/jobs?limit=100",
        *(f"/jobs?limit=100&skip={n}" for n in (10, 20, 25)),
    ]


async def test_a_cursor_is_sent_back_as_it_came(server: FeedServer) -> None:
    tokens = {"": (1, "a/b+c=="), "a/b+c==": (11, "z"), "z": (21, None)}

    def make(call: Call) -> dict[str, object]:
        first, token = tokens[asked(call).get("after", "")]
        return {"jobs": jobs(first, PAGE), "meta": {"next": token}}

    paging = Paging(style="cursor", param="after", next="meta.next")
    whole(await read(server.on("/jobs", answering(make)), paging), 3)


@pytest.mark.parametrize("is_absolute", [True, False])
async def test_the_next_page_is_where_the_body_says(server: FeedServer, is_absolute: bool) -> None:
    def make(call: Call) -> dict[str, object]:
        n = int(asked(call).get("p", "1"))
        link = (server.url() if is_absolute else "?") + f"api/jobs?p={n + 1}" if is_absolute else f"?p={n + 1}"
        padding = {f"fact{i}": i for i in range(200)}
        return {**padding, "jobs": jobs((n - 1) * PAGE + 1, PAGE), "links": {"next": link if n < 3 else None}}

    whole(await read(server.on("/api/jobs", answering(make)), Paging(style="next", next="links.next")), 3)


async def test_the_next_page_is_where_the_link_header_says(server: FeedServer) -> None:
    def script(call: Call) -> None:
        n = int(asked(call).get("p", "1"))
        link = f'<{server.url("/")}>; rel="first", </jobs?p={n + 1}>; title="a, b"; rel="next"' if n < 3 else ""
        body = json.dumps({"jobs": jobs((n - 1) * PAGE + 1, PAGE)}).encode()
        call.reply(Reply(body, headers={"Link": link, "ETag": '"1"'}))

    got = await read(server.on("/jobs", script), Paging(style="link"))
    whole(got, 3)
    assert got.reading.facts("ok").etag is None


async def test_what_is_posted_holds_the_offset(server: FeedServer) -> None:
    def make(call: Call) -> dict[str, object]:
        body = json.loads(call.request.body)
        assert (call.request.method, body["searchText"], body["page"]["limit"]) == ("POST", "", PAGE)
        assert call.request.headers["content-type"] == "application/json"
        first = body["page"]["offset"]
        # Workday says its total on the first page alone.
        return {"total": COUNT if first == 0 else 0, "jobs": jobs(first + 1, PAGE)}

    paging = Paging(
        style="offset",
        param="page.offset",
        start=0,
        size=PAGE,
        size_param="page.limit",
        total="total",
        method="POST",
        body={"searchText": "", "page": {"sort": "new"}},
    )
    whole(await read(server.on("/jobs", answering(make)), paging), 3)


async def test_a_dialect_knows_its_pages(server: FeedServer) -> None:
    first = {
        "version": "https://jsonfeed.org/version/1.1",
        "next_url": "/feed?page=2",
        "items": [{"id": "1", "title": "A"}],
    }
    server.on(
        "/feed", answering(lambda call: {**first, "items": [{"id": "2", "title": "B"}]} if asked(call) else first)
    )

    def script(call: Call) -> None:
        last = {"items": [{"id": "2", "title": "B"}]}
        call.reply(Reply(json.dumps(last if asked(call) else first).encode()))

    got = await Read(Source(name="board", url=server.on("/feed", script)))()
    assert (got.ids, got.reading.page, got.reading.degraded) == (["1", "2"], 2, "")
    only = await Read(Source(name="board", url=server.url("/feed"), paging=Paging(style="none")))()
    assert (only.ids, only.reading.page) == (["1"], 1)


async def test_an_atom_feed_goes_on_at_its_next_link(server: FeedServer) -> None:
    def script(call: Call) -> None:
        n = int(asked(call).get("p", "1"))
        link = f'<link rel="next" href="/atom?p={n + 1}"/>' if n < 2 else ""
        entry = f'<entry><id>{n}</id><title>T{n}</title><link href="/j/{n}"/></entry>'
        call.reply(Reply(f'<feed xmlns="http://www.w3.org/2005/Atom">{link}{entry}</feed>'.encode()))

    got = await Read(Source(name="board", url=server.on("/atom", script)))()
    assert (got.ids, got.reading.page, got.reading.degraded) == (["1", "2"], 2, "")


@pytest.mark.parametrize(
    ("paging", "words", "count"),
    [
        ({"max_pages": 2}, "goes on after 2 pages: paging.max_pages is 2", 20),
        ({"max_items": 15}, "goes on after 20 listings: paging.max_items is 15", 20),
        ({"total": "wrong"}, "the feed declares 40 listings and holds 25", 25),
        ({"total": "moving"}, "the feed declared 24 listings, and 25 on page 2", 25),
    ],
    ids=["pages", "items", "total", "moved"],
)
async def test_an_end_that_is_none(server: FeedServer, paging: dict[str, Any], words: str, count: int) -> None:
    def make(call: Call) -> dict[str, object]:
        n = int(asked(call).get("page", "1"))
        return {"wrong": 40, "moving": 24 if n == 1 else 25, "jobs": jobs((n - 1) * PAGE + 1, PAGE)}

    got = await read(server.on("/jobs", answering(make)), Paging(style="page", param="page", **paging))
    assert words in got.reading.degraded
    assert len(got.ids) == count


async def test_enough_is_an_end_of_the_operators(server: FeedServer) -> None:
    paging = Paging(style="page", param="page", enough=15, total="total")
    got = await read(server.on("/jobs", by_page(total=COUNT)), paging, kind="query")
    assert (len(got.ids), got.reading.degraded) == (20, "")


LOOPS: dict[str, tuple[Paging, Callable[[Call], dict[str, object]]]] = {
    "next leads back": (Paging(style="next", next="next"), lambda call: {"jobs": jobs(1, 5), "next": "/jobs"}),
    "cursor stays": (
        Paging(style="cursor", param="c", next="next"),
        lambda call: {"jobs": jobs(6 if asked(call) else 1, 5), "next": "x"},
    ),
    "parameter unknown": (Paging(style="page", param="page"), lambda _: {"jobs": jobs(1, 5)}),
    "nothing new": (
        Paging(style="page", param="page"),
        lambda call: {"page": asked(call).get("page"), "jobs": jobs(1, 5)},
    ),
    "total reached by repeats": (
        Paging(style="page", param="page", total="n"),
        lambda _: {"n": 10, "jobs": jobs(1, 5)},
    ),
}


@pytest.mark.parametrize("name", LOOPS)
async def test_a_loop_ends_and_is_no_end(server: FeedServer, name: str) -> None:
    paging, make = LOOPS[name]
    got = await read(server.on("/jobs", answering(make)), paging)
    assert got.reading.degraded.startswith("page ")
    assert len(server.requests) <= 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Reply(status=404), "page 2: "),
        (Reply(b"<!doctype html><html><body>Sign in</body></html>"), "page 2: the body is an HTML page"),
        (Reply(b'{"error": "quota exceeded"}'), "page 2: the JSON has no list"),
        (Reply.redirect("http://[::1]:9/jobs"), "page 2: "),
    ],
    ids=["404", "html", "error", "blocked"],
)
async def test_a_page_that_is_refused_leaves_the_rest_incomplete(server: FeedServer, answer: Reply, words: str) -> None:
    first = Reply(json.dumps({"jobs": jobs(1, PAGE)}).encode())
    got = await read(server.on("/jobs", first, answer), Paging(style="page", param="page"))
    assert got.reading.degraded.startswith(words)
    assert len(got.ids) == PAGE


async def test_a_page_is_asked_for_again_as_the_server_wishes(server: FeedServer) -> None:
    busy = Reply(status=429, headers={"Retry-After": "1"})
    pages = [Reply(json.dumps({"jobs": jobs(n, PAGE)}).encode()) for n in (1, 11, 21, 31)]
    url = server.on("/jobs", pages[0], busy, Reply(status=500), *pages[1:])
    whole(await read(url, Paging(style="page", param="page")), 4)
    first, again = server.requests[1].at, server.requests[2].at
    assert again - first >= 1


async def test_a_page_that_stays_away_is_for_the_queue(server: FeedServer) -> None:
    url = server.on("/jobs", Reply(json.dumps({"jobs": jobs(1, PAGE)}).encode()), Reply(status=503))
    with pytest.raises(HttpUnavailable):
        await read(url, Paging(style="page", param="page"))
    assert len(server.requests) == 4


async def test_a_page_cut_short_is_for_the_queue(server: FeedServer) -> None:
    body = json.dumps({"jobs": jobs(11, PAGE)}).encode()
    url = server.on("/jobs", Reply(json.dumps({"jobs": jobs(1, PAGE)}).encode()), Reply(body, cut=200))
    with pytest.raises(Transient):
        await read(url, Paging(style="page", param="page"))


async def test_all_pages_together_have_one_size(server: FeedServer) -> None:
    got = await read(server.on("/jobs", by_page()), Paging(style="page", param="page"), max_bytes=Size(700))
    assert got.reading.degraded.startswith("page 3: ")
    assert len(got.ids) == 2 * PAGE


async def test_all_pages_together_have_one_deadline(server: FeedServer) -> None:
    never = threading.Event()
    first = Reply(json.dumps({"jobs": jobs(1, PAGE)}).encode())
    url = server.on("/jobs", first, lambda call: void(call.wait(never)))
    settings = FetchSettings(allow_hosts=["127.0.0.1"], total_timeout=Seconds(0.5))
    with pytest.raises(StallTimeout):
        await read(url, Paging(style="page", param="page"), settings)


def void(_: object) -> None:
    """For a lambda that is to answer nothing."""


async def test_credentials_go_with_every_page_and_never_to_another_host(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOARD_KEY", "hunter2/3")
    with FeedServer() as other:
        links = iter([server.url("/jobs?p=2"), other.url("/jobs?p=3"), None])

        def make(call: Call) -> dict[str, object]:
            return {"jobs": jobs(len(server.requests) * 5 + len(other.requests) * 5, 5, 99), "next": next(links)}

        other.on("/jobs", answering(make))
        url = server.on("/jobs", answering(make))
        got = await read(
            url,
            Paging(style="next", next="next"),
            headers={"X-Api-Key": "env:BOARD_KEY"},
            query={"app_key": "env:BOARD_KEY"},
            basic={"user": "env:BOARD_KEY"},
        )
        assert (got.reading.page, got.reading.degraded) == (3, "")
        for request in server.requests:
            assert request.headers["x-api-key"] == "hunter2/3"
            assert request.headers["authorization"].startswith("Basic ")
            assert request.path.endswith("app_key=hunter2%2F3")
        (away,) = other.requests
        assert not {"x-api-key", "authorization"} & set(away.headers)
        assert "hunter2" not in away.path
    assert "hunter2" not in repr(got.reading.facts("ok"))


async def test_a_secret_that_the_server_repeats_is_not_shown(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOARD_KEY", "hunter2/3")
    server.on("/jobs", Reply.redirect("/gone?again=hunter2%2F3&page=2"))
    with pytest.raises(Exception, match=r"gone\?again=\*\*\*&page=2 answered 404") as caught:
        await read(server.url("/jobs"), Paging(), query={"k": "env:BOARD_KEY"})
    assert "hunter2" not in str(caught.value)


async def test_a_next_page_that_is_no_web_address_is_not_asked_for(server: FeedServer) -> None:
    url = server.on("/jobs", answering(lambda _: {"jobs": jobs(1, 5), "next": "file:///etc/passwd"}))
    got = await read(url, Paging(style="next", next="next"))
    assert got.reading.degraded.startswith("page 2: the next page is at file:///etc/passwd: expected an http")
    with pytest.raises(BlockedAddress):
        await read("http://127.0.0.1:9/jobs", Paging(), FetchSettings())


async def test_the_least_delay_between_pages(server: FeedServer) -> None:
    await read(server.on("/jobs", by_page()), Paging(style="page", param="page", interval=Seconds(0.2)))
    at = [request.at for request in server.requests]
    assert all(after - before >= 0.2 for before, after in pairwise(at))
