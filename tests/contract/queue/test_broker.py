"""The broker under taskiq's own receiver. Rows are those of the queue evidence."""

import asyncio
import logging

import anyio
import msgspec
import pytest

from tests.contract.queue.harness import (
    NOTHING,
    QUICK,
    Recorder,
    left,
    make_broker,
    stays,
    until,
    upsert_message,
    working,
)
from workers.errors import Deferred, HttpUnavailable, NotAFeed
from workers.queue import dead, depth, pause
from workers.queue.connect import Redis
from workers.queue.dead import DeadLetter
from workers.queue.lanes import DELAYED, GROUP, LANES, Lane
from workers.queue.message import Message
from workers.queue.ring import ring
from workers.settings import Seconds

pytestmark = pytest.mark.filterwarnings("ignore:.*:ResourceWarning")


async def nothing_left(redis: Redis) -> bool:
    return await left(redis) == NOTHING


async def test_sent_before_the_first_worker_and_gone_when_done(redis: Redis, redis_url: str) -> None:
    """Rows E13 and E12."""
    done = Recorder()
    await ring(redis, [upsert_message(n) for n in range(50)])
    async with working(make_broker(redis_url, upsert=done.task)):
        await until(lambda: nothing_left(redis))
    assert sorted(done.calls) == [f"1:{n:04d}" for n in range(50)]


async def test_nothing_is_trimmed(redis: Redis, redis_url: str) -> None:
    """Row E10."""
    done = Recorder()
    await ring(redis, [upsert_message(n) for n in range(3000)])
    async with working(make_broker(redis_url, capacity=50, upsert=done.task)):
        await until(lambda: nothing_left(redis))
    assert len(set(done.calls)) == len(done.calls) == 3000


async def test_no_worker_hoards(redis: Redis, redis_url: str) -> None:
    """Row E19."""
    one, two = Recorder(), Recorder()
    one.gate.clear()
    two.gate.clear()
    await ring(redis, [upsert_message(n) for n in range(60)])
    async with working(make_broker(redis_url, consumer="one", capacity=2, upsert=one.task)) as first:
        await until(lambda: len(one.calls) == 2)
        async with working(make_broker(redis_url, consumer="two", capacity=2, upsert=two.task)):
            await until(lambda: len(two.calls) == 2)
            assert (await left(redis))["pending"] == 4
            assert (first.busy, len(first.current())) == (2, 2)
            one.gate.set()
            two.gate.set()
            await until(lambda: nothing_left(redis))
    assert sorted(one.calls + two.calls) == [f"1:{n:04d}" for n in range(60)]


async def test_a_transient_failure_is_tried_three_times_then_dead(redis: Redis, redis_url: str) -> None:
    """Rows E8a and P8."""
    failing = Recorder(*[ConnectionError("no route")] * 9)
    told: list[DeadLetter] = []
    broker = make_broker(redis_url, upsert=failing.task)

    async def on_dead(letter: DeadLetter) -> None:
        assert await dead.count(redis) == 0, "MongoDB is told before the letter is in Redis"
        told.append(letter)

    broker.on_dead = on_dead
    await ring(redis, [upsert_message(7)])
    async with working(broker):
        await until(lambda: dead_count(redis, 1))
    assert failing.attempts == [1, 2, 3]
    (letter,) = await dead.list_dead(redis)
    assert (letter.reason, letter.kind, letter.attempts) == ("attempts", "connection_error", 3)
    assert letter.error == "ConnectionError: no route"
    assert letter.worker == "host:1:1:worker-0"
    assert [(t.id, t.batch, t.reason) for t in told] == [("", "1:0007", "attempts")]
    assert await left(redis) == {**NOTHING, "dead": 1}


async def dead_count(redis: Redis, count: int) -> bool:
    return await dead.count(redis) == count


async def test_a_permanent_failure_is_dead_at_once(redis: Redis, redis_url: str) -> None:
    failing = Recorder(NotAFeed("an HTML page"))
    await ring(redis, [upsert_message()])
    async with working(make_broker(redis_url, upsert=failing.task)):
        await until(lambda: dead_count(redis, 1))
    (letter,) = await dead.list_dead(redis)
    assert (letter.reason, letter.kind, letter.error) == ("permanent", "not_a_feed", "an HTML page")
    assert failing.attempts == [1]


