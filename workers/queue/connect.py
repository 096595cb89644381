"""Clients by URL, the server's clock, and what counts as trouble."""

import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.asyncio import Redis as _Redis
from redis.asyncio import RedisCluster as _RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import DefaultParser
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    ClusterError,
    InvalidResponse,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
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
from workers.queue import severed
from workers.queue.address import Address, parse
from workers.queue.lanes import FIRST, Partition, partition_of
from workers.settings import RedisSettings, mask

Trouble: tuple[type[Exception], ...] = (
    RedisConnectionError,  # with wrong password, a server that is still loading, and Sentinels without a master
    RedisTimeoutError,
    ReadOnlyError,  # we speak to what was the master until a moment ago
    ClusterError,  # CLUSTERDOWN, MASTERDOWN, and redirected in circles while slots move
    AskError,  # MOVED and ASK, where following them failed
    RedisClusterException,  # no node answers, or nobody has the slot yet
    TryAgainError,
    OutOfMemoryError,  # full, and never evicting: what is done makes room
    OSError,  # with the built-in TimeoutError of our own deadlines
)
"""What passes by waiting: for `except Trouble`."""


class NotNowError(ReadOnlyError):
    """A master that takes no writes: too few replicas (min-replicas-to-write), or its disk fails it."""


severed.mend()
DefaultParser.EXCEPTION_CLASSES.update(NOREPLICAS=NotNowError, MISCONF=NotNowError)

_CLOCK = "return redis.call('TIME')"
"""By a script, so that a cluster asks the server that holds a partition, and not just any."""

_SENTINEL_SECONDS = 1.5
"""What one Sentinel may take to answer before the next is asked."""


class Redis(_Redis):
    """The async client; replies are bytes. For a cluster it is a RedisCluster, which answers to the same calls.

    `partitions` is over how many hash tags the messages are spread.
    """

    partitions: int = 1
    _sentinel: Sentinel | None = None

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close it, and with it the clients of its Sentinels."""
        await super().aclose(close_connection_pool)
        if self._sentinel is not None:
            await self._sentinel.aclose()

    @classmethod
    def of_sentinels(cls, address: Address, common: dict[str, Any]) -> "Redis":
        """The master that the Sentinels name, whichever it is."""
        limits = {**common, "socket_timeout": _SENTINEL_SECONDS, "socket_connect_timeout": _SENTINEL_SECONDS}
        sentinel = Sentinel(address.hosts, sentinel_kwargs={**address.of_sentinels, **limits}, **common)
        redis = cast("Redis", sentinel.master_for(address.service, redis_class=cls, **address.options))
        redis._sentinel = sentinel
        return redis


class _Cluster(_RedisCluster):
    partitions: int = 1


def client(
    target: str | RedisSettings, *, timeout: float | None = 5.0, connect_timeout: float = 5.0, retries: int = 1
) -> Redis:
    """A client, not connected yet. `timeout` is seconds for a reply; None where the caller sets a deadline itself.

    `retries` are at once: a connection that the server has closed meanwhile costs nobody an error.
    Raises ConfigError for a URL that names no Redis.
    """
    settings = target if isinstance(target, RedisSettings) else RedisSettings(url=target)
    address = parse(settings.url)
    common: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": connect_timeout,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), retries),
        "protocol": 2,  # one shape of reply for every server and command
    }
    redis = _connected_to(address, common)
    redis.partitions = settings.partitions
    return redis


def _connected_to(address: Address, common: dict[str, Any]) -> Redis:
    match address.kind:
        case "sentinel":
            return Redis.of_sentinels(address, common)
        case "cluster":
            nodes = [ClusterNode(host, port) for host, port in address.hosts]
            # While one shard is without a master, the others' partitions go on.
            return cast(
                "Redis", _Cluster(startup_nodes=nodes, require_full_coverage=False, **address.options, **common)
            )
        case "one":
            place = {"unix_socket_path": address.options["path"]} if not address.hosts else {}
            options = {name: value for name, value in address.options.items() if name != "path"}
            host = dict(zip(("host", "port"), address.hosts[0], strict=True)) if address.hosts else {}
            return Redis(**host, **place, **options, **common)


def each(redis: Redis) -> list[Partition]:
    """Every partition."""
    return [Partition(number) for number in range(redis.partitions)]


def where(redis: Redis, source: str) -> Partition:
    """The partition of a source's messages."""
    return partition_of(source, redis.partitions)


@asynccontextmanager
async def open_redis(target: str | RedisSettings, *, fast: bool = False) -> AsyncGenerator[Redis]:
    """A client for as long as the block lasts; it connects at its first command and by itself after an outage.

    `fast` gives up after some 3 s, for commands that a person waits for.
    """
    limit = 1.5 if fast else 5.0
    redis = client(target, timeout=limit, connect_timeout=limit)
    try:
        yield redis
    finally:
        await redis.aclose()


async def now_ms(redis: Redis) -> int:
    """Redis TIME in milliseconds: the only clock that messages are compared by.

    Of a cluster it is the clock of the first partition's server; the nodes' clocks are to agree within seconds.
    """
    return to_ms(await redis.eval(_CLOCK, 1, FIRST.delayed))  # pyright: ignore[reportGeneralTypeIssues]


def ask_time(pipe: Any) -> None:
    """The same as a part of a pipeline; `to_ms` reads its reply."""
    pipe.eval(_CLOCK, 1, FIRST.delayed)


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
    # redis-py: "Error 111 connecting to HOST:PORT. Connect call failed (...)."
    number = re.match(r"Error (\d+) connecting", str(error))
    if isinstance(error, (TimeoutError, RedisTimeoutError)):
        reason = "no answer in time"
    elif isinstance(error, InvalidResponse):
        reason = "what answers there is no Redis"
    elif number:
        reason = os.strerror(int(number[1])).lower()
    elif isinstance(error, OSError) and error.errno:
        reason = os.strerror(error.errno).lower()
    else:
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
    return Unreachable("Redis", mask(url), reason)


@asynccontextmanager
async def reaching(url: str) -> AsyncGenerator[None]:
    """Turn trouble into errors.Unreachable, which names the address; ConfigError for a database that is not there."""
    try:
        yield
    except (*Trouble, InvalidResponse) as error:
        raise unreachable(error, url) from error
    except ResponseError as error:
        if not re.search(r"(?i)DB index|invalid DB", str(error)):
            raise
        raise ConfigError("redis", "url", mask(url), f"a database that the server has ({error})") from error


def is_no_group(error: Exception) -> bool:
    """Whether the stream or its group is gone: Redis lost its data, or was flushed."""
    # Inside a script's error, Redis 6.2 wraps the word in other words.
    return isinstance(error, ResponseError) and any(word in str(error) for word in ("NOGROUP", "UNBLOCKED"))
