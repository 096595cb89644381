"""Headers and parameters of a source. Secrets are referred to in its file, and looked up here, at the last moment."""

import base64
import os
import re
from pathlib import Path

import httpx
import msgspec

from workers.errors import ConfigError
from workers.model import Source

FILE_LIMIT = 16 * 1024

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# These say how the message travels or what is asked for: ours to set.
_OURS = re.compile(
    r"accept-encoding|connection|content-length|expect|host|if-.+|keep-alive|proxy-.+|range|te|trailer"
    r"|transfer-encoding|upgrade",
    re.IGNORECASE,
)
# These say who asks and for what; a server that a redirect leads to may read them.
_OPEN = frozenset(("accept", "accept-language", "user-agent"))


class Credentials(msgspec.Struct, frozen=True):
    """What a source sends along, by lower-case name of the header or by parameter.

    `public` headers go wherever a redirect leads; the others to the origin of the source's URL and nowhere else.
    `secrets` are the values that are never to be shown.
    """

    public: dict[str, str]
    private: dict[str, str]
    query: dict[str, str]
    secrets: list[str]


def credentials_of(source: Source, url: httpx.URL) -> Credentials:
    """Look up the source's own headers and parameters.

    A user and password, in the URL or in `[basic]`, become basic authorization. Raises ConfigError that names the
    source's file and the key, and never a value that was looked up.
    """
    where = f"{source.name or 'source'}.toml"
    public: dict[str, str] = {}
    private: dict[str, str] = {}
    basic = {part: _look_up(value, where, f"basic.{part}") for part, value in source.basic.items()}
    if basic or url.userinfo:
        user, password = (basic.get("user", ""), basic.get("password", "")) if basic else (url.username, url.password)
        pair = f"{user}:{password}".encode()
        private["authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
    for name, reference in source.headers.items():
        key = f"headers.{name}"
        if not _NAME.fullmatch(name) or _OURS.fullmatch(name):
            raise ConfigError(where, key, None, "a header that the request does not set by itself")
        value = _look_up(reference, where, key)
        if not _VALUE.fullmatch(value):
            raise ConfigError(where, key, None, "one line of text without control characters")
        (public if name.lower() in _OPEN else private)[name.lower()] = value
    query = {name: _look_up(value, where, f"query.{name}") for name, value in source.query.items()}
    given = {**source.query, **source.basic}
    secrets = [query.get(name) or basic[name] for name, value in given.items() if value.startswith(("env:", "file:"))]
    return Credentials(public, private, query, secrets)


def _look_up(reference: str, where: str, key: str) -> str:
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name, "").strip()
        if not value:
            raise ConfigError(where, key, reference, f"the variable {name} to be set")
        return value
    if kind == "file":
        return _read(name, where, key, reference)
    return reference.strip()


def _read(name: str, where: str, key: str, reference: str) -> str:
    try:
        with Path(name).expanduser().open("rb") as file:
            value = file.read(FILE_LIMIT).decode("utf-8").strip()
    except OSError as error:
        raise ConfigError(where, key, reference, f"a readable file ({error.strerror})") from error
    except (UnicodeDecodeError, RuntimeError):
        # The decoder's error carries the bytes: it must not travel along.
        raise ConfigError(where, key, reference, "a file of UTF-8 text") from None
    if not value:
        raise ConfigError(where, key, reference, "a file with the value in it; it is empty")
    return value
