"""URLs: what may be asked for, what counts as one origin, and how a URL is shown."""

import re
from urllib.parse import unquote_plus

import httpx

LIMIT = 400  # characters of a URL in a sentence or a row

_SECRET = re.compile(
    r"key(?!word)|token|secret|passw|signature|credential|session"
    r"|(?<![a-z])(?:app_?id|auth|authorization|pass|pwd|sid|sig|user|username)(?![a-z])",
    re.IGNORECASE,
)
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
    base, mark, query = text.partition("?")
    text = base + mark + "&".join(_masked(pair) for pair in query.split("&"))
    text = text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= LIMIT else text[: LIMIT - 3] + "..."


def _masked(pair: str) -> str:
    key, mark, value = pair.partition("=")
    return f"{key}=***" if mark and value and _SECRET.search(unquote_plus(key)) else pair
