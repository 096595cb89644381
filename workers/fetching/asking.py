"""One conversation: ask, follow redirects under guard, hand over the answer whose body is wanted.

Spoken straight through httpcore's pool, one pool a request: a client on top of it would keep cookies, read the
environment and log whole URLs, secrets included.
"""

import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import anyio.to_thread
import httpcore
import httpx
import msgspec
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream

from workers.errors import BlockedAddress, HttpRefused, NetworkFailure, StallTimeout
from workers.fetching.addresses import Guard
from workers.fetching.answers import MOVED_FOR_GOOD, Head, Validators
from workers.fetching.connecting import GuardedBackend, reason_of, tls_context
from workers.fetching.slots import slot
from workers.fetching.urls import is_upgrade, is_web, origin, shown
from workers.settings import FetchSettings

# At DEBUG it writes the headers of answers, which may hold what nobody should read in a log.
logging.getLogger("httpcore").setLevel(logging.WARNING)

_ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, application/json;q=0.9, */*;q=0.5"


class Question(msgspec.Struct, frozen=True):
    """What to ask for. `private` headers go to the origin of `url` and nowhere else."""

    url: httpx.URL
    public: dict[str, str]
    private: dict[str, str]
    validators: Validators


class Answer(msgspec.Struct, frozen=True):
    """A 200 or 304, its body not yet read, and how it was come by. URLs are for showing: secrets masked."""

    head: Head
    response: httpcore.Response
    url: str
    redirects: int
    permanent_url: str | None


@asynccontextmanager
async def ask(question: Question, settings: FetchSettings) -> AsyncGenerator[Answer]:
    """Follow redirects to an answer. Raises the failures of the contract of `fetch_feed`, and no other."""
    url, private, redirects = question.url, question.private, 0
    permanent: httpx.URL | None = None
    for_good = True
    conditional = bool(question.validators.headers())
    while True:
        headers = {**question.public, **private, **question.validators.headers()}
        async with _hop(url, headers, settings) as (head, response):
            if not head.location:
                head.check(shown(url), conditional=conditional)
                place = shown(permanent, user="") if permanent else None
                yield Answer(head, response, shown(url, user=""), redirects, place)
                return
        following = _follow(url, head)
        redirects += 1
        if redirects > settings.max_redirects:
            expected = f"a feed after at most {settings.max_redirects} redirects"
            raise HttpRefused(shown(question.url), head.status, expected)
        if origin(following) != origin(url) and not is_upgrade(url, following):
            private = {}
        for_good = for_good and head.status in MOVED_FOR_GOOD
        permanent = following if for_good else permanent
        url = following


def _follow(url: httpx.URL, head: Head) -> httpx.URL:
    """Say where a redirect leads, if it may be followed there."""
    try:
        following = url.join(head.location)
    except httpx.InvalidURL as error:
        raise HttpRefused(shown(url), head.status, "a redirect to a URL") from error
    if not is_web(following):
        raise BlockedAddress(f"{shown(url)} redirects to {shown(following)}: expected an http or https URL")
    if url.scheme == "https" and following.scheme == "http":
        raise BlockedAddress(f"{shown(url)} redirects to {shown(following)}: expected https to stay https")
    return following


@asynccontextmanager
async def _hop(
    url: httpx.URL, headers: dict[str, str], settings: FetchSettings
) -> AsyncGenerator[tuple[Head, httpcore.Response]]:
    """Ask one URL; the connection is closed on leaving, whatever is left of the body."""
    backend = GuardedBackend(shown(url), Guard(settings.allow_hosts))
    ours = {
        "host": url.netloc.decode("ascii"),
        "user-agent": settings.user_agent,
        "accept": _ACCEPT,
        "accept-encoding": "gzip",
    }
    request = httpcore.Request(
        "GET",
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in {**ours, **headers}.items()],
        extensions={"timeout": _timeouts(settings)},
    )
    async with slot(url.host, settings.connections_per_host, settings.connect_timeout):
        # Its first making reads a file of authorities for 50 ms and more: not on the loop.
        context = await anyio.to_thread.run_sync(tls_context) if url.scheme == "https" else None
        pool = httpcore.AsyncConnectionPool(context, max_connections=1, network_backend=backend)
        async with pool:
            with speaking(shown(url), settings):
                response = await pool.handle_async_request(request)
            try:
                yield Head(response.status, httpx.Headers(response.headers)), response
            finally:
                await response.aclose()


def _timeouts(settings: FetchSettings) -> dict[str, float]:
    return {
        "connect": settings.connect_timeout,
        "read": settings.stall_timeout,
        "write": settings.stall_timeout,
    }


@contextmanager
def speaking(url: str, settings: FetchSettings) -> Generator[None]:
    """Turn what the network libraries raise into our failures."""
    try:
        yield
    except httpcore.ConnectTimeout as error:
        raise NetworkFailure(f"{url}: no connection within {settings.connect_timeout:g} s") from error
    except httpcore.TimeoutException as error:
        raise StallTimeout(f"{url} sent nothing for {settings.stall_timeout:g} s") from error
    except httpcore.ProtocolError as error:
        raise NetworkFailure(f"{url} broke off, or does not speak HTTP: expected an HTTP/1.1 answer") from error
    except (httpcore.NetworkError, OSError, BrokenResourceError, ClosedResourceError, EndOfStream) as error:
        raise NetworkFailure(f"{url}: {reason_of(error)}") from error