async def test_a_deferred_message_uses_no_attempt(redis: Redis, redis_url: str) -> None:
    busy = Recorder(*[Deferred("busy", 0.1)] * 5)
    await ring(redis, [upsert_message()])
    async with working(make_broker(redis_url, upsert=busy.task)):
        await until(lambda: nothing_left(redis))
    assert busy.attempts == [1] * 6


async def test_retry_after_is_honoured_and_the_store_is_told(redis: Redis, redis_url: str) -> None:
    asked = Recorder(HttpUnavailable("https://x.example", 503, retry_after=30))
    put_off: list[tuple[Message, int]] = []
    broker = make_broker(redis_url, upsert=asked.task)

    async def on_delayed(message: Message, due: int) -> None:
        put_off.append((message, due))

    broker.on_delayed = on_delayed
    rung_at = await ring(redis, [upsert_message()])
    async with working(broker):
        await until(lambda: bool(put_off))
    ((message, due),) = put_off
    assert message.attempt == 2
    assert 30_000 <= due - rung_at < 32_000
    ((_, score),) = await redis.zrange(DELAYED, 0, -1, withscores=True)
    assert score == due
    assert await depth.delayed_messages(redis) == [message]


async def test_a_delayed_message_survives_every_worker(redis: Redis, redis_url: str) -> None:
    """Row P9."""
    failing, later = Recorder(OSError("first")), Recorder()
    settings = msgspec.structs.replace(QUICK, backoff_base=Seconds(1), backoff_max=Seconds(1))
    await ring(redis, [upsert_message()])
    async with working(make_broker(redis_url, upsert=failing.task, settings=settings)):
        await until(lambda: bool(failing.calls))
    async with working(make_broker(redis_url, upsert=later.task)):
        await until(lambda: later.attempts == [2])
        await until(lambda: nothing_left(redis))


async def test_poison_is_dead_with_its_reason_and_harms_nobody(redis: Redis, redis_url: str) -> None:
    """Rows E7a and E7b."""
    done = Recorder()
    lane = Lane("upsert").key
    await redis.xadd(lane, {"data": b"{nope"})
    await redis.xadd(lane, {"data": b'{"task_id":"1","task_name":"shell.run","args":["rm"]}'})
    await redis.xadd(lane, {"other": b"field"})
    # Read well by us, refused by no one: no actor for this stage is bound to this worker.
    await redis.xadd(lane, {"data": Message(stage="close", run=1, source="a").encode()})
    await ring(redis, [upsert_message()])
    async with working(make_broker(redis_url, upsert=done.task)):
        await until(lambda: dead_count(redis, 4))
        await until(lambda: done.calls == ["1:0001"])
        await until(lambda: left_is(redis, dead=4))
    letters = [letter async for letter in dead.letters(redis)]
    assert {letter.reason for letter in letters} == {"poison"}
    assert {letter.lane for letter in letters} == {"upsert"}
    said = sorted(letter.error.partition(": ")[2][:21] for letter in letters)
    assert said == ["an entry without data", "no task for stage clo", "not a message: JSON i", "unknown task 'shell.r"]


async def left_is(redis: Redis, **places: int) -> bool:
    return await left(redis) == {**NOTHING, **places}


@pytest.mark.parametrize("label", [{"ack_type": "nonsense"}, {"timeout": "soon"}, {"delivery": "upsert/0-0"}])
async def test_labels_from_outside_reach_nobody(redis: Redis, redis_url: str, label: dict[str, str]) -> None:
    done = Recorder()
    data = upsert_message().encode(**label)
    await redis.xadd(Lane("upsert").key, {"data": data})
    async with working(make_broker(redis_url, upsert=done.task)):
        await until(lambda: nothing_left(redis))
    assert done.calls == ["1:0001"]


