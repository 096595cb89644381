"""One client an event loop, and what its errors mean in one sentence."""

import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar, cast

import anyio
import pymongo
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    InvalidName,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from workers.errors import ConfigError, Unreachable
from workers.settings import MongoSettings, mask
from workers.store import waiting

waiting.mend()

T = TypeVar("T")

Database = AsyncDatabase[dict[str, Any]]

Trouble = PyMongoError
"""What the driver raises; all of it is worth another attempt. `describe` says it in few words."""

DEFAULT_DATABASE = "jobimport"
FAST_TIMEOUT_MS = 10_000
PING_SECONDS = 3.0

HANGING_SECONDS = 30.0
"""A call that outlasts this is given up by whoever waits for it: one was seen to hang past timeoutMS for good.

That was after mongod had been killed.
"""

LAST_WORD_SECONDS = 0.5
"""A call is given up so long before the time of its message is up: the call is to blame, not the message."""

FAIR_SECONDS = 5.0
"""But for one that was given less time than this: then it is the message that has been too slow."""

_AUTHENTICATION_FAILED = 18
_UNAUTHORIZED = 13
_DUPLICATE_KEY = 11000


@asynccontextmanager
async def open_database(settings: MongoSettings, *, app_name: str, fast: bool = False) -> AsyncGenerator[Database]:
    """Open the database that the URL's path names; nothing is sent before the first use.

    A worker waits up to `settings.timeout` for each operation: long enough to hide a fail-over (11 s measured), and
    the only bound on a frozen server. `fast` is for commands and the console: 10 s at most, and 3 s for `ping`, with
    which they begin (with timeoutMS the driver ignores serverSelectionTimeoutMS). Raises ConfigError for a URL that
    cannot be used.
    """
    timeout_ms = int(settings.timeout * 1000)
    if fast:
        timeout_ms = min(timeout_ms, FAST_TIMEOUT_MS)
    client = _client(settings.url, app_name, timeout_ms, is_polled=fast)
    try:
        yield client.get_default_database(DEFAULT_DATABASE)
    finally:
        with anyio.move_on_after(5, shield=True):
            await client.close()


def _client(url: str, app_name: str, timeout_ms: int, *, is_polled: bool = False) -> AsyncMongoClient[dict[str, Any]]:
    try:
        client = AsyncMongoClient[dict[str, Any]](
            url,
            appname=app_name,
            tz_aware=True,
            w="majority",
            retryWrites=True,
            maxIdleTimeMS=60_000,
            timeoutMS=timeout_ms,
            # A stream of heartbeats wakes who waits six times a second; the console asks every few seconds anyway.
            serverMonitoringMode="poll" if is_polled else "auto",
        )
        client.get_default_database(DEFAULT_DATABASE)
    except (ConfigurationError, InvalidName, ValueError) as error:
        expected = f"mongodb://HOST:PORT/DATABASE ({str(error)[:200]})"
        raise ConfigError("mongo", "url", mask(url), expected) from error
    return client


def check_url(url: str) -> None:
    """Raise ConfigError for a URL that cannot be used; nothing is sent."""
    _client(url, "check", 1000)


@contextmanager
def unhung(seconds: float | None = None) -> Generator[None]:
    """Bound a few calls by HANGING_SECONDS, or as said, and by what their message has left.

    Raises NetworkTimeout: a MongoDB that does not answer is away, however the driver takes it.
    """
    limit = HANGING_SECONDS if seconds is None else seconds
    left = anyio.current_effective_deadline() - anyio.current_time() - LAST_WORD_SECONDS
    if left >= FAIR_SECONDS:
        limit = min(limit, left)
    with anyio.move_on_after(limit) as scope:
        yield
    if scope.cancelled_caught:
        raise NetworkTimeout(f"no answer within {limit:.0f} s")


@contextmanager
def prompt(seconds: float = PING_SECONDS) -> Generator[None]:
    """Bound a few calls by so many seconds; unlike `unhung` it lets the driver say why there was no answer."""
    with pymongo.timeout(seconds):
        yield


