"""Who watches misses nothing inside the cap, and is told when it missed something beyond it."""

import anyio
import pytest

from tests.plant import eventually
from workers.events import follow as following
from workers.events.publish import publish
from workers.events.schema import CAP, decode, encode
from workers.model import Event, Stats
from workers.queue.connect import Redis, id_ms, now_ms
from workers.queue.lanes import EVENTS

pytestmark = pytest.mark.anyio


def event(number: int) -> Event:
    return Event(kind="run", at=float(number), run=number, stats=Stats(total=number))


async def heard(redis: Redis, after: str, count: int) -> list[following.Heard]:
    """What a watcher hears until it has `count` events."""
    found: list[following.Heard] = []
    with anyio.fail_after(10):
        async for news in following.follow(redis, after):
            if not isinstance(news, following.Quiet):
                found.append(news)
            if sum(isinstance(one, tuple) for one in found) >= count:
                return found
    raise AssertionError


async def test_a_watcher_that_was_away_hears_what_it_missed(redis: Redis) -> None:
    await publish(redis, *(event(n) for n in range(5)))
    seen = await following.last_id(redis)
    await publish(redis, *(event(n) for n in range(5, 1300)))
    news = await heard(redis, seen, 1295)
    assert [one[1].run for one in news if isinstance(one, tuple)] == list(range(5, 1300))


async def test_a_watcher_that_was_away_too_long_is_told(redis: Redis) -> None:
    await publish(redis, event(0))
    seen = await following.last_id(redis)
    await publish(redis, *(event(n) for n in range(1, CAP + 500)))
    news = await heard(redis, seen, 10)
    assert isinstance(news[0], following.Gap)
    assert isinstance(news[1], tuple)


async def test_a_flushed_redis_is_a_gap_too(redis: Redis) -> None:
    await publish(redis, event(0))
    seen = await following.last_id(redis)
    await redis.flushall()

    async def a_later_moment() -> bool:
        return await now_ms(redis) > id_ms(seen)  # else the new stream begins with the very id of the old one

    await eventually(a_later_moment)
    await publish(redis, event(1))
    assert isinstance((await heard(redis, seen, 1))[0], following.Gap)


async def test_an_event_of_a_newer_version_is_passed_over(redis: Redis) -> None:
    await redis.xadd(EVENTS, {b"event": b'{"kind":"something new","at":1}'})
    await publish(redis, event(7))
    assert [one[1].run for one in await heard(redis, "0-0", 1) if isinstance(one, tuple)] == [7]


async def test_the_latest_are_there_at_once(redis: Redis) -> None:
    await publish(redis, *(event(n) for n in range(30)))
    assert [one.run for _, one in await following.latest(redis, 3)] == [27, 28, 29]


async def test_a_watcher_on_a_quiet_stream_is_told_that_it_is_quiet(redis: Redis) -> None:
    async def quiet() -> bool:
        async for news in following.follow(redis, "0-0"):
            return isinstance(news, following.Quiet)
        return False

    assert await eventually(quiet, limit=5)


def test_an_event_survives_its_wire_form() -> None:
    assert decode(encode(event(3))) == event(3)
