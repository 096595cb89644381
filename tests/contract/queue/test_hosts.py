"""A host's connections, shared by all workers; the dead leave theirs by themselves."""

import anyio
import pytest

from tests.plant import eventually
from workers.errors import Deferred
from workers.queue.connect import Redis
from workers.queue.hosts import Slot, slot
from workers.queue.lanes import host_key

URL = "https://user:secret@Jobs.example:8443/feed?key=1"
HOST = "jobs.example:8443"


async def test_no_more_than_the_limit_are_held_at_once(redis: Redis):
    held = most = 0

    async def fetch(n: int) -> None:
        nonlocal held, most
        async with slot(redis, URL, 2, f"w{n}/1", patience=20):
            held += 1
            most = max(most, held)
            await anyio.sleep(0.05)
            held -= 1

    async with anyio.create_task_group() as tasks:
        for n in range(6):
            tasks.start_soon(fetch, n)
    assert most == 2
    assert await redis.exists(host_key(HOST)) == 0


async def test_a_busy_host_puts_the_fetch_off_and_another_host_does_not(redis: Redis):
    async with slot(redis, URL, 1, "a/1"):
        with pytest.raises(Deferred, match=f"{HOST} has its 1 connections already") as put_off:
            async with slot(redis, URL, 1, "b/2", patience=0):
                raise AssertionError("it was busy")
        assert "secret" not in str(put_off.value)
        async with slot(redis, "https://jobs.example/feed", 1, "b/2", patience=0) as other:
            assert await other.take()


async def test_a_dead_workers_slot_comes_free_and_a_living_ones_does_not(redis: Redis):
    dead, living = Slot(redis, HOST, 2, "dead/1", 0.5), Slot(redis, HOST, 2, "living/2", 0.5)
    assert await dead.take()
    assert await living.take()
    third = Slot(redis, HOST, 2, "third/3", 0.5)
    assert not await third.take()

    async def taken() -> bool:
        await living.renew()
        return await third.take()

    await eventually(taken, limit=10)
    await living.renew()
    assert {name.decode() for name in await redis.zrange(host_key(HOST), 0, -1)} == {"living/2", "third/3"}
