"""A scripted server, settings that let its address through, and one call that reads a feed to its end."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from tests.feed_server import LIMIT, FeedServer
from workers.fetching import FeedBody, Validators, connecting, fetch_feed
from workers.model import Source
from workers.model.source import Seconds, Size
from workers.settings import FetchSettings

CERTIFICATE = Path(__file__).with_name("loopback.pem")


@pytest.fixture(scope="session", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    """A server that speaks HTTPS, by a certificate that this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    connecting.tls_context.cache_clear()
    with FeedServer(certificate=CERTIFICATE) as running:
        yield running
    connecting.tls_context.cache_clear()


@pytest.fixture
def settings() -> FetchSettings:
    return FetchSettings(
        allow_hosts=["127.0.0.1"],
        connect_timeout=Seconds(5),
        stall_timeout=Seconds(5),
        total_timeout=Seconds(20),
        max_bytes=Size(64 * 2**20),
    )


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Host names and what they resolve to: a list of addresses a look-up, the last one for ever after."""
    table: dict[str, list[list[str]]] = {}
    resolve = anyio.getaddrinfo

    async def look_up(host: str, port: int, **more: Any) -> Any:
        if host not in table:
            return await resolve(host, port, **more)
        answers = table[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [entry for address in addresses for entry in await resolve(address, port, **more)]

    monkeypatch.setattr(connecting.anyio, "getaddrinfo", look_up)
    return table


def changed(settings: FetchSettings, **changes: Any) -> FetchSettings:
    return msgspec.structs.replace(settings, **changes)


def source(url: str, **more: Any) -> Source:
    return Source(name="acme", url=url, **more)


async def read(
    url: str, settings: FetchSettings, validators: Validators | None = None, **more: Any
) -> tuple[FeedBody, bytes]:
    """Fetch a feed to its end."""
    async with fetch_feed(source(url, **more), settings, validators) as body:
        return body, b"".join([chunk async for chunk in body.chunks()])


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for a condition without blocking the loop; AssertionError after LIMIT seconds."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await anyio.sleep(0.005)
