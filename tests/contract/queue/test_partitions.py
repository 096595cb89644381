"""Several partitions on one server: which keys, what is summed up, and whose trouble is whose."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.queue.harness import Recorder, make_broker, stays, until, working
from workers.queue import dead, depth, pause
from workers.queue.connect import Redis, open_redis
from workers.queue.dead import Death, encode_death
from workers.queue.intake import Intake
from workers.queue.lanes import Lane, Partition, partition_of
from workers.queue.message import Message
from workers.queue.ring import ring
from workers.settings import RedisSettings

SOURCES = ("board", "alpha", "gamma")
DEATH = encode_death(Death(reason="attempts", kind="x", error="x", attempts=3, deliveries=3, worker="a"))


@pytest.fixture
def settings(redis_url: str) -> RedisSettings:
    return RedisSettings(url=redis_url, partitions=3)


@pytest.fixture
async def spread(settings: RedisSettings) -> AsyncIterator[Redis]:
    async with open_redis(settings) as redis:
        yield redis


def upserts(count: int) -> list[Message]:
    return [Message(stage="upsert", run=1, source=SOURCES[n % 3], batch=f"1:{n:04d}") for n in range(count)]


def test_a_source_stays_where_it_is() -> None:
    """Written down: another hash would leave behind what waits."""
    assert [partition_of(name, 3).number for name in (*SOURCES, "demo", "beta")] == [0, 1, 2, 0, 1]
    assert {partition_of(name, 1) for name in SOURCES} == {Partition(0)}


async def test_every_key_bears_the_tag_of_its_partition(spread: Redis, settings: RedisSettings) -> None:
    await pause.pause(spread, "fetch")
    failing = Recorder(*[ValueError("x")] * 99)
    await ring(spread, upserts(6))
    async with working(make_broker(settings, upsert=failing.task)):
        await until(lambda: all_dead(spread, 6))
    names: set[bytes] = {name async for name in spread.scan_iter()}
    lanes = {b"close", b"upsert:high", b"fetch:high", b"upsert", b"fetch"}
    expected = {b"{jobimport:%d}:%s" % (p, what) for p in range(3) for what in lanes | {b"failed", b"paused"}}
    assert names == expected


async def all_dead(redis: Redis, count: int) -> bool:
    return await dead.count(redis) == count


async def test_letters_of_the_same_id_are_told_apart(spread: Redis) -> None:
    for at in range(1, 40):
        for n, source in enumerate(SOURCES):
            message = Message(stage="upsert", run=at, source=source, batch=f"{at}:0001")
            fields = {"data": message.encode(), "meta": DEATH, "lane": "upsert"}
            await spread.xadd(Partition(n).failed, fields, id=f"{at}-0")  # pyright: ignore[reportArgumentType]
    letters = await dead.list_dead(spread)
    assert [letter.id for letter in letters[:4]] == ["39-0@2", "39-0@1", "39-0", "38-0@2"]
    pages: list[str] = []
    while page := await dead.list_dead(spread, limit=7, before=pages[-1] if pages else None):
        pages += [letter.id for letter in page]
    assert pages == [letter.id for letter in letters]
    assert len({letter.id for letter in letters}) == 117
    assert [letter.source for letter in await dead.list_dead(spread, source="alpha", limit=2)] == ["alpha"] * 2
    assert await dead.requeue(spread, "39-0@1")
    assert await spread.xlen(Partition(1).lane(Lane("upsert"))) == 1
    assert await dead.get(spread, "39-0@1") is None
    assert await dead.get(spread, "39-0") == letters[2]
    assert await dead.discard(spread, "39-0@2")
    assert await dead.count(spread) == 115


async def test_a_pause_that_one_partition_missed_is_seen(spread: Redis) -> None:
    await pause.pause(spread, "source:alpha")
    await spread.srem(Partition(1).paused, "source:alpha")  # pyright: ignore[reportGeneralTypeIssues]
    assert await pause.flags(spread) == [{"source:alpha"}, frozenset(), {"source:alpha"}]
    assert await pause.paused(spread) == {"source:alpha"}
    assert await pause.pause(spread, "source:alpha")
    assert await pause.flags(spread) == [{"source:alpha"}] * 3


async def test_one_partition_away_does_not_hold_up_the_others(
    spread: Redis, settings: RedisSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Recorder()
    intact, look_at_pauses = Intake._next, Intake.look_at_pauses
    is_away = True

    async def fails(self: Intake, *, waiting: bool) -> list:
        if is_away and self._partition.number == 1:
            raise ConnectionError("nobody there")
        return await intact(self, waiting=waiting)

    async def fails_too(self: Intake) -> None:
        if is_away and self._partition.number == 1:
            raise ConnectionError("nobody there")
        await look_at_pauses(self)

    monkeypatch.setattr(Intake, "_next", fails)
    monkeypatch.setattr(Intake, "look_at_pauses", fails_too)
    async with working(make_broker(settings, capacity=2, upsert=done.task)):
        await ring(spread, upserts(60))
        await until(lambda: len(done.calls) == 40, 5)
        await stays(lambda: len(done.calls) == 40, 0.5)
        is_away = False
        await until(lambda: len(done.calls) == 60)
    assert sorted(done.calls) == [message.batch for message in upserts(60)]


async def test_no_source_of_many_waits_for_a_busy_one(spread: Redis, settings: RedisSettings) -> None:
    done = Recorder()
    await ring(spread, [message for message in upserts(900) if message.source == "board"])
    async with working(make_broker(settings, capacity=1, upsert=done.task)):
        await until(lambda: len(done.calls) > 10)
        late = Message(stage="upsert", run=2, source="gamma", batch="2:0001")
        before = len(done.calls)
        await ring(spread, [late])
        await until(lambda: late.batch in done.calls)
        assert done.calls.index(late.batch) - before < 60
        depths = await depth.snapshot(spread)
        assert {lane.lane for lane in depths.lanes if lane.waiting} == {"upsert"}
