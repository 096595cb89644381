"""Workers are killed, frozen and stuck. The rows are those of the queue evidence (docs/proofs.md)."""

import random
import signal

import pytest

from tests.contract.queue.harness import NOTHING, left, until
from tests.crash.queue.conftest import Hire
from tests.crash.queue.harness import LEASE, RECLAIM, Journal, Server, batch, dead_letters, nothing_left, reads
from workers.queue import dead
from workers.queue.connect import Redis, open_redis
from workers.queue.lanes import GROUP, LANES, Lane
from workers.queue.ring import ring
from workers.service.lifeline import STUCK_EXIT

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]


async def test_killed_in_the_middle_of_a_task_on_a_quiet_stream(server: Server, journal: Journal, hire: Hire) -> None:
    """Rows E1 and P1."""
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


async def test_of_those_who_could_take_over_one_does(server: Server, journal: Journal, hire: Hire) -> None:
    """Row E14: taking over is atomic in Redis, and there is no lock that could be lost, held or forgotten."""
    message = batch("once", 60)
    async with open_redis(server.url) as redis:
        victim = hire(server.url, "victim")
        await ring(redis, [message])
        await until(lambda: journal.pids("start", message) == [victim.pid])
        heirs = [hire(server.url, f"heir-{n}") for n in range(3)]
        await until(lambda: reads(redis, 4))
        victim.kill()
        await until(lambda: nothing_left(redis), RECLAIM)
        assert len(journal.pids("start", message)) == 2
        assert set(journal.pids("end", message)) < {heir.pid for heir in heirs}
        assert set(await redis.keys()) <= {lane.key.encode() for lane in LANES}


async def test_a_long_task_runs_once(server: Server, journal: Journal, hire: Hire) -> None:
    """Rows E2 and P2."""
    hire(server.url, "one")
    hire(server.url, "two")
    message = batch("sleep", LEASE * 3)
    async with open_redis(server.url) as redis:
        await ring(redis, [message])
        await until(lambda: bool(journal.of("end")))
        await until(lambda: nothing_left(redis))
    assert journal.of("start") == {message.batch: 1}


async def test_a_crowd_behind_it_costs_a_running_message_nothing(server: Server, journal: Journal, hire: Hire) -> None:
    """Rows E10 and E10c: no stream is trimmed, so what runs while thousands come is there when its worker dies."""
    message = batch("once", 60)
    worker = hire(server.url, capacity=1, lease=3600)
    async with open_redis(server.url) as redis:
        await ring(redis, [message])
        await until(lambda: bool(journal.pids("start", message)))
        await ring(redis, [batch("sleep", 0, f"n{n}") for n in range(2000)])
        worker.kill()
        assert (await left(redis))["entries"] == 2001
        worker.start()
        await until(lambda: journal.pids("end", message) == [worker.pid])


async def test_many_lives_are_one_consumer(server: Server, journal: Journal, hire: Hire) -> None:
    """Row E12b: names are stable over respawns."""
    workers = [hire(server.url, name) for name in ("one", "two")]
    async with open_redis(server.url) as redis:
        for life in range(3):
            message = batch("sleep", 0, f"life{life}")
            await ring(redis, [message])
            await until(lambda: bool(journal.pids("end", message)))  # noqa: B023
            # Its end is settled, too: what dies with its workers time and again is handed to `nobody` for a while.
            await until(lambda: nothing_left(redis))
            for worker in workers:
                worker.kill()
                worker.start()
        await until(lambda: reads(redis, 2))
        names = {consumer["name"] for consumer in await redis.xinfo_consumers(Lane("upsert").key, GROUP)}
        assert names <= {b"one", b"two"}


async def test_a_worker_killed_while_a_message_waits_for_its_next_attempt(
    server: Server, journal: Journal, hire: Hire
) -> None:
    """Rows E8b and P9: what is put off lies in Redis, not in a scheduler or a worker."""
    message = batch("fail")
    old = hire(server.url, "old", backoff=4)
    async with open_redis(server.url) as redis:
        await ring(redis, [message])
        await until(lambda: delayed(redis, 1))
        old.kill()
        new = hire(server.url, "new", backoff=0.2)
        await until(lambda: dead_letters(redis, 1))
        assert journal.pids("start", message) == [old.pid, new.pid, new.pid]
        (letter,) = await dead.list_dead(redis)
        assert (letter.reason, letter.attempts, letter.worker) == ("attempts", 3, "new")


