"""Fetching from a real server."""

import gzip
import hashlib
import logging
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.feed_server import Call, FeedServer, Reply
from tests.unit.fetching.conftest import changed, eventually, read, source
from workers.errors import (
    BodyTruncated,
    ConfigError,
    Deferred,
    HttpRefused,
    HttpUnavailable,
    JobImportError,
    NetworkFailure,
    NotAFeed,
    TooLarge,
)
from workers.fetching import Validators, fetch_feed, spool
from workers.settings import FetchSettings

FEED = b"<rss>" + random.Random(1).randbytes(300_000) + b"</rss>"


@pytest.mark.parametrize("packed", [False, True])
async def test_a_feed_and_what_its_head_says(server: FeedServer, settings: FetchSettings, packed: bool):
    reply = Reply(
        FEED,
        gzip=packed,
        etag='W/"7"',
        last_modified="Mon, 05 Jan 2026 10:00:00 GMT",
        content_type="application/rss+xml; charset=ISO-8859-1",
    )
    url = server.on("/feed.xml", reply)
    body, data = await read(url, settings)
    assert data == FEED
    assert (body.status, body.url, body.redirects, body.permanent_url) == (200, url, 0, None)
    assert (body.etag, body.last_modified) == ('W/"7"', "Mon, 05 Jan 2026 10:00:00 GMT")
    assert (body.content_type, body.charset) == ("application/rss+xml", "iso-8859-1")
    assert body.sha256 == hashlib.sha256(FEED).hexdigest()
    assert body.bytes == len(FEED)
    assert body.wire_bytes == len(gzip.compress(FEED, mtime=0) if packed else FEED)
    assert body.error is None
    assert body.duration_ms > 0


