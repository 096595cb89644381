"""Redis is killed, frozen, or not there yet. The rows are those of the queue evidence (docs/proofs.md)."""

import time

import pytest

from tests.contract.queue.harness import left, stays, until
from tests.crash.queue.conftest import Hire
from tests.crash.queue.harness import LEASE, Journal, Server, batch, nothing_left, reads
from workers.queue.connect import Trouble, open_redis
from workers.queue.ring import ring

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]


async def test_redis_killed_and_back_without_its_data(server: Server, journal: Journal, hire: Hire) -> None:
    """Rows E5 and P5."""
    worker = hire(server.url)
    async with open_redis(server.url) as redis:
        await until(lambda: reads(redis, 1))
        server.kill()
        await stays(lambda: worker.alive, 2)
        await server.start()
        first, second = batch("sleep", 0, "first"), batch("sleep", 0, "second")
        await ring(redis, [first])
        await until(lambda: journal.pids("end", first) == [worker.pid])
        await ring(redis, [second])
        await until(lambda: journal.pids("end", second) == [worker.pid])
        await until(lambda: nothing_left(redis))
    assert worker.log().count("Redis is away") == 1


async def test_a_worker_that_comes_before_redis_waits_for_it(server: Server, journal: Journal, hire: Hire) -> None:
    """Row E5b: it neither ends nor counts failures."""
    server.kill()
    worker = hire(server.url)
    await until(lambda: "Redis is away" in worker.log())
    await stays(lambda: worker.alive, 2)
    await server.start()
    message = batch("sleep")
    async with open_redis(server.url) as redis:
        await ring(redis, [message])
        await until(lambda: journal.pids("end", message) == [worker.pid])


async def test_redis_killed_in_the_middle_of_work(durable: Server, journal: Journal, hire: Hire) -> None:
    """Rows E5c and P4: everything runs, nothing twice, nobody dies."""
    worker = hire(durable.url, lease=15)
    messages = [batch("sleep", 0.3, f"n{n}") for n in range(30)]
    async with open_redis(durable.url) as redis:
        await ring(redis, messages)
        await until(lambda: len(journal.of("end")) >= 8)
        await stays(lambda: worker.alive, 1.1)  # everysec: what happened until now is on disk
        durable.kill()
        await stays(lambda: worker.alive, 1)
        await durable.start()
        await until(lambda: nothing_left(redis))
    assert set(journal.of("end")) == {message.batch for message in messages}
    assert set(journal.of("start").values()) == {1}
    assert worker.alive


@pytest.mark.parametrize("fast", [True, False])
async def test_ringing_says_soon_that_redis_is_away(server: Server, fast: bool) -> None:
    """Row E6: killed, at once; frozen, when the reply's time is up. Nothing is rung twice over."""
    message = batch("sleep")
    async with open_redis(server.url, fast=fast) as redis:
        await ring(redis, [message])
        server.freeze()
        began = time.monotonic()
        with pytest.raises(Trouble):
            await ring(redis, [message])
        assert time.monotonic() - began < (4 if fast else 12)
        server.thaw()
        assert (await left(redis))["entries"] == 1
        server.kill()
        began = time.monotonic()
        with pytest.raises(Trouble):
            await ring(redis, [message])
        assert time.monotonic() - began < 1


async def test_redis_frozen_under_an_idle_worker(server: Server, journal: Journal, hire: Hire) -> None:
    """Rows E6c and P13."""
    worker = hire(server.url)
    message = batch("sleep")
    async with open_redis(server.url) as redis:
        await until(lambda: reads(redis, 1))
        server.freeze()
        await stays(lambda: worker.alive, 7)
        server.thaw()
        await ring(redis, [message])
        await until(lambda: journal.pids("end", message) == [worker.pid])
        await until(lambda: nothing_left(redis))


async def test_redis_frozen_under_a_busy_worker(server: Server, journal: Journal, hire: Hire) -> None:
    """Row E6c: its own entries are in its hand, however long their leases could not be renewed."""
    worker = hire(server.url)
    message = batch("sleep", 7)
    async with open_redis(server.url) as redis:
        await ring(redis, [message])
        await until(lambda: bool(journal.of("start")))
        server.freeze()
        await stays(lambda: worker.alive, LEASE * 3)
        server.thaw()
        await until(lambda: bool(journal.of("end")))
        await until(lambda: nothing_left(redis))
    assert journal.of("start") == {message.batch: 1}
