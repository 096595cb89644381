"""Clients by URL, the server's clock, and what counts as trouble."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis as _Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from workers.errors import ConfigError, Unreachable
from workers.settings import mask

Redis = _Redis
"""The async client; replies are bytes."""

Trouble: tuple[type[Exception], ...] = (
    RedisConnectionError,  # with wrong password, and a server that is still loading
    RedisTimeoutError,
    ReadOnlyError,  # we speak to what was the master until a moment ago
    ClusterDownError,
    TryAgainError,
    OutOfMemoryError,  # full, and never evicting: what is done makes room
    OSError,  # with the built-in TimeoutError of our own deadlines
)
"""What passes by waiting: for `except Trouble`."""

SCHEMES = ("redis://", "rediss://", "unix://")


def client(url: str, *, timeout: float | None = 5.0, connect_timeout: float = 5.0, retries: int = 1) -> Redis:
    """A client, not connected yet. `timeout` is seconds for a reply; None where the caller sets a deadline itself.

    `retries` are at once: a connection that the server has closed meanwhile costs nobody an error.
    Raises ConfigError for a URL that names no Redis.
    """
    if not url.startswith(SCHEMES):
        raise ConfigError("redis", "url", mask(url), "a URL that begins with " + ", ".join(SCHEMES))
    try:
        return _Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=connect_timeout,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), retries),
            protocol=2,  # one shape of reply for every server and command
        )
    except ValueError as error:
        raise ConfigError("redis", "url", mask(url), f"a Redis URL ({error})") from error


@asynccontextmanager
async def open_redis(url: str, *, fast: bool = False) -> AsyncGenerator[Redis]:
    """A client for as long as the block lasts; it connects at its first command and by itself after an outage.

    `fast` gives up after some 3 s, for commands that a person waits for.
    """
    limit = 1.5 if fast else 5.0
    redis = client(url, timeout=limit, connect_timeout=limit)
    try:
        yield redis
    finally:
        await redis.aclose()


async def now_ms(redis: Redis) -> int:
    """Redis TIME in milliseconds: the only clock that messages are compared by."""
    return to_ms(await redis.time())


def to_ms(time: Any) -> int:
    """A reply of TIME (seconds, microseconds) in milliseconds."""
    seconds, micros = time
    return int(seconds) * 1000 + int(micros) // 1000


def id_ms(entry_id: bytes | str) -> int:
    """The millisecond at which a stream entry was added, from its id."""
    text = entry_id.decode() if isinstance(entry_id, bytes) else entry_id
    return int(text.partition("-")[0])


def unreachable(error: Exception, url: str) -> Unreachable:
    """The sentence for an operator."""
    if isinstance(error, (TimeoutError, RedisTimeoutError)):
        reason = "no answer in time"
    elif isinstance(error, OSError) and error.errno:
        reason = os.strerror(error.errno)
    else:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
    return Unreachable("Redis", mask(url), reason)


@asynccontextmanager
async def reaching(url: str) -> AsyncGenerator[None]:
    """Turn trouble into errors.Unreachable, which names the address."""
    try:
        yield
    except Trouble as error:
        raise unreachable(error, url) from error


def is_no_group(error: Exception) -> bool:
    """Whether the stream or its group is gone: Redis lost its data, or was flushed."""
    # Inside a script's error, Redis 6.2 wraps the word in other words.
    return isinstance(error, ResponseError) and any(word in str(error) for word in ("NOGROUP", "UNBLOCKED"))
