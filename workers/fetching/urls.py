"""URLs: what may be asked for, what counts as one origin, and how a URL is shown."""

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote, quote_plus, unquote_plus

import httpx

LIMIT = 400  # characters of a URL in a sentence or a row

_SECRET = re.compile(
    r"key(?!word)|token|secret|passw|signature|credential|session"
    r"|(?<![a-z])(?:app_?id|auth|authorization|pass|pwd|sid|sig|user|username)(?![a-z])",
    re.IGNORECASE,
)
_hidden: ContextVar[tuple[str, ...]] = ContextVar("fetching_hidden", default=())
_PORTS = {"http": 80, "https": 443}


def parse(text: str) -> httpx.URL | None:
    """Read an absolute http(s) URL; None for anything else."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return None
    return url if is_web(url) else None


def is_web(url: httpx.URL) -> bool:
    """Say whether it is http:// or https:// with a host and a port that exists."""
    return url.scheme in _PORTS and bool(url.host) and (url.port is None or 0 < url.port < 65536)


def origin(url: httpx.URL) -> tuple[str, str, int]:
    """Scheme, host and port: what credentials belong to."""
    return url.scheme, url.host, url.port or _PORTS[url.scheme]


def is_upgrade(old: httpx.URL, new: httpx.URL) -> bool:
    """Say whether a redirect only moves http on its usual port to https on its own, on the same host."""
    return origin(old) == ("http", old.host, 80) and origin(new) == ("https", old.host, 443)


def shown(url: httpx.URL | str, *, user: str = "***@") -> str:
    """Write a URL for people: user and password and the values of secret-looking query keys masked.

    One line of ASCII of at most LIMIT characters; works on text that is no URL at all. `user` stands for what
    was before the host.
    """
    text = re.sub(r"//[^/?#]*@", f"//{user}", str(url)).partition("#")[0]
    for secret in _hidden.get():
        text = text.replace(secret, "***")
    base, mark, query = text.partition("?")
    text = base + mark + "&".join(_masked(pair) for pair in query.split("&"))
    text = text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= LIMIT else text[: LIMIT - 3] + "..."


@contextmanager
def hiding(secrets: Iterable[str]) -> Generator[None]:
    """Inside the block no URL is shown with one of these values in it, whoever put it there: a server may repeat it."""
    forms = {form for secret in secrets if len(secret) > 3 for form in (secret, quote(secret, ""), quote_plus(secret))}
    token = _hidden.set((*_hidden.get(), *sorted(forms, key=len, reverse=True)))
    try:
        yield
    finally:
        _hidden.reset(token)


def with_query(url: httpx.URL, values: Iterable[tuple[str, str]]) -> httpx.URL:
    """Set query parameters, leaving the others as they are written."""
    for name, value in values:
        pairs = [pair for pair in url.query.decode("ascii").split("&") if pair]
        kept = [pair for pair in pairs if unquote_plus(pair.partition("=")[0]) != name]
        query = "&".join([*kept, f"{quote(name, '')}={quote(value, '')}"])
        url = url.copy_with(query=query.encode("ascii"))
    return url


def _masked(pair: str) -> str:
    key, mark, value = pair.partition("=")
    return f"{key}=***" if mark and value and _SECRET.search(unquote_plus(key)) else pair
