"""A connection that the other side has closed says so when it is written to.

redis-py writes without a look at its transport. One that the server has just closed raises RuntimeError under uvloop
(TypeError or AttributeError in asyncio's own loop, from Python 3.12 on), which nobody takes for an outage: in a soak it
ended 33 workers that would otherwise have waited. Reported as redis/redis-py#4287; this goes when 8.1.0's successor
has it. Every client makes its connections by itself (plain, TLS, socket, Sentinel, cluster), so their base is mended.
"""

import asyncio
from collections.abc import Iterable

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

_send = AbstractConnection.send_packed_command


def _look(connection: AbstractConnection) -> asyncio.StreamWriter | None:
    writer = connection._writer  # pyright: ignore[reportPrivateUsage]
    if writer is not None and writer.transport.is_closing():
        raise RedisConnectionError("the connection was closed by the other side")
    return writer


async def _write(self: AbstractConnection, command: Iterable[bytes]) -> None:
    """What runs in a task of its own, where there is a time limit: the look and the write are one step."""
    writer = _look(self)
    if writer is None:
        raise RedisConnectionError("the connection was closed on this side")
    writer.writelines(command)
    await writer.drain()


async def _send_looking(
    self: AbstractConnection, command: bytes | str | Iterable[bytes], check_health: bool = True
) -> None:
    """The same where there is none."""
    try:
        _look(self)
    except RedisConnectionError:
        await self.disconnect(nowait=True)
        raise
    await _send(self, command, check_health)


def mend() -> None:
    """Mend the class; any number of times."""
    AbstractConnection._send_packed_command = _write  # pyright: ignore[reportPrivateUsage]
    AbstractConnection.send_packed_command = _send_looking
