"""Workers and Redis are killed and frozen; the rows are those of the queue evidence."""

import random
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.queue.harness import NOTHING, left, stays, until
from tests.crash.queue.harness import Journal, Server, Worker, batch
from workers.queue import dead
from workers.queue.connect import Redis, open_redis
from workers.queue.lanes import GROUP, Lane
from workers.queue.ring import ring

pytestmark = pytest.mark.crash

LEASE = 1.5
RECLAIM = LEASE * 4 / 3 + 1 + 5
"""The lease, the clock's third of it, a blocking read, and what two busy cores may add: stock never came back."""

Hire = Callable[..., Worker]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    await server.start()
    yield server
    server.kill()


@pytest.fixture
async def durable(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path)
    await server.start()
    yield server
    server.kill()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def hire(journal: Journal) -> Iterator[Hire]:
    hired: list[Worker] = []

    def one(url: str, consumer: str = "host:1:1:worker-0", **options: float) -> Worker:
        hired.append(Worker(url, journal, consumer, **options))
        return hired[-1]

    yield one
    for worker in hired:
        worker.kill()


async def nothing_left(redis: Redis) -> bool:
    return await left(redis) == NOTHING


async def reads(redis: Redis, workers: int) -> bool:
    """Whether so many clients are blocked in a read: the workers are up."""
    return (await redis.info("clients"))["blocked_clients"] >= workers


async def test_killed_in_the_middle_of_a_task_on_a_quiet_stream(server: Server, journal: Journal, hire: Hire) -> None:
    """Row E1."""
    workers = [hire(server.url, "one"), hire(server.url, "two")]
    message = batch("once", 60)
    async with open_redis(server.url) as redis:
        await until(lambda: reads(redis, 2))
        await ring(redis, [message])
        await until(lambda: len(journal.pids("start", message)) == 1)
        (busy,) = (worker for worker in workers if worker.pid in journal.pids("start", message))
        busy.kill()
        await until(lambda: len(journal.pids("end", message)) == 1, RECLAIM)
        await until(lambda: nothing_left(redis))
        assert set(journal.pids("start", message)) == {worker.pid for worker in workers} | {busy.pid}


async def test_a_respawned_worker_goes_on_at_once(server: Server, journal: Journal, hire: Hire) -> None:
    """Row E1: its name is stable, so it need not wait for its own lease."""
    worker = hire(server.url, lease=3600)
    message = batch("once", 60)
    async with open_redis(server.url) as redis:
        await ring(redis, [message])
        await until(lambda: len(journal.pids("start", message)) == 1)
        worker.kill()
        worker.start()
        await until(lambda: len(journal.pids("end", message)) == 1)
        await until(lambda: nothing_left(redis))


async def test_a_long_task_runs_once(server: Server, journal: Journal, hire: Hire) -> None:
    """Row E2."""
    hire(server.url, "one")
    hire(server.url, "two")
    message = batch("sleep", LEASE * 3)
    async with open_redis(server.url) as redis:
        await ring(redis, [message])
        await until(lambda: bool(journal.of("end")))
        await until(lambda: nothing_left(redis))
    assert journal.of("start") == {message.batch: 1}


async def test_redis_killed_and_back_without_its_data(server: Server, journal: Journal, hire: Hire) -> None:
    """Row E5."""
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


async def test_redis_killed_in_the_middle_of_work(durable: Server, journal: Journal, hire: Hire) -> None:
    """Row E5c: everything runs, nothing twice, nobody dies."""
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


async def test_redis_frozen_under_an_idle_worker(server: Server, journal: Journal, hire: Hire) -> None:
    """Row E6c."""
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


