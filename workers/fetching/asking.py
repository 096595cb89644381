"""One conversation: ask, follow redirects under guard, hand over the answer whose body is wanted.

httpx asks, by a client of its own for each conversation that keeps no cookies and reads no environment; which
redirects are followed and what travels along is decided here.
"""

import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from urllib.request import Request

import httpx
import msgspec

from workers.errors import BlockedAddress, HttpRefused, NetworkFailure, StallTimeout
from workers.fetching.addresses import Guard
from workers.fetching.answers import MOVED_FOR_GOOD, Head, Validators
from workers.fetching.connecting import reason_of
from workers.fetching.slots import slot
from workers.fetching.transport import GuardedTransport
from workers.fetching.urls import is_upgrade, is_web, origin, shown
from workers.settings import FetchSettings

# At INFO the one writes whole URLs, at DEBUG the other the headers of answers: secrets may be in both.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

_ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, application/json;q=0.9, */*;q=0.5"


class Question(msgspec.Struct, frozen=True):
    """What to ask for. `private` headers go to the origin of `url` and nowhere else; `content` is posted as JSON."""

    url: httpx.URL
    public: dict[str, str]
    private: dict[str, str]
    validators: Validators
    content: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """A 200 or 304, its body not yet read, and how it was come by.

    URLs are for showing, secrets masked; but for `location`, which is never shown.
    """

    head: Head
    response: httpx.Response
    location: str
    url: str
    redirects: int
    permanent_url: str | None


@asynccontextmanager
async def ask(question: Question, settings: FetchSettings) -> AsyncGenerator[Answer]:
    """Follow redirects to an answer. Raises the failures of the contract of `fetch_feed`, and no other."""
    url, private, content, redirects = question.url, question.private, question.content, 0
    permanent: httpx.URL | None = None
    for_good = True
    conditional = bool(question.validators.headers())
    async with _client(settings) as client:
        while True:
            headers = {**question.public, **private, **question.validators.headers()}
            async with _hop(client, url, headers, content, settings) as (head, response):
                if not head.location:
                    head.check(shown(url), conditional=conditional)
                    place = shown(permanent, user="") if permanent else None
                    yield Answer(head, response, str(url), shown(url, user=""), redirects, place)
                    return
            following = _follow(url, head)
            redirects += 1
            if redirects > settings.max_redirects:
                expected = f"a feed after at most {settings.max_redirects} redirects"
                raise HttpRefused(shown(question.url), head.status, expected)
            if origin(following) != origin(url) and not is_upgrade(url, following):
                private = {}
                if content:
                    text = f"{shown(question.url)} redirects what is posted to {shown(following)}"
                    raise BlockedAddress(f"{text}: expected the same host")
            if head.status == 303:
                content = b""
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


class _NoCookies(CookieJar):
    """Keeps nothing. A policy that refuses all would do so too, but only after reading what the server sent."""

    def extract_cookies(self, response: HTTPResponse, request: Request) -> None:
        """Leave them where they are."""


def _client(settings: FetchSettings) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        # Without an Auth of its own httpx sends the user and password of any URL: also of one redirected to.
        auth=httpx.Auth(),
        cookies=_NoCookies(),
        follow_redirects=False,
        headers={"accept": _ACCEPT, "accept-encoding": "gzip", "connection": "close"},
        timeout=httpx.Timeout(settings.stall_timeout, connect=settings.connect_timeout),
        transport=GuardedTransport(Guard(settings.allow_hosts)),
        trust_env=False,
    )


@asynccontextmanager
async def _hop(
    client: httpx.AsyncClient, url: httpx.URL, headers: dict[str, str], content: bytes, settings: FetchSettings
) -> AsyncGenerator[tuple[Head, httpx.Response]]:
    """Ask one URL; the connection is closed on leaving, whatever is left of the body."""
    latin = httpx.Headers(headers, encoding="latin-1")
    method = "GET"
    if content:
        method = "POST"
        latin["content-type"] = "application/json"
    async with slot(url.host, settings.connections_per_host, settings.connect_timeout):
        with _speaking(shown(url), settings):
            async with client.stream(method, url, headers=latin, content=content or None) as response:
                yield Head(response.status_code, response.headers), response


@contextmanager
def _speaking(url: str, settings: FetchSettings) -> Generator[None]:
    """Turn httpx's failures into ours."""
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise NetworkFailure(f"{url}: no connection within {settings.connect_timeout:g} s") from error
    except httpx.TimeoutException as error:
        raise StallTimeout(f"{url} sent nothing for {settings.stall_timeout:g} s") from error
    except httpx.ProtocolError as error:
        raise NetworkFailure(f"{url} broke off, or does not speak HTTP: expected an HTTP/1.1 answer") from error
    except httpx.TransportError as error:
        raise NetworkFailure(f"{url}: {reason_of(error)}") from error
