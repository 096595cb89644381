"""FeedReader: recognising, breaking, bounds, encodings."""

import gzip
import re
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.feeds.reading import SAMPLES, URL, read, read_until, rss, source
from workers.errors import BodyTruncated, ConfigError, MalformedFeed, NotAFeed, TooLarge
from workers.feeds.reader import FeedReader

WHOLE = {path.name: path.read_bytes() for path in SAMPLES.iterdir() if path.name != "expected.json"}
ITEMS = {name: read(data) for name, data in WHOLE.items()}


@given(name=st.sampled_from(sorted(WHOLE)), cuts=st.lists(st.integers(0, 1500), max_size=6))
def test_chunking_never_changes_the_result(name: str, cuts: list[int]):
    data = WHOLE[name]
    bounds = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    reader = FeedReader(source(), base_url=URL)
    items = [item for start, end in pairwise(bounds) for item in reader.feed(data[start:end])]
    assert items + reader.close() == ITEMS[name]
    assert reader.position == len(ITEMS[name])


@settings(max_examples=300)
@given(name=st.sampled_from(sorted(WHOLE)), end=st.integers(0, 1800), size=st.integers(1, 2000))
def test_a_cut_body_keeps_what_was_whole_and_says_that_it_is_cut(name: str, end: int, size: int):
    data = WHOLE[name].rstrip()[:-1][:end]
    items, error = read_until(data, size=size)
    assert items == ITEMS[name][: len(items)]
    # Inside its first tag or declaration a document cannot be told from something else.
    assert isinstance(error, BodyTruncated | NotAFeed if len(data) >= 60 else BodyTruncated | NotAFeed | MalformedFeed)
    # A page that is cut before its first posting is a page like any other.
    assert isinstance(error, BodyTruncated) or len(data) < 60 or name.endswith(".html")


@pytest.mark.parametrize(
    "name", sorted(name for name, data in WHOLE.items() if data[:2] == b"<?" and not data.isascii())
)
def test_a_body_cut_inside_a_letter_is_cut(name: str):
    at = next(at for at, byte in enumerate(WHOLE[name]) if byte >= 0xC2)
    for size in (0, 1, 64):
        assert type(read_until(WHOLE[name][: at + 1], size=size)[1]) is BodyTruncated


def test_a_body_cut_inside_its_root_s_tag_is_cut():
    data = WHOLE["hrxml.xml"]
    for end in range(data.index(b"ShowPosition") + 4, data.index(b"PositionOpening xmlns") + 80):
        assert type(read_until(data[:end])[1]) is BodyTruncated, end


@settings(max_examples=300)
@given(name=st.sampled_from(sorted(WHOLE)), at=st.integers(0, 1800), junk=st.binary(min_size=1, max_size=8))
def test_damage_ends_in_items_or_in_one_of_our_errors(name: str, at: int, junk: bytes):
    data = WHOLE[name][:at] + junk + WHOLE[name][at + len(junk) :]
    whole = read_until(data)
    assert [item.position for item in whole[0]] == list(range(len(whole[0])))
    pieces = read_until(data, size=3)
    assert pieces[0] == whole[0]
    assert type(pieces[1]) is type(whole[1])


@given(st.binary(max_size=300))
def test_noise_is_never_anything_but_our_errors(data: bytes):
    read_until(data)
    read_until(b"<rss>" + data)
    read_until(b'{"jobs":[' + data)


def test_items_before_the_break_come_first_and_then_the_error_every_time():
    data = rss("<title>A</title><guid>1</guid>", "<title>B</title><guid>2</guid>")[:-25] + b"<b></i>"
    reader = FeedReader(source(), base_url=URL)
    assert [item.external_id for item in reader.feed(data)] == ["1"]
    for again in (lambda: reader.feed(b""), reader.close, reader.close):
        with pytest.raises(MalformedFeed, match="line 1, column"):
            again()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the body is empty"),
        (b" \n ", "the body is empty"),
        (b"<!DOCTYPE html><html><body>Attention required", "HTML page"),
        (b"  <!doctype HTML>\n<title>x", "HTML page"),
        (b"<html xmlns='x'><head></head></html>", "HTML page"),
        (b"<?xml version='1.0'?><html></html>", "HTML page"),
        (b"<!-- a --><html></html>", "HTML page"),
        (b"Service unavailable", "starts with 'Service unavailable'"),
        (b"\x1b[2J\x00evil", "expected an XML or JSON feed"),
        (gzip.compress(b"<rss/>", mtime=0), "gzip data"),
        (b'{"error": "no such board"}', "its keys: error"),
        (b"[]x", "expected well-formed JSON"),
        (b"[1, 2]", "no list of listings|no dialect"),
        (b'[{"a": 1}]', "no dialect reads items with a"),
        (b"<opml><body/></opml>", "root is <opml>"),
    ],
)
def test_what_is_no_feed_is_told_in_one_sentence(data: bytes, sentence: str):
    items, error = read_until(data)
    assert items == []
    assert isinstance(error, NotAFeed | MalformedFeed)
    assert re.search(sentence, str(error)), str(error)
    assert "\x1b" not in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 400


