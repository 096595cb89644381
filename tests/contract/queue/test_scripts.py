"""The Lua scripts, one step at a time: an entry is always in exactly one place."""

import pytest

from tests.contract.queue.harness import NOTHING, left, until, upsert_message
from workers.queue import dead, depth, pause, rate, registry
from workers.queue.connect import Redis, Trouble, now_ms
from workers.queue.dead import Death, encode_death
from workers.queue.lanes import DELAYED, FAILED, GROUP, LANES, NOBODY, Lane
from workers.queue.message import Message
from workers.queue.ring import ensure_groups, ring
from workers.queue.scripts import END, PUMP, READ, RELEASE, RENEW, TAKE

UPSERT = Lane("upsert")
END_KEYS = [DELAYED, FAILED, *(lane.key for lane in LANES)]
NUMBER = {lane: i for i, lane in enumerate(LANES, 1)}
NAMES = [str(lane) for lane in LANES]
DEATH = encode_death(Death(reason="permanent", kind="not_a_feed", error="a page", attempts=1, deliveries=1, worker="a"))


@pytest.fixture
async def ready(redis: Redis) -> Redis:
    await ensure_groups(redis)
    return redis


async def read(redis: Redis, consumer: str, free: int = 10, *lanes: Lane, room: int = 99):
    lanes = lanes or LANES
    arguments = [GROUP, consumer, free, *(part for lane in lanes for part in (lane.stage, room))]
    return await READ(redis, [lane.key for lane in lanes], arguments)


async def take(redis: Redis, consumer: str, *, min_idle: int = 0, only: str = "", free: int = 10, hand: tuple = ()):
    arguments = [GROUP, consumer, free, "upsert", 99, min_idle, only, *hand]
    return await TAKE(redis, [UPSERT.key], arguments)


async def end(redis: Redis, consumer: str, entry_id: bytes, mode: str, *, payload: bytes = b"", delay: int = 0) -> int:
    arguments = [GROUP, consumer, NOBODY, NUMBER[UPSERT], entry_id, mode, payload, delay, DEATH]
    return (await END(redis, END_KEYS, arguments))[0]


async def deliveries(redis: Redis, entry_id: bytes) -> int:
    (pending,) = await redis.xpending_range(UPSERT.key, GROUP, entry_id, entry_id, 1)
    return pending["times_delivered"]


async def test_ring_puts_each_message_into_its_lane(ready: Redis) -> None:
    before = await now_ms(ready)
    messages = [upsert_message(n) for n in range(1200)] + [upsert_message(1, high=True)]
    rung_at = await ring(ready, [*messages, Message(stage="fetch", run=1, source="a")])
    assert before <= rung_at <= await now_ms(ready)
    assert await ready.xlen(UPSERT.key) == 1200
    assert await ready.xlen(Lane("upsert", True).key) == 1
    assert await ready.xlen(Lane("fetch").key) == 1
    assert all(at is None or at >= rung_at for at in (await depth.heads(ready)).values())


async def test_what_was_rung_before_the_group_is_delivered(redis: Redis) -> None:
    await ring(redis, [upsert_message()])
    await ensure_groups(redis)
    await ensure_groups(redis)
    assert len(await read(redis, "a")) == 1


async def test_read_never_gives_more_than_there_are_slots(ready: Redis) -> None:
    await ring(ready, [upsert_message(n, high=high) for high in (False, True) for n in range(5)])
    entries = await read(ready, "a", 7)
    assert [LANES[number - 1] for number, *_ in entries] == [Lane("upsert", True)] * 5 + [UPSERT] * 2
    assert (await left(ready))["pending"] == 7


async def test_read_heeds_a_stages_limit_over_both_its_lanes(ready: Redis) -> None:
    await ring(ready, [Message(stage="fetch", run=n, source="a", high=n % 2 == 0) for n in range(6)])
    assert len(await read(ready, "a", 10, Lane("fetch", True), Lane("fetch"), room=2)) == 2


async def test_done_leaves_nothing(ready: Redis) -> None:
    await ring(ready, [upsert_message()])
    ((_, entry_id, _, _),) = await read(ready, "a")
    assert await end(ready, "a", entry_id, "done") == 1
    assert await left(ready) == NOTHING
    assert await end(ready, "a", entry_id, "done") == 0


async def test_an_end_without_the_lease_does_nothing(ready: Redis) -> None:
    await ring(ready, [upsert_message()])
    ((_, entry_id, _, _),) = await read(ready, "a")
    assert len(await take(ready, "b")) == 1
    for mode in ("done", "later", "dead", "back"):
        assert await end(ready, "a", entry_id, mode, payload=b"upsert x") == 0
    assert await left(ready) == {"entries": 1, "pending": 1, "delayed": 0, "dead": 0}
    assert await end(ready, "b", entry_id, "done") == 1