async def test_a_death_that_mongodb_cannot_be_told_of_waits(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.queue.broker.UNTOLD_SECONDS", 0.3)
    failing = Recorder(*[NotAFeed("a page")] * 9)
    tried: list[str] = []
    broker = make_broker(redis_url, upsert=failing.task)

    async def on_dead(letter: DeadLetter) -> None:
        tried.append(letter.reason)
        if len(tried) < 4:
            raise OSError("MongoDB is away")

    broker.on_dead = on_dead
    await ring(redis, [upsert_message()])
    await redis.xadd(Lane("upsert").key, {"data": b"{nope"})
    async with working(broker):
        await until(lambda: left_is(redis, dead=2))
    assert sorted(tried)[:2] == ["permanent", "permanent"]
    assert "poison" in tried


async def test_a_long_task_keeps_its_lease(redis: Redis, redis_url: str) -> None:
    """Row E2."""
    slow, other = Recorder(), Recorder()
    slow.gate.clear()
    await ring(redis, [upsert_message()])
    async with (
        working(make_broker(redis_url, consumer="slow", upsert=slow.task)),
        working(make_broker(redis_url, consumer="other", upsert=other.task)),
    ):
        await until(lambda: bool(slow.calls or other.calls))
        busy = slow if slow.calls else other
        busy.gate.clear()
        for n in range(2, 12):  # a trickle of traffic over three leases
            await ring(redis, [upsert_message(n)])
            await stays(lambda: slow.calls.count("1:0001") + other.calls.count("1:0001") == 1, QUICK.lease * 3 / 10)
        slow.gate.set()
        other.gate.set()
        await until(lambda: nothing_left(redis))
    assert sorted(slow.calls + other.calls) == [f"1:{n:04d}" for n in range(1, 12)]


async def test_a_dead_consumers_entry_is_taken_over_on_a_quiet_stream(redis: Redis, redis_url: str) -> None:
    """Row E1, without the kill."""
    done = Recorder()
    async with working(make_broker(redis_url, consumer="alive", upsert=done.task)):
        await until(lambda: group_exists(redis))
        await pause.pause(redis, "upsert")
        await ring(redis, [upsert_message()])

        async def ours() -> bool:
            """A pause is seen within a second or two; until then the worker may have been quicker."""
            if await redis.xreadgroup(GROUP, "dead", {Lane("upsert").key: ">"}):
                return True
            done.calls.clear()
            await ring(redis, [upsert_message()])
            return False

        await until(ours)
        done.calls.clear()
        await pause.resume(redis, "upsert")
        await until(lambda: bool(done.calls))
        await until(lambda: nothing_left(redis))


async def group_exists(redis: Redis) -> bool:
    return bool(await redis.exists(LANES[-1].key))


async def test_own_entries_of_a_former_life_come_first(redis: Redis, redis_url: str) -> None:
    done = Recorder()
    await ring(redis, [upsert_message(n) for n in range(3)])
    await redis.xgroup_create(Lane("upsert").key, GROUP, id="0")
    await redis.xreadgroup(GROUP, "host:1:1:worker-0", {Lane("upsert").key: ">"}, count=2)
    settings = msgspec.structs.replace(QUICK, lease=Seconds(3600))
    async with working(make_broker(redis_url, capacity=1, upsert=done.task, settings=settings)):
        await until(lambda: nothing_left(redis))
    assert done.calls == ["1:0000", "1:0001", "1:0002"]


@pytest.mark.parametrize("consumer", ["host:1:1:worker-0", "of-a-dead-manager"])
async def test_the_delivery_cap_holds_on_both_paths(redis: Redis, redis_url: str, consumer: str) -> None:
    """Row E7c: a message that has killed five workers runs no more."""
    done = Recorder()
    lane = Lane("upsert").key
    await ring(redis, [upsert_message()])
    await redis.xgroup_create(lane, GROUP, id="0")
    ((_, ((entry_id, _),)),) = await redis.xreadgroup(GROUP, consumer, {lane: ">"})
    await redis.execute_command("XCLAIM", lane, GROUP, consumer, 0, entry_id, "IDLE", 9999, "RETRYCOUNT", 5)
    async with working(make_broker(redis_url, upsert=done.task)):
        await until(lambda: left_is(redis, dead=1))
    (letter,) = await dead.list_dead(redis)
    assert (letter.reason, letter.deliveries, letter.batch) == ("max_deliveries", 6, "1:0001")
    assert done.calls == []


async def test_stopping_hands_back_what_runs_longer(redis: Redis, redis_url: str) -> None:
    """Row E3: nothing is stranded, and no attempt or delivery is used up."""
    stuck, fresh = Recorder(), Recorder()
    stuck.gate.clear()
    await ring(redis, [upsert_message(n) for n in range(5)])
    async with working(make_broker(redis_url, consumer="old", capacity=2, upsert=stuck.task), grace=0.2):
        await until(lambda: len(stuck.calls) == 2)
    names = {c["name"] for c in await redis.xinfo_consumers(Lane("upsert").key, GROUP)}
    assert names == {b"nobody"}
    pending = await redis.xpending_range(Lane("upsert").key, GROUP, "-", "+", 10)
    assert [p["times_delivered"] for p in pending] == [0, 0]
    settings = msgspec.structs.replace(QUICK, lease=Seconds(3600))
    async with working(make_broker(redis_url, consumer="new", upsert=fresh.task, settings=settings)):
        await until(lambda: nothing_left(redis))
    assert sorted(fresh.calls) == [f"1:{n:04d}" for n in range(5)]
    assert fresh.attempts == [1] * 5
    stuck.gate.set()


async def test_a_cancelled_task_is_not_acked(redis: Redis, redis_url: str) -> None:
    cancelled = Recorder(asyncio.CancelledError())
    await ring(redis, [upsert_message()])
    async with working(make_broker(redis_url, upsert=cancelled.task)):
        await until(lambda: len(cancelled.calls) == 2)
        await until(lambda: nothing_left(redis))
    assert cancelled.attempts == [1, 1]


async def test_high_goes_first_and_normal_does_not_starve(redis: Redis, redis_url: str) -> None:
    """Row P12."""
    done = Recorder()
    await ring(redis, [upsert_message(n) for n in range(40)])
    await ring(redis, [upsert_message(n, run=2, high=True) for n in range(40)])
    async with working(make_broker(redis_url, capacity=1, upsert=done.task)):
        await until(lambda: nothing_left(redis))
    first = done.calls[:40]
    assert sum(call.startswith("2:") for call in first) >= 33
    assert 3 <= sum(call.startswith("1:") for call in first) <= 7


async def test_fetches_leave_half_the_slots(redis: Redis, redis_url: str) -> None:
    fetching: list[int] = []
    gate = asyncio.Event()
    done = Recorder()

    async def fetch(run: int) -> None:
        fetching.append(run)
        await gate.wait()

    await ring(redis, [Message(stage="fetch", run=n, source="a", high=n % 2 == 0) for n in range(1, 9)])
    async with working(make_broker(redis_url, capacity=4, fetch=fetch, upsert=done.task)):
        await until(lambda: len(fetching) == 2)
        await ring(redis, [upsert_message(n) for n in range(10)])
        await until(lambda: len(done.calls) == 10)
        assert len(fetching) == 2
        gate.set()
        await until(lambda: nothing_left(redis))
    assert sorted(fetching) == list(range(1, 9))


async def test_a_pause_is_seen_and_survives_a_restart(redis: Redis, redis_url: str) -> None:
    """Row P16."""
    done = Recorder()
    await pause.pause(redis, "upsert")
    await ring(redis, [upsert_message(1), upsert_message(2, high=True)])
    async with working(make_broker(redis_url, upsert=done.task)):
        await until(lambda: done.calls == ["1:0002"])
        await stays(lambda: done.calls == ["1:0002"], 1.2)
        await pause.resume(redis, "upsert")
        await until(lambda: done.calls == ["1:0002", "1:0001"], 3)


async def test_a_paused_source_is_put_off(redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.queue.broker.PAUSED_SECONDS", 0.3)
    done = Recorder()
    await pause.pause(redis, "source:quiet")
    await ring(redis, [upsert_message(1, source="quiet"), upsert_message(2, source="loud")])
    async with working(make_broker(redis_url, upsert=done.task)):
        await until(lambda: done.calls == ["1:0002"])
        await until(lambda: left_is(redis, delayed=1))
        await pause.resume(redis, "source:quiet")
        await until(lambda: done.calls == ["1:0002", "1:0001"], 5)
    assert done.attempts == [1, 1]


async def test_a_hold_leaves_a_stage_unread(redis: Redis, redis_url: str) -> None:
    done = Recorder()
    closed: list[int] = []

    async def close(run: int) -> None:
        closed.append(run)

    broker = make_broker(redis_url, upsert=done.task, close=close)
    broker.hold("upsert", 1.0)
    held = anyio.current_time()
    await ring(redis, [upsert_message(), Message(stage="close", run=3, source="a")])
    async with working(broker):
        await until(lambda: closed == [3])
        assert done.calls == []
        await until(lambda: bool(done.calls), 4)
        assert anyio.current_time() - held >= 1.0


async def test_a_message_that_takes_too_long_is_tried_again(redis: Redis, redis_url: str) -> None:
    """Row E9a."""
    slow = Recorder()
    slow.gate.clear()
    settings = msgspec.structs.replace(QUICK, message_timeout=Seconds(0.2), attempts=2)
    await ring(redis, [upsert_message()])
    async with working(make_broker(redis_url, upsert=slow.task, settings=settings)):
        await until(lambda: left_is(redis, dead=1))
    (letter,) = await dead.list_dead(redis)
    assert (letter.reason, letter.kind, slow.attempts) == ("attempts", "timeout_error", [1, 2])


async def test_a_flush_in_the_middle_is_survived(redis: Redis, redis_url: str) -> None:
    """Row P21: the group is declared again, the slot of what ran is free, and nobody dies."""
    done = Recorder()
    done.gate.clear()
    await ring(redis, [upsert_message(n) for n in range(4)])
    async with working(make_broker(redis_url, capacity=2, upsert=done.task)) as broker:
        await until(lambda: len(done.calls) == 2)
        await redis.flushall()
        done.gate.set()
        await until(lambda: broker.busy == 0)
        await ring(redis, [upsert_message(9)])
        await until(lambda: "1:0009" in done.calls)
        await until(lambda: nothing_left(redis))


async def test_a_hook_that_raises_does_not_lose_the_message(redis: Redis, redis_url: str) -> None:
    """Row E24."""
    from taskiq import TaskiqMessage, TaskiqMiddleware

    class Broken(TaskiqMiddleware):
        broken = True

        def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
            if self.broken:
                raise RuntimeError("a bug")
            return message

    done = Recorder()
    broker = make_broker(redis_url, upsert=done.task)
    hook = Broken()
    broker.add_middlewares(hook)
    await ring(redis, [upsert_message()])
    async with working(broker):
        await until(lambda: group_exists(redis))
        await until(lambda: pending_count(redis, 1))
        await until(lambda: broker.busy == 0)
        hook.broken = False
        await until(lambda: nothing_left(redis))
    assert done.attempts == [1]


async def pending_count(redis: Redis, count: int) -> bool:
    return (await left(redis))["pending"] == count


async def test_kicked_by_taskiq(redis: Redis, redis_url: str) -> None:
    done = Recorder()
    broker = make_broker(redis_url)
    task = broker.register_task(done.task, task_name="job-import.upsert")
    async with working(broker):
        await task.kicker().with_labels(source="demo", lane="upsert:high").kiq(run=1, batch="1:0001")
        await until(lambda: done.calls == ["1:0001"])
        await until(lambda: nothing_left(redis))


async def test_an_outage_is_logged_once(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    def said() -> list[str]:
        return [record.message for record in caplog.records if record.name.startswith("workers.queue")]

    async with working(make_broker("redis://127.0.0.1:1/0", upsert=Recorder().task)):
        await until(lambda: len(said()) == 1)
        await stays(lambda: len(said()) == 1, 1.5)
    assert "Redis is away" in said()[0]
    assert len(said()) == 2