async def again(call: Callable[[], Awaitable[T]]) -> T:
    """Await a call, and once more if its connection broke: for writes of many documents that may be done twice.

    The driver tries others again by itself; updateMany and deleteMany it does not (MongoDB, "Retryable Writes").
    """
    try:
        return await call()
    except AutoReconnect as error:
        if error.timeout:
            raise
    return await call()


async def ping(db: Database, *, seconds: float = PING_SECONDS) -> float:
    """Ask the server for a sign of life, for so many seconds at most; returns the round trip in milliseconds."""
    started = time.perf_counter()
    with prompt(seconds):
        await db.command("ping")
    return (time.perf_counter() - started) * 1000


@contextmanager
def reaching(url: str) -> Generator[None]:
    """Turn the driver's connection errors into Unreachable; every other error passes as it is."""
    try:
        yield
    except PyMongoError as error:
        if is_unreachable(error):
            raise unreachable(error, url) from error
        raise


def is_unreachable(error: BaseException) -> bool:
    """Say whether an error means that the server cannot be used at all, rather than that it refused one operation."""
    if isinstance(error, OperationFailure):
        return error.code in (_AUTHENTICATION_FAILED, _UNAUTHORIZED) or isinstance(error, ExecutionTimeout)
    return isinstance(error, ConnectionFailure) or (isinstance(error, PyMongoError) and error.timeout)


def unreachable(error: BaseException, url: str) -> Unreachable:
    """Say in one sentence which server does not answer, and why; never the driver's topology dump."""
    return Unreachable("MongoDB", hosts(url), describe(error))


def hosts(url: str) -> str:
    """Return the hosts of a URL, without its user, password and options."""
    rest = url.partition("://")[2] or url
    return re.split(r"[/?]", rest, maxsplit=1)[0].rpartition("@")[2] or "?"


_REASONS: tuple[tuple[str, str], ...] = (
    (r"connection refused|Errno 111\b", "connection refused"),
    (r"name or service not known|nodename nor servname|getaddrinfo|no address associated", "unknown host name"),
    (r"temporary failure in name resolution", "the name cannot be resolved"),
    (r"certificate|SSL|TLS", "TLS handshake failed"),
    (r"no route to host|network is unreachable|Errno (101|113)\b", "no route to host"),
    (r"connection reset|connection closed|broken pipe|Errno (104|32)\b", "the connection was closed"),
    (r"no primary|not primary|no replica set members|primary\(\)", "no primary: an election, or too few members"),
    (r"timed out|timeout", "no answer in time"),
)


def describe(error: BaseException) -> str:
    """Say what happened in few words; `str(error)` of the driver can be 2 MB (it embeds every operation)."""
    if isinstance(error, BulkWriteError):
        return _describe_bulk(cast("dict[str, Any]", error.details or {}))
    if isinstance(error, OperationFailure):
        if error.code == _AUTHENTICATION_FAILED:
            return "authentication failed"
        if error.code == _UNAUTHORIZED:
            return "the user has no right to do this"
        if error.code == _DUPLICATE_KEY:
            return "duplicate key"
        return f"code {error.code}: {_first_line(str((error.details or {}).get('errmsg', '')) or type(error).__name__)}"
    if isinstance(error, NetworkTimeout):
        return "no answer in time"
    text = str(error)
    for pattern, reason in _REASONS:
        if re.search(pattern, text[:2000], re.IGNORECASE):
            return reason
    if isinstance(error, ServerSelectionTimeoutError):
        return "no server of the kind that the URL asks for"
    return _first_line(text) or type(error).__name__


def _describe_bulk(details: dict[str, Any]) -> str:
    """Say code, count and first 5 ids."""
    failures: list[dict[str, Any]] = [*details.get("writeErrors", []), *details.get("writeConcernErrors", [])]
    operations: list[dict[str, Any]] = [failure.get("op", {}) for failure in failures[:5]]
    ids = [str(operation.get("_id") or operation.get("q", {}).get("_id", "?"))[:80] for operation in operations]
    codes = sorted({int(failure.get("code", 0)) for failure in failures})
    return f"{len(failures)} writes failed with code {', '.join(map(str, codes))}: {', '.join(ids)}"


def _first_line(text: str) -> str:
    return text.splitlines()[0][:120] if text else ""
