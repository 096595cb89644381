"""How URLs are read, compared and shown."""

import httpx
import pytest

from workers.fetching.urls import LIMIT, is_upgrade, origin, parse, shown


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://a.example/feed.xml?page=2", "https://a.example/feed.xml?page=2"),
        ("https://me:hunter2@a.example/feed", "https://***@a.example/feed"),
        ("https://hunter2@a.example/feed", "https://***@a.example/feed"),
        ("https://a.example/?api_key=hunter2&q=x", "https://a.example/?api_key=***&q=x"),
        ("https://a.example/?q=x&access_token=hunter2#top", "https://a.example/?q=x&access_token=***"),
        ("https://a.example/?%61pp_id=hunter2", "https://a.example/?%61pp_id=***"),
        ("https://a.example/?X-Amz-Signature=hunter2", "https://a.example/?X-Amz-Signature=***"),
        (
            "https://a.example/?keywords=nurse&author=x&designer=y",
            "https://a.example/?keywords=nurse&author=x&designer=y",
        ),
        ("https://a.example/?token=", "https://a.example/?token="),
        ("not a url\x1b[31m\nat all", "not a url\\x1b[31m\\nat all"),
        ("//me:hunter2@a.example", "//***@a.example"),
        ("http://[me:hunter2@a", "http://***@a"),
    ],
)
def test_shown(url: str, text: str):
    assert shown(url) == text
    assert "hunter2" not in shown(url)


def test_shown_is_bounded():
    assert len(shown("https://a.example/" + "x" * 10_000)) == LIMIT


@pytest.mark.parametrize(
    "text", ["", "feed.xml", "ftp://a.example", "file:///etc/passwd", "http://", "http://[::1", "http://a:99999/"]
)
def test_what_is_not_a_web_address(text: str):
    assert parse(text) is None


def test_origins_know_default_ports():
    assert origin(httpx.URL("https://A.example")) == origin(httpx.URL("https://a.example:443/x"))
    assert origin(httpx.URL("https://a.example")) != origin(httpx.URL("https://a.example:8443"))


@pytest.mark.parametrize(
    ("old", "new", "upgrade"),
    [
        ("http://a.example/x", "https://a.example/y", True),
        ("http://a.example:8080/x", "https://a.example/y", False),
        ("http://a.example/x", "https://a.example:8443/y", False),
        ("http://a.example/x", "https://b.example/x", False),
        ("https://a.example/x", "https://a.example/y", False),
    ],
)
def test_upgrades(old: str, new: str, upgrade: bool):
    assert is_upgrade(httpx.URL(old), httpx.URL(new)) is upgrade
