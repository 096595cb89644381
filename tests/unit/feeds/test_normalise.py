"""RawItem -> Job or Reject: the tables of every module, and what holds for any input."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.feeds.reading import NOW, URL, job, source, to_job
from workers.feeds.dialect import FIELDS
from workers.feeds.normalise import normalise
from workers.feeds.normalise.dates import utc
from workers.feeds.normalise.description import clean_html, text_of
from workers.feeds.normalise.employment import employment_types
from workers.feeds.normalise.salary import salary
from workers.feeds.normalise.title import short_text
from workers.feeds.normalise.urls import canonical, http_url
from workers.feeds.terms import search_terms, words
from workers.feeds.text import inert, one_line
from workers.model import Job, RawItem, Reject

TEXTS = st.text(max_size=60) | st.sampled_from(
    ["<b>x</b>", "&amp;amp;", "$1k - 2", "2026-01-01", "\x00\ud800", "javascript:alert(1)", "Remote", "٣", "1" * 50]
)
ANY_FIELDS = st.dictionaries(st.sampled_from(FIELDS), st.lists(TEXTS, min_size=1, max_size=3))


@settings(max_examples=400)
@given(fields=ANY_FIELDS, external_id=st.text(max_size=20))
def test_normalise_never_raises_and_gives_the_same_again(fields: dict[str, list[str]], external_id: str):
    item = RawItem(external_id, 3, fields, b"r" * 16)
    first = normalise(item, source(), feed_url=URL, source_url=URL, run_date=NOW)
    assert normalise(item, source(), feed_url=URL, source_url=URL, run_date=NOW) == first
    msgspec.msgpack.encode(first)
    if isinstance(first, Reject):
        assert first.reason in ("no_title", "no_identity")
        return
    assert first.external_id == external_id
    assert first.title
    assert len(first.content_hash) == 16
    for text in (first.title, first.company, *first.locations, *first.tags):
        assert one_line(text) == text
    assert first.url is None or first.url.startswith(("http://", "https://"))


@settings(max_examples=200)
@given(fields=ANY_FIELDS)
def test_what_was_normalised_normalises_to_itself(fields: dict[str, list[str]]):
    first = to_job({"title": ["T"], **{name: texts for name, texts in fields.items() if name != "title"}})
    assert isinstance(first, Job)
    again = to_job(
        {
            "title": [first.title],
            "company": [first.company],
            "locations": first.locations,
            "description": [first.description],
            **({"url": [first.url]} if first.url else {}),
            **({"valid_through": [first.valid_through.isoformat()]} if first.valid_through else {}),
            **({"remote": [first.remote]} if first.remote else {}),
            "employment_types": list(first.employment_types),
            **{name: fields[name] for name in fields if name.startswith("salary")},
        }
    )
    assert isinstance(again, Job)
    for name in ("title", "company", "locations", "remote", "employment_types", "salary", "valid_through", "url"):
        assert getattr(again, name) == getattr(first, name), name
    assert again.content_hash == first.content_hash


def test_rejects_say_which_field_and_what_it_held():
    reject = to_job({"title": ["<b> </b>"], "company": ["C\x1b[31m"], "description": ["x" * 9000]})
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.field, reject.value, reject.external_id) == ("no_title", "title", "<b> </b>", "1")
    assert reject.raw["company"] == ["C[31m"]
    assert len(reject.raw["description"][0]) == 300
    nameless = to_job({"title": ["T"]}, external_id="")
    assert isinstance(nameless, Reject)
    assert nameless.reason == "no_identity"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("R&amp;amp;D", "R&D"),
        ("R&D", "R&D"),
        ("<strong>Nurse</strong> &#8211; nights", "Nurse – nights"),
        ("  two\n lines ", "two lines"),
        ("a<br>b", "a b"),
        ("C++ <Senior>", "C++ <Senior>"),
        ("Cafe\u0301", "Café"),
        ("evil\u202etxt\x1b[0m\x00", "eviltxt[0m"),
        ("?a=1&copy=2", "?a=1&copy=2"),
        ("x" * 600, "x" * 499 + "…"),
    ],
)
def test_title(text: str, expected: str):
    assert short_text(text, 500) == expected


DATES = [
    ("Tue, 03 Mar 2026 18:30:05 +0000", "2026-03-03T18:30:05"),
    ("Tue, 3 Mar 2026 18:30:05 GMT", "2026-03-03T18:30:05"),
    ("Tue, 3 Mar 2026 18:30:05 EST", "2026-03-03T23:30:05"),
    ("Tue, 3 Mar 2026 18:30:05 EDT", "2026-03-03T22:30:05"),
    ("3 Mar 2026 18:30 CEST", "2026-03-03T16:30:00"),
    ("3 Mar 26 18:30 CET", "2026-03-03T17:30:00"),
    ("Monday, 02-Mar-26 09:00:00 GMT", "2026-03-02T09:00:00"),
    ("2026-02-20T09:15:00-05:00", "2026-02-20T14:15:00"),
    ("2026-03-02T06:25:53", "2026-03-02T06:25:53"),
    ("2026-03-02T06:25:53.123456789Z", "2026-03-02T06:25:53.123000"),
    ("2026-03-02T06:25:53+0000", "2026-03-02T06:25:53"),
    ("2026-04-05", "2026-04-05T00:00:00"),
    ("2026-3-5", "2026-03-05T00:00:00"),
    ("20260305", "2026-03-05T00:00:00"),
    ("2026/03/05 10:00", "2026-03-05T10:00:00"),
    ("2026-08-05 10:10:39 UTC", "2026-08-05T10:10:39"),
    ("2013-04-12 15:52:34.19", "2013-04-12T15:52:34.190000"),
    ("2013-04-12 05:00:00:0", "2013-04-12T05:00:00"),
    ("1772000000", "2026-02-25T06:13:20"),
    ("1772000000123", "2026-02-25T06:13:20.123000"),
    ("03.04.2026", "2026-04-03T00:00:00"),
    ("13/04/2026", "2026-04-13T00:00:00"),
    ("04/13/2026", "2026-04-13T00:00:00"),
    ("April 5, 2026", "2026-04-05T00:00:00"),
    ("Mar 5, 2026 10:00 PM", "2026-03-05T22:00:00"),
    ("Thu Mar  5 12:00:00 UTC 2026", "2026-03-05T12:00:00"),
    ("5. März 2026", "2026-03-05T00:00:00"),
    ("5 de marzo de 2026", "2026-03-05T00:00:00"),
    ("Posted Yesterday", "2026-03-09T00:00:00"),
    ("30+ days ago", "2026-02-08T00:00:00"),
    ("03/04/2026", None),
    ("0000-00-00", None),
    ("0001-01-01T00:00:00Z", None),
    ("2026-02-30", None),
    ("soon", None),
    ("", None),
    ("9" * 40, None),
]


@pytest.mark.parametrize(("text", "expected"), DATES)
def test_dates(text: str, expected: str | None):
    found = utc(text, UTC, "", NOW)
    assert (None if found is None else found.replace(tzinfo=None).isoformat()) == expected


def test_dates_follow_the_source():
    assert utc("03/04/2026", UTC, "dmy", NOW) == datetime(2026, 4, 3, tzinfo=UTC)
    assert utc("03/04/2026", UTC, "mdy", NOW) == datetime(2026, 3, 4, tzinfo=UTC)
    assert utc("2026-07-01 12:00", ZoneInfo("Europe/Berlin"), "", NOW) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert job({"posted_at": ["2026-07-01 12:00"]}, source(timezone="America/New_York")).posted_at == datetime(
        2026, 7, 1, 16, tzinfo=UTC
    )


@given(st.text(max_size=40) | st.from_regex(r"\d{1,4}[-/. ]\w{1,9}[-/. ]\d{1,4}( \d\d?:\d\d)?.{0,5}", fullmatch=True))
def test_a_date_is_a_moment_in_utc_or_none(text: str):
    found = utc(text, UTC, "dmy", NOW)
    assert found is None or (found.tzinfo is UTC and found.microsecond % 1000 == 0)


PAY = [
    ("$31,2k - $52k", 31200, 52000, "USD", "YEAR"),
    ("$31,2k- $52k", 31200, 52000, "USD", "YEAR"),
    ("$38 - $45 per hour", 38, 45, "USD", "HOUR"),
    ("€55k–€70k", 55000, 70000, "EUR", "YEAR"),
    ("50-70k EUR", 50000, 70000, "EUR", "YEAR"),
    ("1.500 € - 2.000 € / Monat", 1500, 2000, "EUR", "MONTH"),
    ("Up to £45,000 p.a.", None, 45000, "GBP", "YEAR"),
    ("from $20/hr", 20, None, "USD", "HOUR"),
    ("£30k+", 30000, None, "GBP", "YEAR"),
    ("401k + $50k", 50000, 50000, "USD", "YEAR"),
    ("US$ 1,234.56 per month", 1234.56, 1234.56, "USD", "MONTH"),
    ("120000 CAD", 120000, 120000, "CAD", "YEAR"),
    ("70 000 – 80 000 zł", 70000, 80000, "PLN", "YEAR"),
    ("₹12,00,000 - 15,00,000", 1200000, 1500000, "INR", "YEAR"),
    ("CHF 90'000 - 110'000", 90000, 110000, "CHF", "YEAR"),
    ("USD 50-60/h", 50, 60, "USD", "HOUR"),
    ("Pay per task", None, None, None, None),
    ("Grade 7", None, None, None, None),
    ("2026", None, None, None, None),
    ("40 hours per week", None, None, None, None),
]


@pytest.mark.parametrize(("text", "low", "high", "currency", "unit"), PAY)
def test_salary_in_words(text: str, low: float | None, high: float | None, currency: str | None, unit: str | None):
    found = salary({"salary": [text]})
    assert found is not None
    assert (found.min, found.max, found.currency, found.unit, found.text) == (low, high, currency, unit, text)


def test_salary_of_its_own_fields():
    assert salary({"salary_min": ["0"], "salary_max": ["0"], "salary_currency": ["USD"]}) is None
    for text in ("0", "", " ", "N/A", "$0 - $0", "-"):
        assert salary({"salary": [text]}) is None, text
    found = salary(
        {"salary_min": ["90000"], "salary_max": ["70000.50"], "salary_currency": ["eur"], "salary_unit": ["PA"]}
    )
    assert found is not None
    assert (found.min, found.max, found.currency, found.unit) == (70000.5, 90000, "EUR", "YEAR")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["Full Time"], ["FULL_TIME"]),
        (["full-or-part-time"], ["FULL_TIME", "PART_TIME"]),
        (["Full Time, Part Time"], ["FULL_TIME", "PART_TIME"]),
        (["FullTime", "Contract"], ["FULL_TIME", "CONTRACTOR"]),
        (["Vollzeit"], ["FULL_TIME"]),
        (["Teilzeit"], ["PART_TIME"]),
        (["Temps plein"], ["FULL_TIME"]),
        (["CDD"], ["TEMPORARY"]),
        (["Tiempo completo"], ["FULL_TIME"]),
        (["Praktikum"], ["INTERN"]),
        (["1-Full-Time"], ["FULL_TIME"]),
        (["fulltime_permanent"], ["FULL_TIME"]),
        (["full-time", "permanent"], ["FULL_TIME"]),
        (["permanent"], []),
        (["FULL_TIME", "OTHER"], ["FULL_TIME", "OTHER"]),
        ([""], []),
    ],
)
def test_employment_types(texts: list[str], expected: list[str]):
    assert employment_types(texts) == expected


@pytest.mark.parametrize(
    ("fields", "constant", "expected"),
    [
        ({"remote": ["Hybrid", "true"]}, "", "hybrid"),
        ({"remote": ["true", "Hybrid"]}, "", "hybrid"),
        ({"remote": ["true"]}, "", "remote"),
        ({"remote": ["TELECOMMUTE"]}, "", "remote"),
        ({"remote": ["on-site"]}, "", "onsite"),
        ({"remote": ["unspecified"]}, "", None),
        ({"remote": ["false"], "locations": ["Berlin"]}, "", "onsite"),
        ({"locations": ["Remote - US"]}, "", "remote"),
        ({"locations": ["Berlin (Hybrid)"]}, "", "hybrid"),
        ({"locations": ["Berlin"]}, "", None),
        ({"locations": ["Berlin"]}, "remote", "remote"),
    ],
)
def test_remote(fields: dict[str, list[str]], constant: str, expected: str | None):
    assert job(fields, source(remote=constant)).remote == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://x.example/a?b=c&d", "https://x.example/a?b=c&d"),
        ("/a b", "https://board.example/a%20b"),
        ("//cdn.example/a", "https://cdn.example/a"),
        ("https://x.example/übersicht", "https://x.example/übersicht"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("file:///etc/passwd", None),
        ("http://", None),
        ("https://user:pw@x.example/", None),
        ("https://x.example:99999999/", None),
        ("http://[::1", None),
        ("https://x.example/" + "a" * 3000, None),
    ],
)
def test_urls(text: str, expected: str | None):
    assert http_url(text, URL) == expected


def test_canonical_urls():
    plain = "https://x.example/job?id=7"
    for other in (
        "HTTPS://X.example:443/job?id=7",
        "https://x.example/job?id=7&utm_source=feed&utm_medium=a",
        "https://x.example/job?gclid=1&id=7",
    ):
        assert canonical(other) == plain
    assert canonical("https://x.example") == "https://x.example/"
    assert canonical("https://x.example/#/job/7") != canonical("https://x.example/#/job/8")


def test_description_is_cleaned():
    dirty = '<p onclick="x()">Hi<script>steal()</script> <a href="javascript:x">a</a><img src=x onerror=y></p>'
    assert clean_html([dirty]) == '<p>Hi <a rel="noopener noreferrer nofollow">a</a></p>'
    assert clean_html(["&lt;p&gt;Protect &amp;amp; serve.&lt;/p&gt;"]) == "<p>Protect &amp; serve.</p>"
    assert clean_html(["one\ntwo < three"]) == "one<br>two &lt; three"
    assert text_of(clean_html(["<ul><li>a</li><li>b &amp; c</li></ul>d"])) == "a\nb & c\nd"
    assert clean_html([""]) == ""


@pytest.mark.parametrize(
    "piece", ["<b><i>", "<div>", "<table><tr><td>", "<a href=x>", "<", "<p", "&lt;b&gt;", "<![CDATA["]
)
def test_a_hostile_description_is_cleaned_in_bounded_time(piece: str):
    start = time.perf_counter()
    cleaned = clean_html([piece * (400_000 // len(piece))])
    assert time.perf_counter() - start < 2
    assert len(cleaned) <= 1_300_000


def test_content_hash_moves_only_with_what_a_reader_sees():
    base = {
        "title": ["T"],
        "company": ["C"],
        "locations": ["A", "B"],
        "url": ["https://x.example/1?utm_source=a"],
        "description": ["<p>one <b>two</b></p>"],
        "posted_at": ["2026-01-01"],
        "tags": ["x"],
    }
    first = job(base).content_hash
    for name, texts in (
        ("locations", ["B", "A"]),
        ("url", ["https://x.example/1?utm_source=b"]),
        ("description", ["<div>one\n<i>two</i></div>"]),
        ("posted_at", ["2026-02-02"]),
        ("tags", ["y"]),
    ):
        assert job({**base, name: texts}).content_hash == first, name
    for name, texts in (
        ("title", ["U"]),
        ("company", ["D"]),
        ("locations", ["A"]),
        ("url", ["https://x.example/2"]),
        ("description", ["<p>one three</p>"]),
        ("valid_through", ["2026-05-05"]),
        ("salary", ["$5k"]),
        ("employment_types", ["intern"]),
        ("remote", ["hybrid"]),
    ):
        assert job({**base, name: texts}).content_hash != first, name


def test_search_terms_are_folded_words():
    found = job({"title": ["Señor C++ / C# Entwickler (m/w/d)"], "company": ["Müller & Söhne"], "locations": ["Łódź"]})
    assert found.search_terms[:5] == ["senor", "c++", "c#", "entwickler", "m"]
    assert found.search_terms[-3:] == ["c:muller", "c:sohne", "l:łodz"]
    assert words("MÜLLER") == words("muller") == ["muller"]
    assert len(search_terms(" ".join(f"w{n}" for n in range(500)), tags=["more"])) == 80


def test_a_word_is_kept_once_for_each_place_where_it_stands():
    """Each is an entry of the index: what is kept twice is paid for by every import."""
    base = {"title": ["Berlin Sales, Berlin"], "company": ["Sales Berlin"], "locations": ["Berlin", "Berlin, DE"]}
    found = job({**base, "tags": ["sales", "crm"], "remote": ["hybrid"], "employment_types": ["PART_TIME"]})
    assert found.search_terms == [
        *("berlin", "sales", "c:sales", "c:berlin", "l:berlin", "l:de", "crm"),
        *("r:hybrid", "e:part_time"),
    ]


def test_source_settings_fill_what_the_feed_leaves_out():
    of = source(company="Acme", url_template="https://acme.example/job/{id}", attribution="Acme board")
    found = job({}, of)
    assert found.company == "Acme"
    assert found.url == "https://acme.example/job/1"
    assert found.metadata.attribution == "Acme board"
    assert found.metadata.source_url == URL
    assert found.posted_at is None
    assert not found.posted_at_known


@given(st.text(), st.integers(2, 50))
def test_inert_text_is_short_and_cannot_steer(text: str, limit: int):
    shown = inert(text, limit)
    assert len(shown) <= limit
    assert "\x1b" not in shown
    assert "\n" not in shown
    assert "\u202e" not in shown
