"""Workers are told to stop. The rows are those of the queue evidence (docs/proofs.md)."""

import pytest

from tests.contract.queue.harness import left, until
from tests.crash.queue.conftest import Hire
from tests.crash.queue.harness import Journal, Server, batch, nothing_left, reads
from workers.queue.connect import open_redis
from workers.queue.lanes import GROUP, Lane
from workers.queue.ring import ring

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]


@pytest.mark.parametrize("turn", [1, 2, 3])
async def test_an_idle_worker_stops_when_told(server: Server, hire: Hire, turn: int) -> None:
    """Rows E3x and P3: on Python 3.11 the stock broker hung ten times of ten."""
    del turn
    worker = hire(server.url)
    async with open_redis(server.url) as redis:
        await until(lambda: reads(redis, 1))
        await worker.terminate(8)
        assert worker.process.returncode == 0
        assert [c["name"] for c in await redis.xinfo_consumers(Lane("upsert").key, GROUP)] == []


async def test_a_worker_stops_when_told_though_redis_is_away(server: Server, hire: Hire) -> None:
    worker = hire(server.url)
    async with open_redis(server.url) as redis:
        await until(lambda: reads(redis, 1))
        server.kill()
        await until(lambda: "Redis is away" in worker.log())
        await worker.terminate(12)


async def test_told_to_stop_it_finishes_the_short_and_hands_back_the_long(
    server: Server, journal: Journal, hire: Hire
) -> None:
    """Rows E3, E3c and P3b: with a lease of an hour, only what was handed back can run elsewhere."""
    old = hire(server.url, "old", capacity=2, lease=3600)
    short, long = batch("sleep", 0.5), batch("once", 60)
    waiting = [batch("sleep", 0, f"n{n}") for n in range(5)]
    async with open_redis(server.url) as redis:
        await ring(redis, [short, long])
        await until(lambda: len(journal.of("start")) == 2)
        await ring(redis, waiting)
        await old.terminate(10)
        assert journal.pids("end", short) == [old.pid]
        assert (await left(redis))["pending"] == 1
        new = hire(server.url, "new", lease=3600)
        await until(lambda: nothing_left(redis))
    assert journal.pids("end", long) == [new.pid]
    assert set(journal.of("end").values()) == {1}
    assert len(journal.of("end")) == 7
