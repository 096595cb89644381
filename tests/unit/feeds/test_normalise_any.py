"""Whatever a feed holds: each normalising function ends, gives what it may, and leaves alone what it gave."""

import math
import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.feeds.reading import NOW, URL
from workers.errors import MalformedFeed, NotAFeed
from workers.feeds.normalise.calendar_words import MONTHS, RELATIVE, ZONES
from workers.feeds.normalise.dates import utc
from workers.feeds.normalise.description import clean_html, substance, text_of
from workers.feeds.normalise.employment import employment_types
from workers.feeds.normalise.money_words import ALONE, CODES, SIGNS, UNITS
from workers.feeds.normalise.places import places, remote
from workers.feeds.normalise.salary import salary, unit_of
from workers.feeds.normalise.title import short_text, short_texts
from workers.feeds.normalise.urls import canonical, http_url
from workers.feeds.sniff import Recoder, sniff
from workers.feeds.terms import search_terms, words
from workers.feeds.text import one_line, without_controls
from workers.model.listing import EmploymentType, Remote, SalaryUnit

WILD = st.text(max_size=80) | st.text("\ud800\udfff\x00\x1b\u202e\u200b\ufeff\x85\u2028a1 ", max_size=20)


def made_of(*pieces: str, most: int = 8) -> st.SearchStrategy[str]:
    """Texts of these pieces, of numbers and of whatever: nearer to the grammar than noise is."""
    numbers = st.integers(0, 10**9).map(str) | st.integers(0, 99).map("{:02}".format)
    return st.lists(st.sampled_from(pieces) | numbers | st.text(max_size=3), max_size=most).map("".join)


DATES = made_of(
    "-", "/", ".", ":", "T", "Z", " ", ", ", "+01:00", "-0530", "2026", "13", "31", "Tue", "ago", "posted ", " pm",
    *list(MONTHS)[:30], *list(ZONES)[:10], *list(RELATIVE)[:5],
)  # fmt: skip


@settings(max_examples=300)
@given(
    DATES | WILD, st.sampled_from(["", "dmy", "mdy", "ymd"]), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kabul"])
)
def test_dates(text: str, order: str, zone: str):
    found = utc(text, ZoneInfo(zone), order, NOW)
    if found is not None:
        assert found.tzinfo is UTC
        assert 1980 <= found.year <= 2200
        assert utc(found.isoformat(), ZoneInfo(zone), order, NOW) == found


@given(st.integers(350_000_000, 7_200_000_000), st.sampled_from(["", "GMT", "+0000", "Z"]))
def test_a_moment_that_is_written_out_is_read_back(seconds: int, zone: str):
    moment = datetime.fromtimestamp(seconds, UTC)
    text = moment.strftime("%a, %d %b %Y %H:%M:%S ") + zone if zone else moment.isoformat()
    assert utc(text, UTC, "", NOW) == moment


PAY = made_of(
    "-", " - ", " to ", "k", ",", ".", " ", "'", "/", " per ", "up to ", "from ", "401k", "%", " hours", "0", "(", "+",
    *SIGNS, *list(CODES)[:8], *list(UNITS)[:12], *list(ALONE)[:8],
)  # fmt: skip
PAY_FIELDS = ("salary", "salary_min", "salary_max", "salary_currency", "salary_unit")


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(PAY_FIELDS), st.lists(PAY | WILD, min_size=1, max_size=2)))
def test_salary(fields: dict[str, list[str]]):
    found = salary(fields)
    if found is None:
        return
    for amount in (found.min, found.max):
        assert amount is None or (math.isfinite(amount) and 0 < amount <= 1e9)
    assert found.min is None or found.max is None or found.min <= found.max
    assert found.currency is None or re.fullmatch("[A-Z]{3}", found.currency)
    assert found.unit is None or found.unit in get_args(SalaryUnit)
    assert len(found.text) <= 200
    assert one_line(found.text) == found.text


@given(PAY | WILD)
def test_units_of_pay(text: str):
    assert unit_of(text) in (None, *get_args(SalaryUnit))


KINDS = made_of("Full", "-", " ", "time", "Teilzeit", "/", " or ", "contract", "stage", "permanent", ",", "_", "CDI")


@given(st.lists(KINDS | WILD, max_size=25))
def test_employment_types(texts: list[str]):
    found = employment_types(texts)
    assert len(set(found)) == len(found)
    assert set(found) <= set(get_args(EmploymentType))
    assert employment_types(list(found)) == found


SITES = made_of(
    "Berlin", ", ", "Remote", " (", ")", "Hybrid", " - ", "US", "&amp;", "<br>", "Łódź", "not ", "100% ", "|"
)


@given(st.lists(SITES | WILD, max_size=60), st.lists(SITES | WILD, max_size=12))
def test_places(texts: list[str], how: list[str]):
    found = places(texts)
    assert len(found) <= 50
    assert all(text and len(text) <= 200 and one_line(text) == text for text in found)
    assert remote(how, found, "") in (None, *get_args(Remote))
    assert remote(how, found, "onsite") == "onsite"