def bomb() -> bytes:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE rss [<!ENTITY l0 "lol">{levels}]><rss><item><title>&l9;</title></item></rss>'.encode()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (bomb(), MalformedFeed),
        (b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><item>&x;</item></rss>', MalformedFeed),
        (b'<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/x.dtd"><rss><item>&x;</item></rss>', MalformedFeed),
        (b"<rss>" + b"<a>" * 100_000, TooLarge),
        (b"<rss><item>" + b"<a>" * 100_000, TooLarge),
        (b"<rss><item>" + b"<a/>" * 100_000, TooLarge),
        (b'<rss><item x="' + b"y" * 3_000_000, TooLarge),
        (b"<rss " + b" ".join(b'a%d="1"' % n for n in range(5000)) + b">", TooLarge),
        (b"<rss>" + b"".join(b"<a%d/>" % n for n in range(30_000)), TooLarge),
        (b"<rss><item><t>" + b"y" * 20_000_000, TooLarge),
        (b"<rss><!--" + b"y" * 3_000_000, TooLarge),
        (b"[" * 100_000, TooLarge),
        (b'[{"a":' + b"[" * 100_000, TooLarge),
        (b'[{"a":' * 100_000, TooLarge),
        (b'[{"a":"' + b"y" * 20_000_000, TooLarge),
        (b'{"jobs":[{"id":1,"b":[' + b"1," * 100_000, TooLarge),
        (b'{"jobs":[{"id":NaN}]}', MalformedFeed),
        (b'{"jobs":[{"id":-Infinity}]}', MalformedFeed),
        (b'{"jobs":[{"id":' + b"9" * 10_000 + b"}]}", MalformedFeed),
        (b'\xef\xbb\xbf{"jobs":[{"id":"\xff"}]}', MalformedFeed),
        (b"<?xml version='1.0' encoding='utf-8'?><rss><item>\xff</item></rss>", MalformedFeed),
        (b"\xef\xbb\xbf<rss><item>\xff</item></rss>", MalformedFeed),
        (b"<rss><item>&nosuch;</item></rss>", MalformedFeed),
        (b"<rss><item>&#0;</item></rss>", MalformedFeed),
    ],
    ids=lambda value: "" if isinstance(value, type) else repr(value[:24]),
)
def test_hostile_documents_are_refused_in_bounded_memory(data: bytes, kind: type[Exception]):
    tracemalloc.start()
    try:
        items, error = read_until(data, source(format="auto"), size=1 << 16)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert items == []
    assert type(error) is kind, error
    assert peak < 60_000_000


def test_memory_does_not_grow_with_the_feed():
    item = b"<item><guid>%d</guid><title>t</title><description>" + b"x" * 2000 + b"</description></item>"
    reader = FeedReader(source(), base_url=URL)
    reader.feed(b"<rss><channel>" + item % 0)
    tracemalloc.start()
    try:
        for n in range(1, 4000):
            reader.feed(item % n + b"<other><nested/></other>")
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert reader.position == 4000
    assert grown < 500_000


@pytest.mark.parametrize(
    ("data", "charset", "title"),
    [
        ("<rss><item><title>Bäcker – Köln</title></item></rss>".encode(), None, "Bäcker – Köln"),
        ("<rss><item><title>Bäcker – Köln</title></item></rss>".encode("cp1252"), None, "Bäcker – Köln"),
        ("<rss><item><title>Bäcker</title></item></rss>".encode("utf-16"), None, "Bäcker"),
        ("<rss><item><title>Bäcker</title></item></rss>".encode("utf-16-be"), None, "Bäcker"),
        ("<rss><item><title>Bäcker</title></item></rss>".encode("utf-8-sig"), "iso-8859-1", "Bäcker"),
        ("<rss><item><title>Bäcker</title></item></rss>".encode("latin-1"), "ISO-8859-1", "Bäcker"),
        ("<rss><item><title>Пекарь</title></item></rss>".encode("koi8-r"), "koi8-r", "Пекарь"),
        ("<?xml version='1.0' encoding='windows-1251'?><rss><item><title>Пекарь</title></item></rss>".encode("cp1251"),
         None, "Пекарь"),
        ("<?xml version='1.0' encoding='shift_jis'?><rss><item><title>求人</title></item></rss>".encode("shift_jis"),
         None, "求人"),
        ("<?xml version='1.0' encoding='utf-16'?><rss><item><title>Bäcker</title></item></rss>".encode(),
         None, "Bäcker"),
        ("<?xml version='1.0' encoding='utf-8'?><rss><item><title>Bäcker</title></item></rss>".encode(),
         "iso-8859-1", "Bäcker"),
        ("<?xml version='1.0' encoding='rot13'?><rss><item><title>Bäcker</title></item></rss>".encode(),
         "hex", "Bäcker"),
        (b"\n\n  <?xml version='1.0'?><rss><item><title>x</title></item></rss>", None, "x"),
    ],
)  # fmt: skip
def test_encodings(data: bytes, charset: str | None, title: str):
    for size in (0, 1, 5):
        assert [item.fields["title"] for item in read(data, charset=charset, size=size)] == [[title]]