async def test_an_end_after_a_flush_does_nothing(ready: Redis) -> None:
    await ring(ready, [upsert_message()])
    ((_, entry_id, _, _),) = await read(ready, "a")
    await ready.flushall()
    assert await end(ready, "a", entry_id, "later", payload=b"upsert x") == 0
    assert await left(ready) == NOTHING


async def test_later_then_pumped_when_due(ready: Redis) -> None:
    message = upsert_message()
    await ring(ready, [message])
    ((_, entry_id, _, _),) = await read(ready, "a")
    due = await end(ready, "a", entry_id, "later", payload=b"upsert " + message.encode(), delay=150)
    assert due - await now_ms(ready) <= 150
    assert await left(ready) == {"entries": 0, "pending": 0, "delayed": 1, "dead": 0}
    assert await depth.delayed_messages(ready) == [message]
    assert await PUMP(ready, [DELAYED, *(lane.key for lane in LANES)], [500, *NAMES]) == 0

    async def pumped() -> bool:
        return await PUMP(ready, [DELAYED, *(lane.key for lane in LANES)], [500, *NAMES]) == 1

    await until(pumped)
    assert await now_ms(ready) >= due
    assert await left(ready) == {"entries": 1, "pending": 0, "delayed": 0, "dead": 0}
    ((_, _, (_, data), _),) = await read(ready, "a")
    assert Message.decode(data) == message


async def test_a_full_redis_keeps_what_it_cannot_move_and_ends_the_rest(ready: Redis) -> None:
    await ring(ready, [upsert_message(n) for n in range(3)])
    ids = [entry_id for _, entry_id, _, _ in await read(ready, "a")]
    await ready.config_set("maxmemory", 1)
    try:
        arguments: list = [GROUP, "a", NOBODY]
        for entry_id, mode in zip(ids, ("later", "dead", "done"), strict=True):
            arguments += [NUMBER[UPSERT], entry_id, mode, b"upsert x", 1, DEATH]
        assert await END(ready, END_KEYS, arguments) == [-1, -1, 1]
        with pytest.raises(Trouble):
            await ring(ready, [upsert_message()])
    finally:
        await ready.config_set("maxmemory", 0)
    assert await left(ready) == {"entries": 2, "pending": 2, "delayed": 0, "dead": 0}


async def test_a_master_that_may_not_write_is_trouble_that_passes(ready: Redis) -> None:
    await ring(ready, [upsert_message()])
    ((_, entry_id, _, _),) = await read(ready, "a")
    await ready.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(Trouble, match=r"[Nn]ot enough good replicas"):
            await ring(ready, [upsert_message()])
        with pytest.raises(Trouble):
            await end(ready, "a", entry_id, "done")
        with pytest.raises(Trouble):
            await pause.pause(ready, "upsert")
    finally:
        await ready.config_set("min-replicas-to-write", 0)
    assert await end(ready, "a", entry_id, "done") == 1


async def test_dead_then_requeued(ready: Redis) -> None:
    message = upsert_message(3, source="jobicy", high=False)
    await ring(ready, [message])
    ((_, entry_id, _, _),) = await read(ready, "a")
    await end(ready, "a", entry_id, "dead", payload=message.encode())
    assert await left(ready) == {"entries": 0, "pending": 0, "delayed": 0, "dead": 1}
    (letter,) = await dead.list_dead(ready)
    assert (letter.run, letter.batch, letter.source, letter.lane) == (1, "1:0003", "jobicy", "upsert")
    assert (letter.reason, letter.kind, letter.error, letter.worker) == ("permanent", "not_a_feed", "a page", "a")
    assert abs(letter.at_ms - await now_ms(ready)) < 5000
    assert await dead.get(ready, letter.id) == letter
    rung_at = await dead.requeue(ready, letter.id)
    assert rung_at and abs(rung_at - await now_ms(ready)) < 5000
    assert await dead.requeue(ready, letter.id) is None
    assert await left(ready) == {"entries": 1, "pending": 0, "delayed": 0, "dead": 0}


async def test_requeue_begins_with_the_first_attempt(ready: Redis) -> None:
    tired = Message(stage="fetch", run=5, source="a", attempt=3, high=True)
    letter_id = await ready.xadd(FAILED, {"data": tired.encode(), "meta": DEATH, "lane": "fetch:high"})
    await dead.requeue(ready, letter_id.decode())
    ((_, _, (_, data), _),) = await read(ready, "a", 1, Lane("fetch", True))
    assert Message.decode(data) == Message(stage="fetch", run=5, source="a", high=True, id=tired.id)


