"""Deliver, crash, freeze, end, retry, reclaim, pump, requeue, lose everything: a message is always in one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.model import HUNT, profile
from workers.queue.connect import Redis, now_ms, open_redis
from workers.queue.dead import Death, discard, encode_death, requeue
from workers.queue.lanes import DELAYED, FAILED, GROUP, LANES, NOBODY, STAGES, Lane, Stage, lane_for
from workers.queue.message import Message
from workers.queue.ring import ensure_groups, ring
from workers.queue.scripts import END, PRUNE, PUMP, READ, RELEASE, RENEW, TAKE

CAPACITY = 4
LIMITS: dict[Stage, int] = {"fetch": 2, "upsert": CAPACITY, "close": CAPACITY}
LEASE_MS = 30_000
LONG_MS = 600_000

KEYS = [lane.key for lane in LANES]
END_KEYS = [DELAYED, FAILED, *KEYS]
NUMBER = {lane: i for i, lane in enumerate(LANES, 1)}
DEATH = encode_death(Death(reason="permanent", kind="x", error="x", attempts=1, deliveries=1, worker="w"))

CONSUMERS = st.sampled_from(["ann", "bob", "cyd"])
MODES = st.sampled_from(["done", "later", "much later", "dead", "back"])


@dataclass
class Entry:
    """A message in a lane. `owner` is "" until its first delivery; `idle` says that its lease has run out."""

    lane: Lane
    id: str
    owner: str = ""
    deliveries: int = 0
    idle: bool = False

    @property
    def place(self) -> str:
        return f"{self.lane} {self.id} {self.owner} {self.deliveries}"


@dataclass
class Model:
    """Where each message should be, by its own id; and what each worker believes to have in hand."""

    entries: dict[str, Entry] = field(default_factory=dict)
    delayed: dict[str, Message] = field(default_factory=dict)
    far: set[str] = field(default_factory=set)  # of the delayed: not due for a long time
    dead: dict[str, str] = field(default_factory=dict)  # -> letter's id
    messages: dict[str, Message] = field(default_factory=dict)  # every one that ever was
    hands: dict[str, dict[tuple[Lane, str], str]] = field(default_factory=lambda: {"ann": {}, "bob": {}, "cyd": {}})


class Scripts(RuleBasedStateMachine):
    """One run of the machine. Redis is emptied at its beginning."""

    def __init__(self, portal: BlockingPortal, redis: Redis) -> None:
        super().__init__()
        self.portal, self.redis, self.model = portal, redis, Model()
        self._flush()

    def _flush(self) -> None:
        async def flush() -> None:
            last = await now_ms(self.redis)
            await self.redis.flushall()
            while await now_ms(self.redis) <= last:  # entry ids begin anew: not with those that hands remember
                pass
            await ensure_groups(self.redis)

        self.portal.call(flush)

    def _script(self, script: Any, keys: list[str], arguments: list[Any]) -> Any:
        return self.portal.call(script, self.redis, keys, arguments)

    # What comes in.

    @initialize(count=st.integers(2, 4))
    def begin(self, count: int) -> None:
        self.ring("upsert", False, count)

    @rule(stage=st.sampled_from(STAGES), high=st.booleans(), count=st.integers(1, 3))
    def ring(self, stage: Stage, high: bool, count: int) -> None:
        messages = [
            Message(stage=stage, run=1, source="s", batch="1:0001" if stage == "upsert" else "", high=high)
            for _ in range(count)
        ]
        known = set(self._ids(lane := lane_for(stage, high)))
        self.portal.call(ring, self.redis, messages)
        added = [id for id in self._ids(lane) if id not in known]
        for message, id in zip(messages, added, strict=True):
            self.model.messages[message.id] = message
            self.model.entries[message.id] = Entry(lane, id)

    def _ids(self, lane: Lane) -> list[str]:
        async def ids() -> list[str]:
            return [id.decode() for id, _ in await self.redis.xrange(lane.key)]

        return self.portal.call(ids)

    # Deliveries.

    def _common(self, who: str, lanes: list[Lane]) -> list[Any]:
        free = self._free(who)
        return [GROUP, who, free, *(part for lane in lanes for part in (lane.stage, min(free, self._room(who, lane))))]

    def _free(self, who: str) -> int:
        return CAPACITY - len(self.model.hands[who])

    def _room(self, who: str, lane: Lane) -> int:
        return LIMITS[lane.stage] - sum(held.stage == lane.stage for held, _ in self.model.hands[who])

    def _pick(self, who: str, lanes: list[Lane], wanted: Any) -> list[tuple[int, str]]:
        """What a script should give: lane by lane, oldest first, within the slots."""
        free, left = self._free(who), dict.fromkeys(STAGES, 0)
        for lane in lanes:
            left[lane.stage] = min(free, self._room(who, lane))
        picked: list[tuple[int, str]] = []
        for number, lane in enumerate(lanes, 1):
            there = sorted((e for e in self.model.entries.values() if e.lane == lane and wanted(e)), key=_order)
            count = min(free, left[lane.stage])
            for entry in there[: max(0, count)]:
                picked.append((number, entry.id))
                free, left[lane.stage] = free - 1, left[lane.stage] - 1
        return picked

    def _deliver(self, who: str, lanes: list[Lane], reply: Any, expected: list[tuple[int, str]]) -> None:
        assert [(number, id.decode()) for number, id, *_ in reply] == expected
        for number, id, flat, deliveries in reply:
            message = Message.decode(dict(zip(flat[::2], flat[1::2], strict=True))[b"data"])
            entry = self.model.entries[message.id]
            assert (entry.lane, entry.id, entry.deliveries) == (lanes[number - 1], id.decode(), deliveries)
            entry.owner, entry.deliveries, entry.idle = who, deliveries + 1, False
            self.model.hands[who][entry.lane, entry.id] = message.id

    @rule(who=CONSUMERS, backwards=st.booleans())
    def read(self, who: str, backwards: bool) -> None:
        lanes = list(LANES[::-1] if backwards else LANES)
        expected = self._pick(who, lanes, lambda entry: not entry.owner)
        self._deliver(who, lanes, self._script(READ, [lane.key for lane in lanes], self._common(who, lanes)), expected)

    @rule(who=CONSUMERS, own=st.booleans())
    def take(self, who: str, own: bool) -> None:
        hand, lanes = self.model.hands[who], list(LANES)

        def wanted(entry: Entry) -> bool:
            mine = entry.owner == who if own else entry.owner and entry.idle
            return bool(mine) and (entry.lane, entry.id) not in hand

        held = [part for lane, id in hand for part in (NUMBER[lane], id)]
        arguments = [*self._common(who, lanes), 0 if own else LEASE_MS, who if own else "", *held]
        expected = self._pick(who, lanes, wanted)
        self._deliver(who, lanes, self._script(TAKE, KEYS, arguments), expected)

    # What happens to workers.

    @precondition(lambda self: any(self.model.hands.values()))
    @rule(who=CONSUMERS)
    def crash(self, who: str) -> None:
        self.model.hands[who].clear()

    @precondition(lambda self: any(entry.owner for entry in self.model.entries.values()))
    @rule()
    def leases_run_out(self) -> None:
        async def age() -> None:
            for entry in self.model.entries.values():
                if entry.owner:
                    await self.redis.xclaim(
                        entry.lane.key, GROUP, entry.owner, 0, [entry.id], idle=2 * LEASE_MS, justid=True
                    )

        self.portal.call(age)
        for entry in self.model.entries.values():
            entry.idle = bool(entry.owner)

    @rule(who=CONSUMERS)
    def renew(self, who: str) -> None:
        hand = self.model.hands[who]
        arguments = [GROUP, who, *(part for lane, id in hand for part in (NUMBER[lane], id))]
        answers = self._script(RENEW, KEYS, arguments)
        owned = [self._owned(who, message) for message in hand.values()]
        assert answers == [int(ours is not None) for ours in owned]
        for ours in owned:
            if ours is not None:
                ours.idle = False

    def _owned(self, who: str, message: str) -> Entry | None:
        """The entry behind what a worker has in hand, if its lease is still its own."""
        entry = self.model.entries.get(message)
        held = entry is not None and entry.owner == who and (entry.lane, entry.id) in self.model.hands[who]
        return entry if held else None

    @rule(who=CONSUMERS)
    def leave(self, who: str) -> None:
        mine = [entry for entry in self.model.entries.values() if entry.owner == who]
        assert self._script(RELEASE, KEYS, [GROUP, who, NOBODY]) == len(mine)
        for entry in mine:
            entry.owner, entry.idle = NOBODY, True
        self.model.hands[who].clear()

    @rule(who=CONSUMERS, lane=st.sampled_from(LANES))
    def prune(self, who: str, lane: Lane) -> None:
        busy = any(entry.owner == who and entry.lane == lane for entry in self.model.entries.values())
        assert self._script(PRUNE, [lane.key], [GROUP, who]) == int(not busy)

    # Ends.

    @precondition(lambda self: any(self.model.hands.values()))
    @rule(who=CONSUMERS, modes=st.lists(MODES, min_size=1, max_size=CAPACITY))
    def end(self, who: str, modes: list[str]) -> None:
        ending = list(zip(list(self.model.hands[who].items()), modes, strict=False))
        arguments: list[Any] = [GROUP, who, NOBODY]
        for ((lane, id), name), mode in ending:
            message = self.model.messages[name]
            payload = message.encode() if mode == "dead" else str(message.lane).encode() + b" " + message.encode()
            delay = LONG_MS if mode == "much later" else 0
            arguments += [NUMBER[lane], id, mode.rpartition(" ")[2], payload, delay, DEATH]
        answers = self._script(END, END_KEYS, arguments)
        for (key, name), mode in ending:
            self._settle(who, key, name, mode, answers.pop(0))
        assert answers == []

    def _settle(self, who: str, key: tuple[Lane, str], name: str, mode: str, answer: int) -> None:
        entry = self._owned(who, name) if self._is_at(name, key) else None
        del self.model.hands[who][key]
        assert bool(answer) == (entry is not None)
        if entry is None:
            return
        if mode == "back":
            entry.owner, entry.idle, entry.deliveries = NOBODY, True, entry.deliveries - 1
            return
        del self.model.entries[name]
        if mode == "dead":
            self.model.dead[name] = self._newest_letter()
        elif mode != "done":
            self.model.delayed[name] = self.model.messages[name]
            if mode == "much later":
                self.model.far.add(name)

    def _is_at(self, name: str, key: tuple[Lane, str]) -> bool:
        entry = self.model.entries.get(name)
        return entry is not None and (entry.lane, entry.id) == key

    def _newest_letter(self) -> str:
        """Letters of one call are added in its order: the oldest that the model does not know."""

        async def letters() -> list[str]:
            return [id.decode() for id, _ in await self.redis.xrange(FAILED)]

        known = set(self.model.dead.values())
        return next(id for id in self.portal.call(letters) if id not in known)

    # What brings messages back.

    @precondition(lambda self: self.model.delayed)
    @rule(most=st.integers(1, 10))
    def pump(self, most: int) -> None:
        due = [name for name in self.model.delayed if name not in self.model.far]
        before = {(entry.lane, entry.id) for entry in self.model.entries.values()}
        moved = self._script(PUMP, [DELAYED, *KEYS], [most, *map(str, LANES)])
        assert moved == min(most, len(due))

        async def entries(lane: Lane) -> list[tuple[str, str]]:
            found = await self.redis.xrange(lane.key)
            return [(id.decode(), Message.decode(fields[b"data"]).id) for id, fields in found]

        for lane in LANES:
            for id, name in self.portal.call(entries, lane):
                if (lane, id) not in before:
                    assert name in due
                    assert self.model.delayed.pop(name).lane == lane
                    self.model.entries[name] = Entry(lane, id)
                    moved -= 1
        assert moved == 0

    @precondition(lambda self: self.model.dead)
    @rule(data=st.data())
    def requeue(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.dead, key=lambda name: self.model.dead[name])))
        letter = self.model.dead.pop(name)
        lane = self.model.messages[name].lane
        known = set(self._ids(lane))
        assert self.portal.call(requeue, self.redis, letter) is not None
        assert self.portal.call(requeue, self.redis, letter) is None
        (id,) = set(self._ids(lane)) - known
        self.model.entries[name] = Entry(lane, id)

    @precondition(lambda self: self.model.dead)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.dead, key=lambda name: self.model.dead[name])))
        letter = self.model.dead.pop(name)
        assert self.portal.call(discard, self.redis, letter)
        assert self.portal.call(requeue, self.redis, letter) is None

    @rule(sure=st.integers(0, 5))
    def lose_everything(self, sure: int) -> None:
        if sure:
            return
        self._flush()
        self.model.entries.clear()
        self.model.delayed.clear()
        self.model.far.clear()
        self.model.dead.clear()

    # What must always be true.

    @invariant()
    def every_message_is_in_one_place(self) -> None:
        found = self.portal.call(self._places)
        expected = {name: [entry.place] for name, entry in self.model.entries.items()}
        expected |= {name: ["delayed"] for name in self.model.delayed}
        expected |= {name: [f"dead {letter}"] for name, letter in self.model.dead.items()}
        assert found == expected

    async def _places(self) -> dict[str, list[str]]:
        async with self.redis.pipeline(transaction=False) as pipe:
            for lane in LANES:
                pipe.xpending_range(lane.key, GROUP, "-", "+", 10_000)
                pipe.xrange(lane.key)
            pipe.zrange(DELAYED, 0, -1)
            pipe.xrange(FAILED)
            *lanes, delayed, letters = await pipe.execute()
        places: dict[str, list[str]] = {}
        for lane, pending, entries in zip(LANES, lanes[::2], lanes[1::2], strict=True):
            held = {entry["message_id"]: entry for entry in pending}
            for id, fields in entries:
                owner = held.pop(id, {"consumer": b"", "times_delivered": 0})
                place = f"{lane} {id.decode()} {owner['consumer'].decode()} {owner['times_delivered']}"
                places.setdefault(Message.decode(fields[b"data"]).id, []).append(place)
            assert not held, "pending, and not in the lane"
        for member in delayed:
            places.setdefault(Message.decode(member.partition(b" ")[2]).id, []).append("delayed")
        for id, fields in letters:
            places.setdefault(Message.decode(fields[b"data"]).id, []).append(f"dead {id.decode()}")
        return places

    @invariant()
    def slots_are_never_exceeded(self) -> None:
        for who, hand in self.model.hands.items():
            assert len(hand) <= CAPACITY
            assert all(self._room(who, lane) >= 0 for lane in LANES)


def _order(entry: Entry) -> tuple[int, int]:
    ms, _, number = entry.id.partition("-")
    return int(ms), int(number)


@contextmanager
def connected(url: str) -> Iterator[tuple[BlockingPortal, Redis]]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(open_redis(url)) as redis:
        yield portal, redis


@pytest.mark.timeout(0 if HUNT else 120)
def test_a_message_is_always_in_one_place(redis_url: str) -> None:
    with connected(redis_url) as (portal, redis):
        run_state_machine_as_test(lambda: Scripts(portal, redis), settings=profile(50, 30))
