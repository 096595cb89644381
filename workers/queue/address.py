"""A Redis by its URL: one server, the master that Sentinels name, or a Cluster; with or without TLS.

redis://USER:PASSWORD@HOST:PORT/DB                  unix:///PATH?db=0
redis+sentinel://HOST:PORT,HOST:PORT/DB?service=NAME[&sentinel_username=..&sentinel_password=..]
redis+cluster://HOST:PORT,HOST:PORT                 hosts are those to begin with
rediss:// rediss+sentinel:// rediss+cluster://      TLS: ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_check_hostname
"""

from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from redis.asyncio.connection import parse_url

from workers.errors import ConfigError
from workers.settings import REDIS_SCHEMES, mask

Kind = Literal["one", "sentinel", "cluster"]

TLS_OPTIONS = {
    *("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs"),
    *("ssl_check_hostname", "ssl_min_version", "ssl_ciphers"),
}
OPTIONS = TLS_OPTIONS | {"db", "username", "password", "client_name"}
OF_SENTINEL = {"service", "sentinel_username", "sentinel_password"}

DEFAULT_PORTS: dict[Kind, int] = {"one": 6379, "sentinel": 26379, "cluster": 6379}


class Address(NamedTuple):
    """Where to connect. `options` are redis-py's for each connection; `of_sentinels` those for the Sentinels'."""

    kind: Kind
    hosts: list[tuple[str, int]]
    options: dict[str, Any]
    service: str
    of_sentinels: dict[str, Any]


def parse(url: str) -> Address:
    """Read a URL. Raises ConfigError, which says what is wrong and shows no secret."""
    try:
        return _parse(url)
    except ValueError as error:
        raise ConfigError("redis", "url", mask(url), f"a Redis URL ({error})") from error


def _parse(url: str) -> Address:
    parts = urlsplit(url)
    if parts.scheme not in REDIS_SCHEMES:
        raise ValueError("one that begins with " + ", ".join(f"{scheme}://" for scheme in REDIS_SCHEMES))
    base, _, way = parts.scheme.partition("+")
    kind: Kind = "sentinel" if way == "sentinel" else "cluster" if way == "cluster" else "one"
    user, at, rest = parts.netloc.rpartition("@")
    hosts = [_host(text, DEFAULT_PORTS[kind]) for text in rest.split(",")] if base != "unix" else []
    if kind == "one" and len(hosts) > 1:
        raise ValueError("with several hosts: redis+sentinel:// or redis+cluster://")
    first = rest.partition(",")[0]
    options: dict[str, Any] = dict(parse_url(parts._replace(scheme=base, netloc=user + at + first).geturl()))
    for name in ("host", "port", "connection_class"):
        options.pop(name, None)
    if base == "rediss":
        options["ssl"] = True
    of_sentinel = {name: options.pop(name) for name in OF_SENTINEL if name in options and kind == "sentinel"}
    _check(kind, options, of_sentinel)
    tls = {name: value for name, value in options.items() if name in TLS_OPTIONS | {"ssl"}}
    login = {name[9:]: value for name, value in of_sentinel.items() if name != "service"}
    return Address(kind, hosts, options, of_sentinel.get("service", ""), {**tls, **login})


def _check(kind: Kind, options: dict[str, Any], of_sentinel: dict[str, Any]) -> None:
    if unknown := sorted(options.keys() - OPTIONS - {"ssl", "path"}):
        raise ValueError(f"without {', '.join(unknown)}; known are {', '.join(sorted(OPTIONS | OF_SENTINEL))}")
    if kind == "sentinel" and not of_sentinel.get("service"):
        raise ValueError("with ?service=NAME, the master's name among the Sentinels")
    if kind == "cluster" and options.pop("db", 0):
        raise ValueError("without a database's number: a cluster has only 0")


def _host(text: str, default: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("HOST:PORT, several with a comma between")
    return parts.hostname, parts.port or default