async def test_poison_is_listed_and_discarded_but_not_requeued(ready: Redis) -> None:
    letter_id = (await ready.xadd(FAILED, {"what": "ever"})).decode()
    (letter,) = await dead.list_dead(ready)
    assert (letter.reason, letter.run, letter.payload) == ("poison", 0, b"")
    with pytest.raises(Exception, match="not a message"):
        await dead.requeue(ready, letter_id)
    assert await dead.count(ready) == 1
    assert await dead.discard(ready, letter_id)
    assert not await dead.discard(ready, letter_id)
    assert await dead.count(ready) == 0


async def test_dead_letters_page_by_key_and_filter_by_source(ready: Redis) -> None:
    for n in range(450):
        message = upsert_message(n, source="odd" if n % 2 else "even")
        await ready.xadd(FAILED, {"data": message.encode(), "meta": DEATH, "lane": "upsert"})
    first = await dead.list_dead(ready, limit=100)
    second = await dead.list_dead(ready, limit=100, before=first[-1].id)
    assert [letter.batch for letter in first + second] == [f"1:{n:04d}" for n in range(449, 249, -1)]
    odd = await dead.list_dead(ready, limit=220, source="odd")
    assert [letter.batch for letter in odd] == [f"1:{n:04d}" for n in range(449, 9, -2)]
    assert [letter.batch async for letter in dead.letters(ready)] == [f"1:{n:04d}" for n in range(450)]


async def test_taking_over_waits_for_the_lease(ready: Redis) -> None:
    await ring(ready, [upsert_message()])
    await read(ready, "a")
    assert await take(ready, "b", min_idle=60_000) == []
    taken: list = []

    async def over() -> bool:
        taken.extend(await take(ready, "b", min_idle=150))
        return bool(taken)

    await until(over)
    ((_, _, _, before),) = taken
    assert before == 1
    assert await take(ready, "a", min_idle=150) == []


async def test_renewing_keeps_the_lease_and_the_count(ready: Redis) -> None:
    await ring(ready, [upsert_message()])
    ((_, entry_id, _, _),) = await read(ready, "a")
    await ready.xclaim(UPSERT.key, GROUP, "a", 0, [entry_id], idle=90_000, justid=True)
    keys = [lane.key for lane in LANES]
    assert await RENEW(ready, keys, [GROUP, "a", NUMBER[UPSERT], entry_id]) == [1]
    assert await take(ready, "b", min_idle=80_000) == []
    assert await deliveries(ready, entry_id) == 1
    assert await RENEW(ready, keys, [GROUP, "b", NUMBER[UPSERT], entry_id]) == [0]


async def test_what_is_in_hand_is_not_taken_from_oneself(ready: Redis) -> None:
    await ring(ready, [upsert_message(n) for n in range(4)])
    entries = await read(ready, "a", 3)
    hand = [part for _, entry_id, _, _ in entries[:2] for part in (1, entry_id)]
    taken = await take(ready, "a", only="a", free=1, hand=tuple(hand))
    assert [entry_id for _, entry_id, _, _ in taken] == [entries[2][1]]


async def test_only_a_former_lifes_entries(ready: Redis) -> None:
    await ring(ready, [upsert_message(n) for n in range(2)])
    await read(ready, "a", 1)
    await read(ready, "b", 1)
    assert len(await take(ready, "a", only="a")) == 1


async def test_an_entry_deleted_by_hand_is_forgotten(ready: Redis) -> None:
    await ring(ready, [upsert_message()])
    ((_, entry_id, _, _),) = await read(ready, "a")
    await ready.xdel(UPSERT.key, entry_id)
    assert await take(ready, "b") == []
    assert await left(ready) == NOTHING


async def test_handed_back_is_free_at_once_and_costs_no_delivery(ready: Redis) -> None:
    await ring(ready, [upsert_message()])
    ((_, entry_id, _, _),) = await read(ready, "a")
    assert await end(ready, "a", entry_id, "back") == 1
    assert await deliveries(ready, entry_id) == 0
    ((_, _, _, before),) = await take(ready, "b", min_idle=15_000)
    assert before == 0


async def test_leaving_strands_nothing_and_leaves_no_name(ready: Redis) -> None:
    await ring(ready, [upsert_message(n) for n in range(3)])
    await read(ready, "a")
    assert await RELEASE(ready, [lane.key for lane in LANES], [GROUP, "a", NOBODY]) == 3
    assert [c["name"] for c in await ready.xinfo_consumers(UPSERT.key, GROUP)] == [NOBODY.encode()]
    seen = {lane.lane: (lane.waiting, lane.running) for lane in (await depth.snapshot(ready)).lanes}
    assert seen["upsert"] == (3, 0), "what was handed back waits"
    assert len(await take(ready, "b", min_idle=15_000)) == 3