async def delayed(redis: Redis, count: int) -> bool:
    return (await left(redis))["delayed"] == count


async def only_dead(redis: Redis, count: int) -> bool:
    return await left(redis) == {**NOTHING, "dead": count}


async def test_poison_kills_nobody(server: Server, journal: Journal, hire: Hire) -> None:
    """Rows E7a, E7b and P6."""
    worker = hire(server.url)
    good, lane = batch("sleep"), Lane("upsert").key
    async with open_redis(server.url) as redis:
        await redis.xadd(lane, {"data": b"\x00\xff"})
        await redis.xadd(lane, {"data": b'{"task_id":"1","task_name":"nobody.knows"}'})
        await redis.xadd(lane, {"nothing": b"of use"})
        await ring(redis, [good])
        await until(lambda: journal.pids("end", good) == [worker.pid])
        await until(lambda: only_dead(redis, 3))
        assert {letter.reason async for letter in dead.letters(redis)} == {"poison"}


async def test_a_task_that_kills_its_process_is_dead_in_the_end(server: Server, journal: Journal, hire: Hire) -> None:
    """Rows E7c and P7, on the respawn's path (own entries first)."""
    worker = hire(server.url, capacity=1)
    deadly, good = batch("die"), batch("sleep")
    async with open_redis(server.url) as redis:
        await ring(redis, [deadly, good])
        for deaths in (1, 2, 3):
            await until(lambda: not worker.alive)
            assert len(journal.pids("start", deadly)) == deaths
            worker.start()
        await until(lambda: journal.pids("end", good) == [worker.pid])
        await until(lambda: only_dead(redis, 1))
        (letter,) = await dead.list_dead(redis)
        assert (letter.reason, letter.batch, letter.deliveries) == ("max_deliveries", deadly.batch, 4)


async def test_what_came_with_a_deadly_task_does_not_die_with_it(server: Server, journal: Journal, hire: Hire) -> None:
    """Row E7c: only the culprit is buried, though the others were in its workers' hands each time."""
    worker = hire(server.url, capacity=4, max_deliveries=4)
    deadly = batch("die")
    others = [batch("sleep", 0.4, f"n{n}") for n in range(3)]
    async with open_redis(server.url) as redis:

        async def all_is_settled() -> bool:
            if not worker.alive:
                worker.start()
            return await only_dead(redis, 1)

        await ring(redis, [*others, deadly])
        await until(all_is_settled, 120)
        (letter,) = await dead.list_dead(redis)
    assert letter.batch == deadly.batch
    assert set(journal.of("end")) == {other.batch for other in others}
    assert len(journal.pids("start", deadly)) == 4


async def test_a_task_that_blocks_its_loop_is_ended_with_its_process(
    server: Server, journal: Journal, hire: Hire
) -> None:
    """Rows E18, E9c and P11: the process is ended; the others' messages run, and the culprit dies in the end."""
    worker = hire(server.url, capacity=2, silence=2, max_deliveries=3)
    stuck, good = batch("spin", 60), batch("sleep", 0.4)
    async with open_redis(server.url) as redis:

        async def is_buried() -> bool:
            if not worker.alive:
                assert worker.process.returncode == STUCK_EXIT
                worker.start()
            return await dead_letters(redis, 1)

        await ring(redis, [stuck, good])
        await until(is_buried, 120)
        assert len(journal.pids("start", stuck)) == 3
        await until(lambda: bool(journal.pids("end", good)))
        (letter,) = await dead.list_dead(redis)
        assert (letter.reason, letter.batch) == ("max_deliveries", stuck.batch)
        await until(lambda: only_dead(redis, 1))
    assert "the event loop has been silent" in worker.log()


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
            await until(lambda: len(journal.of("end")) >= goal)  # noqa: B023 (called before the next turn)
            if turn == 5:
                durable.kill()
                await durable.start()
            victim = dice.choice(workers)
            victim.kill()
            victim.start()
        await until(lambda: nothing_left(redis), 60)
    assert set(journal.of("end")) == {message.batch for message in messages}
