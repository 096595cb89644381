"""JobPostings in HTML pages: what is found, what is not, what ends it."""

import json
import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.feeds.reading import SAMPLES, URL, read, read_until, source
from workers.errors import BodyTruncated, MalformedFeed, NotAFeed, TooLarge
from workers.feeds.reader import FeedReader

PAGE = (SAMPLES / "jsonld.html").read_bytes()
WHOLE = read(PAGE)


def page(*scripts: str) -> bytes:
    inside = "".join(f'<script type="application/ld+json">{script}</script>' for script in scripts)
    return f"<!doctype html><html><head>{inside}</head><body></body></html>".encode()


def posting(**more: object) -> str:
    return json.dumps({"@type": "JobPosting", "title": "Cook", "identifier": "1", **more})


@given(cuts=st.lists(st.integers(0, len(PAGE)), max_size=8))
def test_cuts_change_nothing(cuts: list[int]):
    reader = FeedReader(source(), base_url=URL)
    bounds = [0, *sorted(cuts), len(PAGE)]
    items = [item for start, end in pairwise(bounds) for item in reader.feed(PAGE[start:end])]
    assert items + reader.close() == WHOLE
    assert len(WHOLE) == 2


@pytest.mark.parametrize(
    ("script", "titles"),
    [
        (posting(), ["Cook"]),
        (f"[{posting()}, {posting(identifier='2', title='Chef')}]", ["Cook", "Chef"]),
        (f'{{"@graph": [{posting()}]}}', ["Cook"]),
        (f'{{"mainEntity": {posting()}}}', ["Cook"]),
        (f"  {posting()};  ", ["Cook"]),
        (f"<!-- {posting()} -->", ["Cook"]),
        (f"//<![CDATA[\n{posting()}\n//]]>", ["Cook"]),
        ('{"@type":"JobPosting","title":"two\nlines","identifier":"1"}', ["two\nlines"]),
        ("{&quot;@type&quot;:&quot;JobPosting&quot;,&quot;title&quot;:&quot;Cook&quot;}", ["Cook"]),
    ],
)
def test_where_postings_stand(script: str, titles: list[str]):
    assert [item.fields["title"][0] for item in read(page(script))] == titles


def test_references_are_followed_once():
    graph = (
        '{"@graph":[{"@type":"JobPosting","title":"A","hiringOrganization":{"@id":"o"}},'
        '{"@id":"o","name":"Acme","parent":{"@id":"o"}}]}'
    )
    [item] = read(page(graph))
    assert item.fields["company"] == ["Acme"]


def test_a_page_without_postings_is_no_feed():
    for data in (page(), page('{"@type":"Organization"}'), page("{broken"), b"<html><p>Attention</p></html>"):
        items, error = read_until(data)
        assert (items, type(error)) == ([], NotAFeed)
        assert "HTML page" in str(error)
    items, error = read_until(page(posting()), source(format="rss"))
    assert (items, type(error)) == ([], NotAFeed)


def test_a_broken_posting_is_told_and_the_others_kept():
    items, error = read_until(page('{"@type":"JobPosting",,}', posting()))
    assert [item.external_id for item in items] == ["1"]
    assert type(error) is MalformedFeed
    items, error = read_until(page('{"@type":"JobPosting","title":NaN}'))
    assert (items, type(error)) == ([], MalformedFeed)


def test_a_cut_page_is_told():
    whole = page(posting())
    assert type(read_until(whole[: whole.index(b"Cook")])[1]) is BodyTruncated
    items, error = read_until(whole[: whole.index(b"</html>")])
    assert [item.external_id for item in items] == ["1"]
    assert type(error) is BodyTruncated


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'<html><script type="application/ld+json">' + b"[" * 100_000 + b"</script>", TooLarge),
        (b'<html><script type="application/ld+json">' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"</script>", TooLarge),
        (b'<html><script type="application/ld+json">"' + b"x" * 6_000_000, TooLarge),
        (b"<html><script " + b"x" * 3_000_000, TooLarge),
        (b"<html><!--" + b"x" * 30_000_000, NotAFeed),
        (b"<html><script>" + b"x" * 30_000_000, NotAFeed),
        (b"<html>" + b"<script" * 1_000_000, NotAFeed),
        (b"<html>" + b"<script " * 1_000_000, TooLarge),
        (b"<html>" + b"<!-- -->" * 1_000_000, NotAFeed),
        (page(posting(tags=[1] * 60_000)), TooLarge),
    ],
    ids=lambda value: "" if isinstance(value, type) else repr(value[:60]),
)
def test_hostile_pages_are_bounded(data: bytes, kind: type[Exception]):
    tracemalloc.start()
    started = time.process_time()
    try:
        items, error = read_until(data, size=1 << 16)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert items == []
    assert type(error) is kind, error
    assert peak < 60_000_000
    assert time.process_time() - started < 10


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_noise_in_a_page_is_never_anything_but_our_errors(data: bytes):
    read_until(b"<html>" + data)
    read_until(b'<html><script type="application/ld+json">' + data + b"</script></html>")
