"""A connection that Redis has closed a moment ago: an outage of one command at most, never an error of the loop's."""
# pyright: reportPrivateUsage=false

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvloop
from redis.exceptions import ConnectionError as RedisConnectionError

from workers.queue.connect import client

LIMITS = [5.0, None]


def in_uvloop(test: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(test(), 20))


@pytest.mark.parametrize("timeout", LIMITS)
def test_it_is_said_to_be_closed(redis_url: str, timeout: float | None) -> None:
    async def test() -> None:
        redis = client(redis_url, timeout=timeout, retries=0)
        connection = await redis.connection_pool.get_connection()
        assert connection._writer is not None
        transport = connection._writer.transport
        transport.abort()
        while "closed=True" not in repr(transport):  # noqa: ASYNC110 (uvloop tells nobody)
            await asyncio.sleep(0)
        with pytest.raises(RedisConnectionError):
            await connection.send_command("PING")
        await redis.connection_pool.release(connection)
        assert await redis.ping()
        await redis.aclose()

    in_uvloop(test)


@pytest.mark.parametrize("timeout", LIMITS)
def test_a_command_is_sent_again_over_another(redis_url: str, timeout: float | None) -> None:
    async def test() -> None:
        redis = client(redis_url, timeout=timeout)
        connection = await redis.connection_pool.get_connection()
        assert connection._writer is not None
        connection._writer.transport.abort()
        await redis.connection_pool.release(connection)
        async with redis.pipeline(transaction=False) as pipe:
            pipe.set("a", 1)
            pipe.get("a")
            assert await pipe.execute() == [True, b"1"]
        await redis.aclose()

    in_uvloop(test)