def test_wrong_charset_is_one_of_our_errors():
    with pytest.raises(MalformedFeed, match="the body is not gb2312"):
        read("<rss><item><title>Bäcker</title></item></rss>".encode("latin-1"), charset="gb2312")


def test_names_of_html_and_undeclared_prefixes_do_no_harm():
    [item] = read(b"<rss><item><title>Caf&eacute;&nbsp;&amp; Bar</title><x:y>1</x:y></item></rss>")
    assert item.fields["title"] == ["Café\xa0& Bar"]


def test_the_uri_behind_job_listing_does_not_matter_nor_does_the_prefix():
    for prefix in ("job_listing", "jl"):
        data = (
            f'<rss xmlns:{prefix}="https://any.example"><item><guid>1</guid><title>T</title>'
            f"<{prefix}:company>C</{prefix}:company></item></rss>"
        ).encode()
        [item] = read(data, source(format="wpjobmanager"))
        assert item.fields["company"] == ["C"]


def test_plain_elements_win_over_prefixed_ones_of_the_same_name():
    [item] = read(rss("<media:title>no</media:title><title>yes</title>"))
    assert item.fields["title"] == ["yes"]


def test_an_empty_feed_is_a_feed():
    for data in (rss(), b"<workzag-jobs/>", b'{"jobs":[],"meta":{"total":0}}', b"[]"):
        items, error = read_until(data)
        assert (items, error) == ([], None), data


def test_remoteok_legal_notice_is_no_listing():
    data = b'[{"legal":"link back"},{"id":"1","position":"Dev","company":"","salary_min":0,"salary_max":0}]'
    [item] = read(data)
    assert item.fields["title"] == ["Dev"]
    assert item.position == 0
    assert "salary_min" not in item.fields


def test_declared_total_of_xml():
    reader = FeedReader(source(), base_url=URL)
    reader.feed(b"<source><expectedJobCount>2</expectedJobCount><job><title>a</title></job></source>")
    assert reader.declared_total == 2


def test_own_item_and_fields_read_what_no_dialect_knows():
    of = source(item="vacancies/vacancy", fields={"id": "@ref", "title": ["heading"], "company": '"Acme"'})
    [item] = read(b"<x><vacancies><vacancy ref='7'><heading>Cook</heading></vacancy></vacancies></x>", of)
    assert item.fields == {"id": ["7"], "title": ["Cook"], "company": ["Acme"]}
    of = source(item="result.rows", fields={"id": "key", "title": "heading"})
    [item] = read(b'{"result":{"rows":[{"key":7,"heading":"Cook"}]}}', of)
    assert item.external_id == "7"


def test_settings_that_cannot_be_used_name_their_key():
    for settings_, key in (
        ({"format": "nosuch"}, "format"),
        ({"fields": {"titel": "x"}}, "fields.titel"),
        ({"fields": {"title": "a | nosuch"}}, "fields.title"),
        ({"fields": {"title": "a{b"}}, "fields.title"),
        ({"fields": {"title": "a | match '('"}}, "fields.title"),
    ):
        with pytest.raises(ConfigError) as caught:
            FeedReader(source(**settings_), base_url=URL)
        assert caught.value.key == key


def test_hashes_follow_mapping_and_content():
    data = WHOLE["greenhouse.json"]
    [first], [again] = read(data), read(data)
    assert first.raw_hash == again.raw_hash
    [other] = read(data.replace(b"Dublin, Ireland", b"Cork, Ireland"))
    assert other.raw_hash != first.raw_hash
    [mapped] = read(data, source(timezone="Europe/Berlin"))
    assert mapped.fields == first.fields
    assert mapped.raw_hash != first.raw_hash
    [named] = read(data, source(attribution="A", schedule="", headers={"X": "env:Y"}))
    assert named.raw_hash == first.raw_hash
