"""What the queue promises, whichever Redis it is. Three sources, so that each of three partitions has one."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from tests.conformance.deployments import Deployment
from tests.contract.queue.harness import Recorder, make_broker, stays, until, working
from tests.crash.queue.harness import Journal, Worker
from workers.errors import Deferred, NotAFeed
from workers.events import follow as following
from workers.events.publish import publish
from workers.model import Event, Stats
from workers.queue import dead, depth, pause, rate, registry
from workers.queue.connect import Redis, Trouble, each, now_ms
from workers.queue.lanes import Lane, partition_of
from workers.queue.message import Message
from workers.queue.ring import ring

SOURCES = ("board", "alpha", "gamma")
STALL_LIMIT = 20.0

log = logging.getLogger(__name__)
"""Figures: pytest -o log_cli=true --log-cli-level=INFO"""


def spread(count: int, kind: str = "n") -> list[Message]:
    return [
        Message(stage="upsert", run=1, source=SOURCES[n % 3], batch=f"1:{kind}-{n}", high=n % 5 == 0)
        for n in range(count)
    ]


async def nothing_left(redis: Redis) -> bool:
    try:
        depths = await depth.snapshot(redis)
    except Trouble:  # this test's own client has yet to learn of a failure
        return False
    return not (depths.dead or depths.delayed or any(lane.waiting or lane.running for lane in depths.lanes))


async def dead_count(redis: Redis, count: int) -> bool:
    return await dead.count(redis) == count


def test_each_partition_has_a_source() -> None:
    assert [partition_of(source, 3).number for source in SOURCES] == [0, 1, 2]


async def test_delivered_once_and_gone(deployment: Deployment, redis: Redis) -> None:
    done = Recorder()
    messages = spread(150)
    rung_at = await ring(redis, messages)
    assert rung_at <= min(at for at in (await depth.heads(redis)).values() if at)
    async with working(make_broker(deployment.settings, upsert=done.task)):
        await until(lambda: nothing_left(redis))
        later = spread(9, "later")
        await ring(redis, later)
        await until(lambda: nothing_left(redis))
    assert sorted(done.calls) == sorted(message.batch for message in messages + later)
    assert await depth.added(redis) == {"upsert": 127, "upsert:high": 32, "fetch": 0, "fetch:high": 0, "close": 0}


async def test_a_message_is_heard_at_once(deployment: Deployment, redis: Redis) -> None:
    """An idle worker waits for entries; it does not look for them now and then."""
    done = Recorder()
    async with working(make_broker(deployment.settings, upsert=done.task)):
        took: list[float] = []
        for n, message in enumerate(spread(12)):
            await until(lambda: nothing_left(redis))
            began = time.monotonic()
            await ring(redis, [message])
            await until(lambda: len(done.calls) == n + 1)  # noqa: B023
            took.append(time.monotonic() - began)
    assert sorted(took)[6] < 0.5


async def test_tried_again_then_dead_then_requeued(deployment: Deployment, redis: Redis) -> None:
    """Row P15: in a cluster too."""
    failing, well = Recorder(*[OSError("no route")] * 99), Recorder()
    messages = spread(3)
    await ring(redis, messages)
    async with working(make_broker(deployment.settings, upsert=failing.task)):
        await until(lambda: dead_count(redis, 3))
    assert sorted(failing.attempts) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    letters = await dead.list_dead(redis)
    assert {letter.batch for letter in letters} == {message.batch for message in messages}
    assert {letter.reason for letter in letters} == {"attempts"}
    assert len({letter.id for letter in letters}) == 3
    first = await dead.list_dead(redis, limit=2)
    assert first + await dead.list_dead(redis, before=first[-1].id) == letters
    assert sorted([letter.id async for letter in dead.letters(redis)]) == sorted(letter.id for letter in letters)
    kept, *others = letters
    assert [await dead.get(redis, letter.id) for letter in others] == others
    for letter in others:
        assert await dead.requeue(redis, letter.id)
        assert await dead.requeue(redis, letter.id) is None
    async with working(make_broker(deployment.settings, upsert=well.task)):
        await until(lambda: len(well.calls) == 2)
    assert sorted(well.calls) == sorted(letter.batch for letter in others)
    assert await dead.discard(redis, kept.id)
    await until(lambda: nothing_left(redis))


async def test_delayed_until_due(deployment: Deployment, redis: Redis) -> None:
    busy = Recorder(*[Deferred("busy", 1.0)] * 3)
    messages = spread(3)
    await ring(redis, messages)
    async with working(make_broker(deployment.settings, upsert=busy.task)):
        await until(lambda: len(busy.calls) == 3)
        put_off = time.monotonic()
        await until(lambda: delayed(redis, messages))
        await until(lambda: len(busy.calls) == 6)
        assert time.monotonic() - put_off >= 0.9
        await until(lambda: nothing_left(redis))
    assert busy.attempts == [1] * 6


async def delayed(redis: Redis, messages: list[Message]) -> bool:
    found = {message.batch for message in await depth.delayed_messages(redis)}
    return found == {message.batch for message in messages} and (await depth.snapshot(redis)).delayed == 3


async def test_paused_lanes_and_sources_wait(
    deployment: Deployment, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.queue.broker.PAUSED_SECONDS", 0.3)
    done = Recorder()
    assert await pause.pause(redis, "upsert:high")
    assert await pause.pause(redis, "source:alpha")
    assert not await pause.pause(redis, "source:alpha")
    assert await pause.paused(redis) == {"upsert:high", "source:alpha"}
    assert await pause.flags(redis) == [{"upsert:high", "source:alpha"}] * deployment.partitions
    messages = spread(15)
    await ring(redis, messages)
    open_to = {message.batch for message in messages if not message.high and message.source != "alpha"}
    async with working(make_broker(deployment.settings, upsert=done.task)):
        await until(lambda: set(done.calls) == open_to)
        await stays(lambda: set(done.calls) == open_to, 1.0)
        depths = await depth.snapshot(redis)
        assert depths.paused == {"upsert:high", "source:alpha"}
        assert {lane.lane for lane in depths.lanes if lane.paused} == {"upsert:high"}
        await pause.resume(redis, "upsert:high")
        await pause.resume(redis, "source:alpha")
        await until(lambda: nothing_left(redis))
    assert sorted(done.calls) == sorted(message.batch for message in messages)


async def test_depth_counts_everything_once(deployment: Deployment, redis: Redis) -> None:
    held = Recorder(NotAFeed("a page"))
    held.gate.clear()
    messages = [message for message in spread(30) if not message.high]
    before = await now_ms(redis)
    await ring(redis, messages)
    async with working(make_broker(deployment.settings, capacity=4, upsert=held.task)):
        await until(lambda: len(held.calls) == 4)
        depths = await depth.snapshot(redis)
        (lane,) = [lane for lane in depths.lanes if lane.lane == "upsert"]
        assert (lane.waiting, lane.running, lane.dead, lane.delayed) == (len(messages) - 4, 4, 0, 0)
        assert lane.oldest_ms and before <= lane.oldest_ms <= depths.at_ms
        assert (await depth.heads(redis))[Lane("upsert")] == lane.oldest_ms
        in_partition = {source: await depth.backlog(redis, Lane("upsert"), source) for source in SOURCES}
        expected = len(messages) if deployment.partitions == 1 else len(messages) / 3
        assert set(in_partition.values()) == {expected}
        held.gate.set()
        await until(lambda: dead_count(redis, 1))
    (lane,) = [lane for lane in (await depth.snapshot(redis)).lanes if lane.lane == "upsert"]
    assert lane.dead == 1


async def test_events_follow(redis: Redis) -> None:
    await publish(redis, event(0))
    after = await following.last_id(redis)
    assert [one.run for _, one in await following.latest(redis, 5)] == [0]
    heard: list[int] = []
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            async for news in following.follow(redis, after):
                assert not isinstance(news, following.Gap)
                if isinstance(news, tuple):
                    heard.append(news[1].run)

        tasks.start_soon(watch)
        for n in range(1, 1200):
            assert await publish(redis, event(n))
        await until(lambda: len(heard) >= 1199)
        tasks.cancel_scope.cancel()
    assert heard == list(range(1, 1200))


def event(number: int) -> Event:
    return Event(kind="run", at=float(number), run=number, stats=Stats(total=number))


async def test_workers_rates_and_names(deployment: Deployment, redis: Redis) -> None:
    said = registry.WorkerBeat(id="h:1:1:worker-0", host="h", pid=1, lanes=["upsert"], slots=4, busy=0)
    await registry.beat(redis, said)
    assert [info.id for info in await registry.workers(redis)] == ["h:1:1:worker-0"]
    await registry.leave(redis, said.id)
    assert await registry.workers(redis) == []
    for source in SOURCES:
        assert await rate.take(redis, source, "1/h") == 0.0
        assert await rate.take(redis, source, "1/h") > 3000
    async with working(make_broker(deployment.settings, upsert=Recorder().task)):
        await ring(redis, spread(15))
        await until(lambda: nothing_left(redis))
        assert [await registry.prune(redis, partition) for partition in each(redis)] == [0] * deployment.partitions
    for partition in each(redis):
        assert await redis.xinfo_consumers(partition.lane(Lane("upsert")), "jobimport") == []


@asynccontextmanager
async def hired(deployment: Deployment, journal: Journal, *names: str, **options: float) -> AsyncIterator[list[Worker]]:
    """Worker processes, under the names given."""
    options = {"partitions": deployment.partitions, **options}
    workers = [Worker(deployment.url, journal, name, **options) for name in names]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()


@pytest.mark.crash
async def test_what_a_killed_worker_had_is_run_by_another(
    deployment: Deployment, redis: Redis, journal_file: Path
) -> None:
    """Rows E16b, E17c and P15."""
    journal = Journal(journal_file)
    messages = [Message(stage="upsert", run=1, source=source, batch=f"1:once-60-{source}") for source in SOURCES]
    async with hired(deployment, journal, "one", lease=1.5) as (one,):
        await ring(redis, messages)
        await until(lambda: len(journal.of("start")) == 3)
        async with hired(deployment, journal, "two", lease=1.5) as (two,):
            one.kill()
            killed = time.monotonic()
            await until(lambda: len(journal.of("end")) == 3)
            log.info("taken over %.1f s after the kill", time.monotonic() - killed)
            await until(lambda: nothing_left(redis))
            assert {pid for what, _, pid in journal.lines() if what == "end"} == {two.pid}


@pytest.mark.crash
async def test_the_server_fails_in_the_middle_of_work(deployment: Deployment, redis: Redis, journal_file: Path) -> None:
    """No worker dies, everything runs; what Redis lost is rung again, as the reconciler would."""
    journal = Journal(journal_file)
    messages = [Message(stage="upsert", run=1, source=SOURCES[n % 3], batch=f"1:sleep-0.2-n{n}") for n in range(90)]
    async with hired(deployment, journal, "one", "two", lease=15) as workers:
        await ring(redis, messages)
        await until(lambda: len(journal.of("end")) >= 16)
        await deployment.fail()
        failed = time.monotonic()
        first = [
            message.batch for message in messages if partition_of(message.source, deployment.partitions).number == 0
        ]
        started = _of(journal, first)
        again = anyio.current_time() + 2.0
        stall = 0.0
        while len(journal.of("end")) < len(messages):
            assert time.monotonic() - failed < 60
            assert all(worker.alive for worker in workers)
            if not stall and _of(journal, first) > started:
                stall = time.monotonic() - failed
            if anyio.current_time() > again:
                again = anyio.current_time() + 1.0
                await _ring_for_the_lost(redis, journal, messages)
            await anyio.sleep(0.02)
        await until(lambda: nothing_left(redis))
        assert all(worker.alive for worker in workers)
        for worker in workers:
            assert "Traceback" not in worker.log()
    log.info("nothing new began in the first partition for %.1f s", stall)
    assert stall < STALL_LIMIT
    if deployment.remembers and deployment.partitions == 1 and "sentinel" not in deployment.url:
        assert set(journal.of("start").values()) == {1}


def _of(journal: Journal, batches: list[str]) -> int:
    started = journal.of("start")
    return sum(batch in started for batch in batches)


async def _ring_for_the_lost(redis: Redis, journal: Journal, messages: list[Message]) -> None:
    """Where Redis holds nothing more, ring for what has not ended."""
    try:
        if await nothing_left(redis):
            ended = journal.of("end")
            await ring(redis, [message for message in messages if message.batch not in ended])
    except Trouble:
        return
