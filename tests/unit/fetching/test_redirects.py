"""Redirects: how far, where to, and what travels along."""

import pytest

from tests.feed_server import FeedServer, Reply
from tests.unit.fetching.conftest import changed, read
from workers.errors import BlockedAddress, HttpRefused
from workers.fetching import Validators
from workers.settings import FetchSettings

FEED = b"<rss/>"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_followed(server: FeedServer, settings: FetchSettings, status: int):
    server.on("/old", Reply.redirect("/new?x=1", status))
    target = server.on("/new", Reply(FEED, etag='"1"'))
    body, data = await read(server.url("/old"), settings, Validators('"0"'))
    assert (data, body.url, body.redirects) == (FEED, f"{target}?x=1", 1)
    assert body.permanent_url == (f"{target}?x=1" if status in (301, 308) else None)
    assert server.requests[1].headers["if-none-match"] == '"0"'


async def test_only_an_unbroken_chain_of_permanent_redirects_is_remembered(server: FeedServer, settings: FetchSettings):
    server.on("/1", Reply.redirect("/2", 301))
    server.on("/2", Reply.redirect("/3", 308))
    server.on("/3", Reply.redirect("/4", 302))
    server.on("/4", Reply.redirect("/5", 301))
    server.on("/5", Reply(FEED))
    body, _ = await read(server.url("/1"), settings)
    assert (body.redirects, body.permanent_url) == (4, server.url("/3"))


async def test_a_loop_ends(server: FeedServer, settings: FetchSettings):
    url = server.on("/loop", Reply.redirect("/loop"))
    with pytest.raises(HttpRefused, match="answered 302: expected a feed after at most 5 redirects"):
        await read(url, settings)
    assert len(server.requests) == 6
    with pytest.raises(HttpRefused, match="at most 0 redirects"):
        await read(url, changed(settings, max_redirects=0))


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/x", "javascript:alert(1)", "data:,x"],
)
async def test_only_to_web_addresses(server: FeedServer, settings: FetchSettings, location: str):
    url = server.on("/old", Reply.redirect(location))
    with pytest.raises((BlockedAddress, HttpRefused), match=r"redirects to|expected a redirect to a URL"):
        await read(url, settings)


@pytest.mark.parametrize("location", ["http://[::1", "http://a:port/", "http://\x7f/", ""])
async def test_only_to_urls(server: FeedServer, settings: FetchSettings, location: str):
    url = server.on("/old", Reply.redirect(location))
    with pytest.raises(HttpRefused, match="answered 302: expected "):
        await read(url, settings)


async def test_never_from_https_to_http(secure: FeedServer, server: FeedServer, settings: FetchSettings):
    server.on("/feed.xml", Reply(FEED))
    url = secure.on("/old", Reply.redirect(server.url("/feed.xml")))
    with pytest.raises(BlockedAddress, match="expected https to stay https"):
        await read(url, settings)
    assert not server.requests


async def test_credentials_stay_with_their_origin(
    server: FeedServer, settings: FetchSettings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ACME_TOKEN", "hunter2")
    headers = {"Authorization": "env:ACME_TOKEN", "X-Key": "env:ACME_TOKEN", "Accept": "text/xml"}
    with FeedServer() as other:
        server.on("/feed.xml", Reply.redirect("/same"))
        server.on("/same", Reply.redirect(other.url("/other").replace("//", "//me:mine@")))
        other.on("/other", Reply.redirect(server.url("/back")))
        server.on("/back", Reply(FEED))
        assert (await read(server.url("/feed.xml"), settings, headers=headers))[1] == FEED
        first, same, back = server.requests
        (away,) = other.requests
    for request in (first, same):
        assert (request.headers["authorization"], request.headers["x-key"]) == ("hunter2", "hunter2")
    for request in (away, back):
        assert not {"authorization", "x-key", "cookie"} & set(request.headers)
        assert request.headers["accept"] == "text/xml"


@pytest.mark.parametrize("user", ["", "me:mine@", "[me@"])
async def test_cookies_are_not_kept_on_the_way(server: FeedServer, settings: FetchSettings, user: str):
    cookie = {"Set-Cookie": "spy=1; Path=/"}
    target = server.url("/new").replace("//", f"//{user}")
    server.on("/old", Reply(status=302, headers={"Location": target, **cookie}))
    server.on("/new", Reply(status=302, headers={"Location": "/last", **cookie}))
    server.on("/last", Reply(FEED, headers=cookie))
    assert (await read(server.url("/old"), settings))[1] == FEED
    assert [request.path for request in server.requests] == ["/old", "/new", "/last"]
    assert not any({"cookie", "authorization"} & set(request.headers) for request in server.requests)
