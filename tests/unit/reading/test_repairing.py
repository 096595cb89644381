"""Feeds that break: what was whole is kept, the rest is read in a second, repaired pass, and nothing comes twice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.feed_server import FeedServer, Reply
from workers.errors import BodyTruncated, MalformedFeed
from workers.model import Paging, RawItem, Source
from workers.reading import Reading
from workers.settings import FetchSettings

pytestmark = pytest.mark.anyio


class Read:
    """What one reading of these bytes gave."""

    def __init__(self, tmp_path: Path, data: bytes, **source: Any) -> None:
        file = tmp_path / "feed"
        file.write_bytes(data)
        self.items: list[RawItem] = []
        of = Source(name="board", url="https://board.example/feed", **source)
        self.reading = Reading(of, FetchSettings(), distinct=lambda: 0, file=file)

    async def __call__(self) -> "Read":
        async for items in self.reading.items():
            self.items += items
        return self

    @property
    def ids(self) -> list[str]:
        return [item.external_id for item in self.items]

    def field(self, at: int, name: str) -> list[str]:
        return self.items[at].fields.get(name, [])


def item(n: int, title: str = "Nurse", more: str = "") -> str:
    return f"<item><guid>g{n}</guid><title>{title} {n}</title><link>https://x.example/{n}</link>{more}</item>"


def rss(*items: str, end: str = "</channel></rss>") -> bytes:
    return f'<rss version="2.0"><channel><title>Board</title>{"".join(items)}{end}'.encode()


def all_with(broken: str, count: int = 100, at: int = 50) -> bytes:
    return rss(*(broken if n == at else item(n) for n in range(count)))


@pytest.mark.parametrize(
    ("broken", "title"),
    [
        (item(50, "Nurse & Carer"), "Nurse & Carer 50"),
        (item(50, "Pay < 10"), "Pay < 10 50"),
        (item(50, more="<description>a<br>b<p>c</description>"), "Nurse 50"),
        (item(50, "Nurse\x01"), "Nurse 50"),
        (item(50, "Nurse &nosuchthing; or"), "Nurse &nosuchthing; or 50"),
        (item(50, "A]]>B"), "A]]>B 50"),
        (item(50, more="</b>"), "Nurse 50"),
        (item(50, "R&#1;D"), "RD 50"),
        (item(50).replace("</item>", ""), "Nurse 50"),
    ],
    ids=["ampersand", "bracket", "html", "control", "entity", "cdata end", "stray end", "number", "no end"],
)
async def test_one_broken_listing_costs_none_of_the_others(tmp_path: Path, broken: str, title: str) -> None:
    got = await Read(tmp_path, all_with(broken))()
    assert got.ids == [f"g{n}" for n in range(100)]
    assert got.field(50, "title") == [title]
    assert got.field(99, "title") == ["Nurse 99"]
    assert got.reading.degraded.startswith("line 1")
    assert got.reading.degraded.endswith("; a second, repaired pass added 50 listings")


async def test_bytes_of_another_encoding(tmp_path: Path) -> None:
    data = all_with(item(50, "Caf@")).replace(b"@", b"\xe9")
    got = await Read(tmp_path, b'<?xml version="1.0" encoding="UTF-8"?>' + data)()
    assert got.ids == [f"g{n}" for n in range(100)]
    assert got.field(50, "title") == ["Café 50"]


async def test_cdata_is_left_as_it_is_and_hides_what_looks_like_a_listing(tmp_path: Path) -> None:
    hidden = "<description><![CDATA[a & b <item>no</item>]]></description>"
    got = await Read(tmp_path, rss(item(1, more=hidden), item(2, "R & D"), item(3, more=hidden)))()
    assert got.ids == ["g1", "g2", "g3"]
    assert got.field(0, "description") == got.field(2, "description") == ["a & b <item>no</item>"]


async def test_what_repairs_cannot_read_is_counted(tmp_path: Path) -> None:
    got = await Read(tmp_path, rss(item(1), item(2, "a & b"), *map(item, range(3, 99)), "<item><guid>x</guid>"))()
    assert got.ids == [f"g{n}" for n in range(1, 99)]
    assert got.reading.degraded.endswith("added 97 listings, 1 were unreadable even so")


async def test_an_ampersand_is_repaired_however_far_the_next_semicolon_is(tmp_path: Path) -> None:
    long = [item(n, more=f"<description>{'x' * 20_000}</description>") for n in range(2, 100)]
    got = await Read(tmp_path, rss(item(1, "R & D"), *long))()
    assert got.ids == [f"g{n}" for n in range(1, 100)]
    assert got.field(0, "title") == ["R & D 1"]
    assert "expected well-formed XML; a second, repaired pass added 99 listings" in got.reading.degraded


async def test_an_item_as_deep_as_may_be_does_not_hide_the_next(tmp_path: Path) -> None:
    deep = item(2, more="<b>" * 300)
    got = await Read(tmp_path, rss(item(1, "a & b"), deep, item(3)))()
    assert got.ids == ["g1", "g3"]
    assert got.reading.degraded.endswith("added 2 listings, 1 were unreadable even so")


async def test_prefixes_and_a_broken_head_survive(tmp_path: Path) -> None:
    head = '<rss xmlns:job_listing="https://b.example"><channel><title>Jobs</title>'
    listing = "<item><guid>{}</guid><title>T{}</title><job_listing:company>Acme & Co</job_listing:company></item>"
    data = head + "".join(listing.format(n, n) for n in range(3)) + "</channel></rss>"
    got = await Read(tmp_path, data.encode(), format="wpjobmanager")()
    assert [got.field(n, "company") for n in range(3)] == [["Acme & Co"]] * 3


async def test_repeats_and_listings_without_identity_are_handed_over_once(tmp_path: Path) -> None:
    nameless = "<item><description>no name</description></item>"
    got = await Read(tmp_path, rss(nameless, nameless, item(1), item(1), item(2, "a & b"), nameless))()
    assert got.ids == ["", "", "g1", "g1", "g2", ""]


async def test_a_feed_that_is_only_cut_is_for_another_try(tmp_path: Path) -> None:
    read = Read(tmp_path, rss(item(1), item(2), "<item><guid>g3", end=""))
    with pytest.raises(BodyTruncated):
        await read()
    assert read.ids == ["g1", "g2"]


@pytest.mark.parametrize("end", ["<item><guid>g9</gui", "<item><guid", "<item", "<item><guid>g9</guid><title>x &am"])
async def test_a_feed_that_is_broken_and_cut_is_repaired_and_for_another_try(tmp_path: Path, end: str) -> None:
    # Nobody closes the reference with a semicolon: the strict pass learns at the end that it is none.
    read = Read(tmp_path, rss(item(1), item(2, "R & D"), item(3), end=end))
    with pytest.raises(BodyTruncated, match="repaired pass added 2 listings"):
        await read()
    assert read.ids == ["g1", "g2", "g3"]


async def test_json_that_is_only_cut_gains_nothing_by_repairs(tmp_path: Path) -> None:
    read = Read(tmp_path, objects(WHOLE)[:-400], item="jobs", fields={"id": "id", "title": "title"})
    with pytest.raises(BodyTruncated, match=r"closed$"):
        await read()
    assert read.ids == [str(n) for n in range(95)]


async def test_a_feed_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedFeed):
        await Read(tmp_path, b"<rss><channel><item></channel>")()


def job(n: int) -> dict[str, object]:
    return {"id": n, "title": f"Nurse {n}", "tags": [{"id": 7, "name": "x"}], "text": "a {b} [c] \\"}


def objects(broken: str, tail: str = "") -> bytes:
    texts = [broken if n == 50 else json.dumps(job(n)) for n in range(100)]
    return ('{"meta": {"jobs": 1}, "jobs": [' + ", ".join(texts) + f"]{tail}}}").encode()


WHOLE = json.dumps(job(50))


@pytest.mark.parametrize(
    ("broken", "is_lost"),
    [
        (WHOLE.replace('"Nurse 50"', '"Nurse\n50"'), False),
        (WHOLE.replace('"Nurse 50"', '"Nurse 50", "pay": NaN'), False),
        (WHOLE[:-1] + ",}", False),
        (WHOLE.replace("Nurse", "N\\urse"), False),
        (WHOLE.replace("Nurse", 'the "good" nurse'), True),
        (WHOLE.replace('"text"', "text"), True),
        (WHOLE[:-1], True),
    ],
    ids=["line feed", "NaN", "comma", "escape", "quote", "bare key", "no end"],
)
async def test_one_broken_object_costs_none_of_the_others(tmp_path: Path, broken: str, is_lost: bool) -> None:
    fields = {"id": "id", "title": "title"}
    got = await Read(tmp_path, objects(broken), item="jobs", fields=fields)()
    assert got.ids == [str(n) for n in range(100) if n != 50 or not is_lost]
    assert "; a second, repaired pass added " in got.reading.degraded
    assert got.reading.degraded.endswith(", 1 were unreadable even so") == is_lost


async def test_a_hundred_objects_without_an_end_cost_themselves_alone(tmp_path: Path) -> None:
    objects = ",".join(json.dumps(job(n))[: -1 if n % 10 == 5 else None] for n in range(1000))
    got = await Read(tmp_path, f'{{"jobs": [{objects}]}}'.encode(), item="jobs", fields={"id": "id"})()
    assert got.ids == [str(n) for n in range(1000) if n % 10 != 5]
    assert got.reading.degraded.endswith(", 100 were unreadable even so")


async def test_what_follows_a_json_document_costs_nothing(tmp_path: Path) -> None:
    fields = {"id": "id", "title": "title"}
    got = await Read(tmp_path, objects(WHOLE) + b"<!-- made in 3 s -->", item="jobs", fields=fields)()
    assert len(got.ids) == 100
    assert got.reading.degraded.endswith("a second, repaired pass added 0 listings")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


async def test_a_broken_page_does_not_hide_the_next(server: FeedServer) -> None:
    broken = b'{"jobs": [{"id": 1, "title": "a"}, {"id": 2, "title": "b", "x": NaN}], "next": "/jobs?p=2"}'
    url = server.on("/jobs", Reply(broken), Reply(b'{"jobs": [{"id": 3, "title": "c"}], "next": null}'))
    paging = Paging(style="next", next="next")
    of = Source(name="board", url=url, item="jobs", fields={"id": "id"}, paging=paging)
    reading = Reading(of, FetchSettings(allow_hosts=["127.0.0.1"]), distinct=lambda: len(server.requests))
    got = [each.external_id async for items in reading.items() for each in items]
    assert got == ["1", "2", "3"]
    assert reading.page == 2
    assert "a second, repaired pass added 1 listings" in reading.degraded