async def test_depth(ready: Redis) -> None:
    """Row E26: what waits is the stream's length less what is pending; Redis's own lag is lost with the first XDEL."""
    empty = await depth.snapshot(ready)
    assert [(lane.waiting, lane.running, lane.oldest_ms) for lane in empty.lanes] == [(0, 0, None)] * 5
    rung_at = await ring(ready, [upsert_message(n) for n in range(5)])
    entries = await read(ready, "a", 3)
    await end(ready, "a", entries[0][1], "dead", payload=upsert_message().encode())
    await end(ready, "a", entries[1][1], "later", payload=b"upsert " + upsert_message().encode(), delay=60_000)
    ((unread, _),) = await ready.xrevrange(UPSERT.key, count=1)
    await ready.xdel(UPSERT.key, unread)
    await pause.pause(ready, "upsert")
    await pause.pause(ready, "source:demo")
    seen = await depth.snapshot(ready)
    lane = next(lane for lane in seen.lanes if lane.lane == "upsert")
    assert (lane.waiting, lane.running, lane.delayed, lane.dead, lane.paused) == (1, 1, 1, 1, True)
    assert lane.oldest_ms and rung_at <= lane.oldest_ms <= seen.at_ms
    assert (seen.delayed, seen.dead, seen.paused) == (1, 1, {"upsert", "source:demo"})
    assert await depth.backlog(ready, UPSERT) == 2


async def test_depth_of_a_redis_that_no_worker_has_met(redis: Redis) -> None:
    await ring(redis, [upsert_message()])
    seen = await depth.snapshot(redis)
    assert {lane.lane: (lane.waiting, lane.running) for lane in seen.lanes}["upsert"] == (1, 0)


async def test_depth_does_not_count_thousands_one_by_one(ready: Redis) -> None:
    async with ready.pipeline(transaction=False) as pipe:
        for n in range(1001):
            pipe.zadd(DELAYED, {f"upsert {n}": n})
        await pipe.execute()
    seen = await depth.snapshot(ready)
    assert seen.delayed == 1001
    assert all(lane.delayed is None and lane.dead == 0 for lane in seen.lanes)


async def test_every_delayed_message_is_seen(ready: Redis) -> None:
    messages = {upsert_message(n) for n in range(2500)}
    await ready.zadd(DELAYED, {b"upsert " + m.encode(): i for i, m in enumerate(messages)})
    assert {m.batch for m in await depth.delayed_messages(ready)} == {m.batch for m in messages}


async def test_pauses(ready: Redis) -> None:
    assert await pause.pause(ready, "fetch:high")
    assert not await pause.pause(ready, "fetch:high")
    assert await pause.paused(ready) == {"fetch:high"}
    assert await pause.resume(ready, "fetch:high")
    assert not await pause.resume(ready, "fetch:high")
    with pytest.raises(Exception, match="expected a lane"):
        await pause.pause(ready, "everything")


async def test_rate(ready: Redis) -> None:
    granted = [await rate.take(ready, "jobicy", "10/s", burst=5) for _ in range(5)]
    assert granted == [0.0] * 5
    wait = await rate.take(ready, "jobicy", "10/s", burst=5)
    assert 0 < wait <= 0.1
    assert await rate.take(ready, "other", "10/s") == 0.0
    assert await rate.take(ready, "jobicy", "") == 0.0

    async def again() -> bool:
        return await rate.take(ready, "jobicy", "10/s", burst=5) == 0.0

    await until(again, 1)


async def test_registry(ready: Redis) -> None:
    doing = registry.Doing(stage="upsert", run=1, source="demo", batch="1:0001", seconds=1.5)
    said = registry.WorkerBeat(id="h:1:1:worker-0", host="h", pid=1, lanes=["upsert"], slots=4, busy=1, current=[doing])
    await registry.beat(ready, said)
    (info,) = await registry.workers(ready)
    assert (info.id, info.slots, info.busy, info.current) == ("h:1:1:worker-0", 4, 1, [doing])
    assert 0 <= info.beat_age_s < 5
    await registry.leave(ready, said.id)
    assert await registry.workers(ready) == []


async def test_consumers_long_gone_are_forgotten_unless_they_hold_something(ready: Redis) -> None:
    await ring(ready, [upsert_message(n) for n in range(2)])
    ((_, entry_id, _, _),) = await read(ready, "idle", 1)
    await end(ready, "idle", entry_id, "done")
    await read(ready, "holding", 1)
    assert await registry.prune(ready) == 0
    assert await registry.prune(ready, silent_ms=0) >= 1
    assert [c["name"] for c in await ready.xinfo_consumers(UPSERT.key, GROUP)] == [b"holding"]
