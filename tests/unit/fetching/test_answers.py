"""What the head of an answer says."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from workers.errors import HttpRefused, HttpUnavailable
from workers.fetching.answers import Head, Validators

URL = "https://feeds.example/"


def head(status: int = 200, **headers: str) -> Head:
    return Head(status, httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("120", 120), ("99999999", 3600), ("9" * 5000, 3600), (" 7 ", 7)],
)
def test_retry_after_in_seconds(text: str, seconds: float):
    assert head(503, retry_after=text).retry_after == seconds


@pytest.mark.parametrize("text", ["", "-5", "soon", "1.5", "1e9", "Wed, 99 Foo 2026", "inf", "٣"])
def test_retry_after_that_says_nothing(text: str):
    assert Head(503, httpx.Headers({"retry-after": text}, encoding="utf-8")).retry_after is None


def test_retry_after_as_a_date():
    now = datetime.now(UTC)
    soon = head(503, retry_after=format_datetime(now + timedelta(seconds=90), usegmt=True)).retry_after
    assert soon is not None
    assert 80 < soon <= 90
    assert head(503, retry_after=format_datetime(now - timedelta(days=1), usegmt=True)).retry_after == 0
    assert head(503, retry_after=format_datetime(now + timedelta(days=9), usegmt=True)).retry_after == 3600


@pytest.mark.parametrize(
    ("value", "media", "charset"),
    [
        ("text/xml; charset=ISO-8859-1", "text/xml", "iso-8859-1"),
        ('Application/RSS+XML;Charset="UTF-8"', "application/rss+xml", "utf-8"),
        ("text/xml", "text/xml", None),
        ("text/xml; charset=", "text/xml", None),
        ("text/xml; charset=\x1b[2J", "text/xml", None),
        ("nonsense", "", None),
        ("", "", None),
    ],
)
def test_content_type(value: str, media: str, charset: str | None):
    answer = head(content_type=value)
    assert (answer.content_type, answer.charset) == (media, charset)


def test_validators_that_no_server_means_are_left_out():
    assert head(etag='W/"1"', last_modified="yesterday").validators == Validators('W/"1"', "yesterday")
    assert head(etag="x" * 2000, last_modified="a\tb").validators == Validators()
    assert head().validators == Validators()
    assert Head(200, httpx.Headers([(b"etag", '"€"'.encode())])).validators == Validators()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 522, 599])
def test_statuses_to_try_again(status: int):
    with pytest.raises(HttpUnavailable, match=f"answered {status}, asking to wait 7 s") as caught:
        head(status, retry_after="7").check(URL, conditional=False)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("status", [201, 204, 206, 300, 302, 400, 401, 403, 404, 410, 418, 451])
def test_statuses_that_are_final(status: int):
    with pytest.raises(HttpRefused, match=f"answered {status}: expected 200"):
        head(status).check(URL, conditional=True)


def test_304_only_where_it_was_asked_for():
    head(304).check(URL, conditional=True)
    with pytest.raises(HttpRefused, match=r"answered 304: expected 200$"):
        head(304).check(URL, conditional=False)