async def test_poison_kills_nobody(server: Server, journal: Journal, hire: Hire) -> None:
    """Rows E7a and E7b."""
    worker = hire(server.url)
    good, lane = batch("sleep"), Lane("upsert").key
    async with open_redis(server.url) as redis:
        await redis.xadd(lane, {"data": b"\x00\xff"})
        await redis.xadd(lane, {"data": b'{"task_id":"1","task_name":"nobody.knows"}'})
        await redis.xadd(lane, {"nothing": b"of use"})
        await ring(redis, [good])
        await until(lambda: journal.pids("end", good) == [worker.pid])
        await until(lambda: dead_letters(redis, 3))
        assert {letter.reason async for letter in dead.letters(redis)} == {"poison"}
        assert await left(redis) == {**NOTHING, "dead": 3}


async def dead_letters(redis: Redis, count: int) -> bool:
    return await dead.count(redis) == count


async def test_a_task_that_kills_its_process_is_dead_in_the_end(server: Server, journal: Journal, hire: Hire) -> None:
    """Row E7c, on the respawn's path (own entries first)."""
    worker = hire(server.url, capacity=1)
    deadly, good = batch("die"), batch("sleep")
    async with open_redis(server.url) as redis:
        await ring(redis, [deadly, good])
        for deaths in (1, 2, 3):
            await until(lambda: not worker.alive)
            assert len(journal.pids("start", deadly)) == deaths
            worker.start()
        await until(lambda: journal.pids("end", good) == [worker.pid])
        await until(lambda: dead_letters(redis, 1))
        (letter,) = await dead.list_dead(redis)
        assert (letter.reason, letter.batch, letter.deliveries) == ("max_deliveries", deadly.batch, 4)
        assert await left(redis) == {**NOTHING, "dead": 1}


async def test_a_frozen_worker_ends_nothing_that_is_no_longer_its_own(
    server: Server, journal: Journal, hire: Hire
) -> None:
    """Its lease ran out while it was stopped, and another runs its message: the late end is discarded."""
    one, two = hire(server.url, "one"), hire(server.url, "two")
    message = batch("sleep", 3)
    async with open_redis(server.url) as redis:
        await until(lambda: reads(redis, 2))
        await ring(redis, [message])
        await until(lambda: len(journal.pids("start", message)) == 1)
        frozen, other = (one, two) if one.pid in journal.pids("start", message) else (two, one)
        frozen.signal(signal.SIGSTOP)
        await until(lambda: other.pid in journal.pids("start", message), RECLAIM)
        frozen.signal(signal.SIGCONT)
        await until(lambda: frozen.pid in journal.pids("end", message))
        assert (await left(redis))["pending"] == 1
        await until(lambda: other.pid in journal.pids("end", message))
        await until(lambda: nothing_left(redis))
        assert "was lost" in frozen.log()
        assert len(journal.lines()) == 4


@pytest.mark.parametrize("turn", [1, 2, 3])
async def test_an_idle_worker_stops_when_told(server: Server, hire: Hire, turn: int) -> None:
    """Row E3x: on Python 3.11 the stock broker hung ten times of ten."""
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
    """Row E3: with a lease of an hour, only what was handed back can run elsewhere."""
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


async def test_all_of_it_at_once(durable: Server, journal: Journal, hire: Hire) -> None:
    """Row P18 in small: workers and Redis are killed at random, and every task is done."""
    dice = random.Random(20260701)
    workers = [hire(durable.url, f"worker-{n}", max_deliveries=50) for n in range(3)]
    messages = [batch("sleep", 0.1, f"n{n}") for n in range(240)]
    async with open_redis(durable.url) as redis:
        await ring(redis, messages)
        goal = 0
        for turn in range(10):
            goal += dice.randint(5, 25)
            await until(lambda: len(journal.of("end")) >= goal, 30)  # noqa: B023 (called before the next turn)
            if turn == 5:
                durable.kill()
                await durable.start()
            victim = dice.choice(workers)
            victim.kill()
            victim.start()
        await until(lambda: nothing_left(redis), 60)
    assert set(journal.of("end")) == {message.batch for message in messages}