TAGS = (
    "<p>", "</p>", "<br/>", "<ul><li>", "<a href='", "'>", "javascript:", "https://x.example", "<script>", "</script>",
    "<img src=x onerror=a()>", "<svg/onload=a()>", "<!--", "-->", "<b", ">", "<", "&amp;", "&nbsp;", "&#106;", "&",
    "\n", "\t", "\r", '"', "onclick=", "<style>", "<iframe src=", "<table><td>", "<![CDATA[", "]]>", "<math>",
    "<noscript>",
)  # fmt: skip
LIVE = re.compile(
    r"<\s*(?:script|style|iframe|img|svg|math|noscript|object)|<[^>]*\s(?:on\w+|style|src)\s*=|href=\"?\s*(?:javascript|data)",
    re.IGNORECASE,
)


@settings(max_examples=300)
@given(st.lists(made_of(*TAGS, most=20) | WILD, max_size=3))
def test_html(texts: list[str]):
    cleaned = clean_html(texts)
    assert not LIVE.search(cleaned)
    assert without_controls(cleaned) == cleaned
    assert substance(clean_html([cleaned])) == substance(cleaned)
    assert len(cleaned) <= 200 + 60 * sum(map(len, texts))
    said = text_of(cleaned)
    assert len(said) <= len(cleaned)


@settings(max_examples=20)
@given(made_of(*TAGS, most=20), st.integers(1, 20_000))
def test_html_of_any_length_is_bounded(piece: str, count: int):
    assert len(clean_html([piece * count])) <= 1_300_000


@given(made_of("&amp;", "<b>", "</b>", "<br>", "&#8211;", " ", "\n", "C++", "é", "e\u0301", "<Senior>") | WILD)
def test_short_texts(text: str):
    for limit in (2, 20, 500):
        found = short_text(text, limit)
        assert len(found) <= limit
        assert one_line(found) == found
    assert len(short_texts([text] * 9, 80, 3)) <= 1


HOSTS = (
    "https://",
    "http:",
    "//",
    "/",
    "x.example",
    "?",
    "#",
    "a=b",
    "&utm_source=x",
    "@",
    ":443",
    ":",
    "[::1]",
    "..",
    " ",
    "%",
)


@settings(max_examples=300)
@given(made_of(*HOSTS) | WILD, st.sampled_from([URL, "https://b.example", "http://[::1]:8/a?b#c"]))
def test_urls(text: str, base: str):
    found = http_url(text, base)
    if found is None:
        return
    assert re.match(r"https?://[^/\s]", found)
    assert len(found) <= 2000
    assert not re.search(r"[\x00-\x20\x7f-\x9f\"<>]", found)
    assert http_url(found, base) == found
    assert canonical(canonical(found)) == canonical(found)


@given(st.lists(made_of("C++", " ", "C#", "É", "İ", "ß", "ſ", "ﬁ", "-") | WILD, max_size=5))
def test_search_terms(texts: list[str]):
    found = search_terms(" ".join(texts), tags=texts)
    assert len(found) <= 80
    assert all(0 < len(word) <= 40 for word in found)
    assert len(set(found)) == len(found)
    for word in found:
        assert words(word) == [word]


ENCODINGS = (
    None, "", "utf-8", "UTF8", "latin-1", "windows-1252", "gb2312", "utf-16", "utf-32", "shift_jis", "koi8-r", "rot13",
    "idna", "punycode", "unicode_escape", "x-evil", "zlib", "utf-7", "\x00", "é",
)  # fmt: skip
STARTS = (
    b"", b"<rss>", b"{", b"\xef\xbb\xbf<", b"\xff\xfe<\x00", b"\xfe\xff\x00<", b"<\x00r\x00",
    b"<?xml version='1.0' encoding='gb2312'?>", b"<?xml encoding='utf-16'?><r>",
    b"<!doctype html><meta charset=koi8-r>",
)  # fmt: skip


@settings(max_examples=400)
@given(
    st.sampled_from(STARTS),
    st.binary(max_size=60),
    st.sampled_from(ENCODINGS),
    st.lists(st.integers(0, 100), max_size=4),
)
def test_encodings(start: bytes, rest: bytes, charset: str | None, cuts: list[int]):
    data = start + rest
    try:
        found = sniff(data, charset)
    except NotAFeed:
        return
    whole = recoded(data, [], found.encoding, lenient=found.lenient)
    assert recoded(data, cuts, found.encoding, lenient=found.lenient) == whole
    if whole is not None and (found.encoding != "utf-8" or found.lenient):
        whole.decode("utf-8")


def recoded(data: bytes, cuts: list[int], encoding: str, *, lenient: bool) -> bytes | None:
    """The whole in UTF-8, however it comes; None where it is refused."""
    recoder = Recoder(encoding, lenient=lenient)
    bounds = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    try:
        return b"".join(recoder.recode(data[a:b]) for a, b in pairwise(bounds)) + recoder.recode(b"", final=True)
    except MalformedFeed:
        return None