async def test_what_is_asked(server: FeedServer, settings: FetchSettings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ACME_TOKEN", "hunter2")
    url = server.on("/feed.xml", Reply(FEED, headers={"Set-Cookie": "spy=1"}))
    for _ in range(2):
        await read(url, settings, headers={"Authorization": "env:ACME_TOKEN", "Accept": "text/xml"})
    headers = server.requests[1].headers
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert headers["user-agent"] == settings.user_agent
    assert headers["accept-encoding"] == "gzip"
    assert headers["authorization"] == "hunter2"
    assert headers["accept"] == "text/xml"
    assert "cookie" not in headers


async def test_a_header_goes_out_as_latin_1(server: FeedServer, settings: FetchSettings):
    await read(server.on("/feed.xml", Reply(FEED)), settings, headers={"X-Name": "Käse"})
    assert server.requests[0].headers["x-name"] == "Käse"


async def test_chunks_are_small_and_come_again(server: FeedServer, settings: FetchSettings):
    async with fetch_feed(source(server.on("/feed.xml", Reply(FEED))), settings) as body:
        sizes = [len(chunk) async for chunk in body.chunks()]
        assert max(sizes) <= 64 * 1024
        assert b"".join([chunk async for chunk in body.again()]) == FEED
        assert b"".join([chunk async for chunk in body.again()]) == FEED


async def test_not_modified(server: FeedServer, settings: FetchSettings):
    url = server.on("/feed.xml", Reply(FEED, etag='"1"'))
    body, data = await read(url, settings, Validators('"1"', "Mon, 05 Jan 2026 10:00:00 GMT"))
    assert (body.status, data, body.bytes, body.sha256) == (304, b"", 0, None)
    assert (body.etag, body.last_modified) == ('"1"', "Mon, 05 Jan 2026 10:00:00 GMT")
    assert server.requests[0].headers["if-modified-since"] == "Mon, 05 Jan 2026 10:00:00 GMT"
    body, data = await read(url, settings, Validators('"0"'))
    assert (body.status, data) == (200, FEED)


async def test_statuses(server: FeedServer, settings: FetchSettings):
    url = server.on("/gone", Reply(status=410))
    with pytest.raises(HttpRefused, match=rf"^{url} answered 410: expected 200$"):
        await read(url, settings)
    url = server.on("/busy", Reply(status=503, headers={"Retry-After": "7"}))
    with pytest.raises(HttpUnavailable, match="answered 503, asking to wait 7 s") as caught:
        await read(url, settings)
    assert caught.value.retry_after == 7


async def test_a_compressed_file_without_a_label_is_inflated(server: FeedServer, settings: FetchSettings):
    url = server.on("/feed.xml.gz", Reply(gzip.compress(FEED), content_type="application/gzip"))
    assert (await read(url, settings))[1] == FEED


async def test_a_plain_body_with_a_label_is_read(server: FeedServer, settings: FetchSettings):
    url = server.on("/feed.xml", Reply(FEED, headers={"Content-Encoding": "gzip"}))
    assert (await read(url, settings))[1] == FEED


async def test_a_body_without_a_length_ends_with_the_connection(server: FeedServer, settings: FetchSettings):
    url = server.on("/feed.xml", Reply([FEED, FEED], chunked=False))
    assert (await read(url, settings))[1] == FEED + FEED


SHORT = [
    (Reply(FEED, length=len(FEED) + 10), f"ended after {len(FEED)} bytes: expected {len(FEED) + 10} bytes"),
    (Reply(FEED, gzip=True, cut=100_000), "ended after 100000 bytes: expected "),
]


@pytest.mark.parametrize(("reply", "text"), SHORT)
async def test_a_body_shorter_than_promised(server: FeedServer, settings: FetchSettings, reply: Reply, text: str):
    url = server.on("/feed.xml", reply)
    async with fetch_feed(source(url), settings) as body:
        got = b""
        with pytest.raises(BodyTruncated, match=text):
            async for chunk in body.chunks():
                got += chunk
        assert got == FEED[: len(got)]
        assert len(got) > 50_000
        assert b"".join([chunk async for chunk in body.again()]) == got
        assert body.sha256 is None
        assert isinstance(body.error, BodyTruncated)


async def test_chunks_that_break_off(server: FeedServer, settings: FetchSettings):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    url = server.on("/feed.xml", lambda call: call.send(head + b"4\r\n<rss\r\n400\r\n>"))
    with pytest.raises(BodyTruncated, match="ended after 5 bytes: expected its last chunk"):
        await read(url, settings)
    url = server.on("/feed.xml", lambda call: call.send(head + b"4\r\n<rss\r\n\x1b[31m\r\n"))
    with pytest.raises(BodyTruncated) as caught:
        await read(url, settings)
    assert "\x1b" not in str(caught.value)


async def test_a_connection_that_breaks(server: FeedServer, settings: FetchSettings):
    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n<rss>")
        call.wait(begun)
        call.reset()

    begun = threading.Event()
    async with fetch_feed(source(server.on("/feed.xml", script)), settings) as body:
        chunks = body.chunks()
        assert await anext(chunks) == b"<rss>"
        begun.set()
        with pytest.raises(NetworkFailure, match="Connection reset by peer"):
            await anext(chunks)


async def test_half_a_gzip_stream(server: FeedServer, settings: FetchSettings):
    half = gzip.compress(FEED)[:150_000]
    url = server.on("/feed.xml", Reply(half, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(BodyTruncated, match="ended inside its gzip data"):
        await read(url, settings)


async def test_sizes(server: FeedServer, settings: FetchSettings):
    url = server.on("/feed.xml", Reply(FEED))
    with pytest.raises(TooLarge, match=rf"has {len(FEED)} bytes: expected at most 1000"):
        await read(url, settings, max_bytes=1000)
    url = server.on("/feed.xml", Reply([FEED]))
    with pytest.raises(TooLarge, match="sends more than 1000 bytes"):
        await read(url, changed(settings, max_bytes=1000))
    assert (await read(url, changed(settings, max_bytes=1000), max_bytes=10**6))[1] == FEED


async def test_another_encoding(server: FeedServer, settings: FetchSettings):
    url = server.on("/feed.xml", Reply(FEED, headers={"Content-Encoding": "br"}))
    with pytest.raises(NotAFeed, match="is encoded as br: expected gzip once, or nothing"):
        await read(url, settings)


async def test_no_connection(settings: FetchSettings):
    with FeedServer() as closed:
        url = closed.url("/")
    with pytest.raises(NetworkFailure, match=rf"^{url}: no connection: Connection refused$"):
        await read(url, settings)
    with pytest.raises(NetworkFailure, match="the host does not resolve: "):
        await read("http://no-such-host.invalid/", settings)
    with pytest.raises(NetworkFailure, match="the host does not resolve: "):
        await read(f"http://{'a' * 70}.example/", settings)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"])
async def test_what_is_not_http(server: FeedServer, settings: FetchSettings, answer: bytes):
    url = server.on("/feed.xml", lambda call: call.send(answer))
    with pytest.raises(NetworkFailure, match=r"broke off, or does not speak HTTP: expected an HTTP/1.1 answer"):
        await read(url, settings)


async def test_tls(secure: FeedServer, server: FeedServer, settings: FetchSettings, names: dict[str, list[list[str]]]):
    names["feeds.example"] = [["127.0.0.1"]]
    assert (await read(secure.on("/feed.xml", Reply(FEED, gzip=True)), settings))[1] == FEED
    with pytest.raises(NetworkFailure, match=r"the certificate is not accepted \(Hostname mismatch"):
        await read(secure.url("/", host="feeds.example"), settings)
    with pytest.raises(NetworkFailure, match=r"TLS failed \(wrong version number\)"):
        await read(server.url("/").replace("http:", "https:"), settings)


async def test_settings_that_cannot_be_used(settings: FetchSettings):
    with pytest.raises(ConfigError, match=r"acme.toml: url is 'ftp://x'"):
        await read("ftp://x", settings)
    with pytest.raises(ConfigError, match=r"acme.toml: headers.X-Key is 'env:ACME_UNSET'"):
        await read("http://127.0.0.1:1/", settings, headers={"X-Key": "env:ACME_UNSET"})


async def test_a_slow_reader_does_not_hold_the_download_up(server: FeedServer, settings: FetchSettings):
    """Rule 12: the server's connection is done with while the reader has read one chunk."""
    large = random.Random(2).randbytes(8 * 2**20)
    url = server.on("/feed.xml", Reply(large, gzip=True))
    async with fetch_feed(source(url), settings) as body:
        chunks = body.chunks()
        first = await anext(chunks)
        await eventually(lambda: body.sha256 is not None)
        await eventually(lambda: server.connections == 0)
        assert first + b"".join([chunk async for chunk in chunks]) == large


async def test_chunks_come_as_they_arrive(server: FeedServer, settings: FetchSettings):
    seen = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"<rss>"
        server.wait(seen)
        yield b"</rss>"

    async with fetch_feed(source(server.on("/feed.xml", Reply(pieces(), gzip=True))), settings) as body:
        chunks = body.chunks()
        assert await anext(chunks) == b"<rss>"
        seen.set()
        assert await anext(chunks) == b"</rss>"


def spools() -> int:
    """How many unlinked files this process holds open in the folder of the spools."""
    links = [Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd")]
    names = [str(link.readlink()) for link in links if link.is_symlink()]
    return sum(name.startswith(str(spool.folder())) and name.endswith("(deleted)") for name in names)


class Endless:
    """Sends without end and notices when the client goes."""

    def __init__(self, server: FeedServer) -> None:
        self.gone = threading.Event()
        self.url = server.on("/endless", self)

    def __call__(self, call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                call.send(b"<item/>" * 1000)
        except OSError:
            self.gone.set()


async def test_leaving_early_closes_the_connection(server: FeedServer, settings: FetchSettings):
    endless = Endless(server)
    async with fetch_feed(source(endless.url), settings) as body:
        await anext(body.chunks())
    await eventually(endless.gone.is_set)


async def test_a_callers_failure_comes_out_bare_and_closes_the_connection(server: FeedServer, settings: FetchSettings):
    endless = Endless(server)
    mine = KeyError("mine")
    with pytest.raises(KeyError) as caught:
        async with fetch_feed(source(endless.url), settings) as body:
            await anext(body.chunks())
            raise mine
    assert caught.value is mine
    await eventually(endless.gone.is_set)


@pytest.mark.parametrize("reading", [False, True])
async def test_cancelling_closes_the_connection(server: FeedServer, settings: FetchSettings, reading: bool):
    endless = Endless(server)
    with anyio.CancelScope() as scope:
        async with fetch_feed(source(endless.url), settings) as body:
            async for _ in body.chunks():
                assert spools() == 1
                scope.cancel()
                if not reading:
                    await anyio.sleep_forever()
    assert scope.cancelled_caught
    await eventually(endless.gone.is_set)
    await eventually(lambda: server.connections == 0)
    assert spools() == 0


async def test_cancelling_while_the_server_thinks(server: FeedServer, settings: FetchSettings):
    gone = threading.Event()
    url = server.on("/feed.xml", lambda call: gone.set() if call.gone() else None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, url, settings)
        await eventually(lambda: bool(server.requests))
        tasks.cancel_scope.cancel()
    await eventually(gone.is_set)


async def test_connections_a_host_are_limited(server: FeedServer, settings: FetchSettings):
    settings = changed(settings, connections_per_host=2, connect_timeout=0.2)
    go = threading.Event()
    url = server.on("/feed.xml", lambda call: call.reply(Reply(FEED)) if call.wait(go) else None)
    done: list[int] = []

    async def one() -> None:
        await read(url, settings)
        done.append(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        tasks.start_soon(one)
        await eventually(lambda: len(server.requests) == 2)
        with pytest.raises(Deferred, match=r"127.0.0.1 has 2 connections open") as caught:
            await read(url, settings)
        assert caught.value.delay > 0
        go.set()
    assert len(done) == 2
    assert (await read(url, settings))[1] == FEED


async def test_secrets_are_in_no_log_and_no_failure(
    server: FeedServer,
    settings: FetchSettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setenv("ACME_TOKEN", "hunter2")
    server.on("/feed.xml", Reply(FEED, headers={"Set-Cookie": "sid=hunter2"}), Reply(status=404))
    url = server.url("/feed.xml?api_key=hunter2").replace("//", "//me:hunter2@")
    with caplog.at_level(logging.DEBUG):
        body, _ = await read(url, settings, headers={"X-Key": "env:ACME_TOKEN"})
        with pytest.raises(JobImportError) as caught:
            await read(url, settings, headers={"X-Key": "env:ACME_TOKEN"})
    assert server.requests[0].path == "/feed.xml?api_key=hunter2"
    assert server.requests[0].headers["x-key"] == "hunter2"
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert body.url == server.url("/feed.xml?api_key=***")
    assert "hunter2" not in caplog.text + str(caught.value) + repr(caught.value.args)
