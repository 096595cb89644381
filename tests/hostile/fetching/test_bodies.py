"""Bodies made to fill memory, disk or time. Memory is measured."""

import gzip
import threading
import time
import tracemalloc
import zlib
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.feed_server import Call, FeedServer, Reply
from tests.unit.fetching.conftest import changed, source
from workers.errors import JobImportError, NetworkFailure, NotAFeed, StallTimeout, TooLarge
from workers.fetching import fetch_feed
from workers.settings import FetchSettings

MIB = 2**20
BOUND = 16 * MIB  # of which uvloop and the kernel's generosity on loopback take 8, whatever the size


def bomb(size: int) -> bytes:
    """A gzip stream of so many zeros: about a thousandth of it on the wire."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(bytes(MIB)) for _ in range(size // MIB)]
    return b"".join(parts) + packer.flush()


@contextmanager
def memory_below(limit: int) -> Generator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak / MIB:.1f} MiB were in use at once"


async def outcome(url: str, settings: FetchSettings) -> tuple[int, JobImportError]:
    """How many bytes came out, and the failure that ended it."""
    got = 0
    with pytest.raises(JobImportError) as caught:
        async with fetch_feed(source(url), settings) as body:
            async for chunk in body.chunks():
                got += len(chunk)
    return got, caught.value


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {}], ids=["labelled", "unlabelled"])
async def test_a_gzip_bomb_stops_at_the_ratio(server: FeedServer, settings: FetchSettings, headers: dict[str, str]):
    url = server.on("/bomb", Reply(bomb(256 * MIB), headers=headers))
    with memory_below(BOUND):
        got, error = await outcome(url, settings)
    assert isinstance(error, TooLarge)
    assert "inflates to more than 200 times its size" in str(error)
    assert got < 32 * MIB


async def test_a_gzip_bomb_stops_at_the_size(server: FeedServer, settings: FetchSettings):
    url = server.on("/bomb", Reply(bomb(256 * MIB)))
    with memory_below(BOUND):
        got, error = await outcome(url, changed(settings, max_ratio=10_000, max_bytes=32 * MIB))
    assert isinstance(error, TooLarge)
    assert f"inflates to more than {32 * MIB} bytes" in str(error)
    assert 31 * MIB < got <= 32 * MIB


@pytest.mark.parametrize("coding", ["gzip, gzip", "gzip,gzip,gzip", "br", "zstd", "gzip, br", "deflate"])
async def test_stacked_and_unasked_codings_are_not_even_read(server: FeedServer, settings: FetchSettings, coding: str):
    url = server.on("/bomb", Reply(gzip.compress(bomb(64 * MIB)), headers={"Content-Encoding": coding}))
    got, error = await outcome(url, settings)
    assert (got, type(error)) == (0, NotAFeed)


async def test_a_bomb_in_a_bomb(server: FeedServer, settings: FetchSettings):
    url = server.on("/bomb", Reply(gzip.compress(bomb(64 * MIB)), headers={"Content-Encoding": "gzip"}))
    got, error = await outcome(url, settings)
    assert (got, type(error)) == (0, NotAFeed)


async def test_many_empty_gzip_members(server: FeedServer, settings: FetchSettings):
    url = server.on("/members", Reply(gzip.compress(b"", mtime=0) * 20_000))
    with memory_below(BOUND):
        async with fetch_feed(source(url), settings) as body:
            assert [chunk async for chunk in body.chunks()] == []


def endless(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<rss>")
    while True:
        call.send(b"<item><title>more</title></item>" * 1000)


async def test_an_endless_body(server: FeedServer, settings: FetchSettings):
    with memory_below(BOUND):
        got, error = await outcome(server.on("/endless", endless), settings)
    assert isinstance(error, TooLarge)
    assert f"sends more than {settings.max_bytes} bytes" in str(error)
    assert got <= settings.max_bytes


@pytest.mark.parametrize(
    ("head", "piece", "text"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n<rss>", b"x", "was not read to its end within 1 s: "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", "was not read to its end"),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n", "did not answer within 1 s"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", "did not answer within 1 s"),
    ],
    ids=["body", "chunks", "headers", "continue"],
)
async def test_a_drip_meets_the_total_deadline(
    server: FeedServer, settings: FetchSettings, head: bytes, piece: bytes, text: str
):
    def script(call: Call) -> None:
        call.send(head)
        while not call.wait(threading.Event(), 0.05):
            call.send(piece)

    started = time.monotonic()
    _, error = await outcome(server.on("/drip", script), changed(settings, total_timeout=1))
    assert isinstance(error, StallTimeout)
    assert text in str(error)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-", b"HTTP/1.1 200 OK\r\n\r\n<rss>"])
async def test_silence_meets_the_stall_timeout(server: FeedServer, settings: FetchSettings, head: bytes):
    gone = threading.Event()

    def script(call: Call) -> None:
        call.send(head)
        if call.gone():
            gone.set()

    _, error = await outcome(server.on("/silent", script), changed(settings, stall_timeout=0.3))
    assert isinstance(error, StallTimeout)
    assert "sent nothing for 0.3 s" in str(error)
    assert gone.wait(5)


async def test_headers_without_end(server: FeedServer, settings: FetchSettings):
    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            call.send(b"X-More: " + b"x" * 1000 + b"\r\n")

    with memory_below(BOUND):
        _, error = await outcome(server.on("/headers", script), settings)
    assert isinstance(error, NetworkFailure)


async def test_ten_thousand_redirects(server: FeedServer, settings: FetchSettings):
    for number in range(10):
        server.on(f"/{number}", Reply.redirect(f"/{number + 1}?{'x' * 5000}", 301))
    _, error = await outcome(server.url("/0"), settings)
    assert "expected a feed after at most 5 redirects" in str(error)
    assert len(str(error)) < 600
