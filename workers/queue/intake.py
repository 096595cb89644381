"""One turn of reading: our own entries of a former life, then those whose lease ran out, then new ones.

Never more than there are free slots, so that nothing lies here while another worker is idle.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from workers.queue.connect import Trouble, is_no_group
from workers.queue.lanes import GROUP, Lane, Partition, Stage
from workers.queue.outage import DEADLINE
from workers.queue.pause import SOURCE, paused_in
from workers.queue.ring import ensure_groups
from workers.queue.scripts import READ, TAKE, Argument
from workers.queue.station import Station

log = logging.getLogger(__name__)

BLOCK_MS = 1000
REVERSED = 8
"""Every eighth turn reads the lanes from the last to the first, so that none starves."""


class Entry(NamedTuple):
    """An entry as Redis gave it; `deliveries` are those before this one."""

    partition: Partition
    lane: Lane
    id: str
    fields: Mapping[bytes, bytes]
    deliveries: int


class Intake:
    """Reads the lanes of one worker in one partition.

    `away` says that the last call did not get through; `quiet` that nothing new is to be taken.
    """

    def __init__(
        self,
        station: Station,
        lanes: Sequence[Lane],
        limits: Mapping[Stage, int],
    ) -> None:
        self._redis, self._consumer, self._lease, self._hand, self._outage, self._partition = station
        self.away = False
        self.quiet = False
        self._lanes, self._limits = tuple(lanes), limits
        self._declared = False
        self._former = set(self._lanes)
        self._reclaim_at = 0.0
        self._held_until: dict[Stage, float] = {}
        self._paused: frozenset[str] = frozenset()
        self._turns = 0

    def hold(self, stage: Stage, seconds: float) -> None:
        """Leave a stage's lanes unread for a while; 0 seconds reads them again."""
        self._held_until[stage] = monotonic() + seconds

    async def look_at_pauses(self) -> None:
        """Learn what the operators have paused."""
        async with self._outage.call():
            self._paused = await paused_in(self._redis, self._partition)

    def is_paused(self, source: str) -> bool:
        """Whether a source's messages are to be put off."""
        return SOURCE + source in self._paused

    async def turn(self) -> list[Entry]:
        """The next entries, [] if there were none for a second; trouble is waited out in place."""
        try:
            return await self._next(waiting=True)
        except (*Trouble, RedisError) as error:
            if not self._astray(error):
                await self._outage.wait(error)
            return []

    async def look(self) -> list[Entry]:
        """The same without waiting: what other partitions hold is not to wait for this one."""
        try:
            return [] if self.away else await self._next(waiting=False)
        except (*Trouble, RedisError) as error:
            self.away = not self._astray(error)
            return []

    async def watch(self, idle: asyncio.Event, news: asyncio.Event) -> None:
        """Beside `look`, for ever: see to the end of an outage, and while all is `idle` tell of new entries.

        News, not truth: what comes before the watching begins is found by the next look, a second later at most.
        """
        keys = {self._partition.lane(lane): "$" for lane in self._lanes}
        while True:
            try:
                if self.away:
                    await self.look_at_pauses()
                    self.away = False
                else:
                    await idle.wait()
                    async with self._outage.call(DEADLINE + BLOCK_MS / 1000):
                        if not await self._redis.xread(keys, count=1, block=BLOCK_MS):  # pyright: ignore[reportArgumentType]
                            continue
                news.set()
            except (*Trouble, RedisError) as error:
                self.away = True
                await self._outage.wait(error)

    def _astray(self, error: Exception) -> bool:
        """A call broke: what it was given on the way lies under our name. True where the groups are gone."""
        no_groups = is_no_group(error)
        self._former = set(self._lanes)
        self._declared = self._declared and not no_groups
        return no_groups

    async def _next(self, *, waiting: bool) -> list[Entry]:
        """Raises Trouble, and NOGROUP after data loss."""
        if not self._declared:
            await self.look_at_pauses()
            async with self._outage.call():
                await ensure_groups(self._redis, self._partition)
            self._declared = True
        lanes = self._open()
        if not lanes:
            if waiting:
                await self._hand.wait_freed(0.25)
            return []
        former = [lane for lane in lanes if lane in self._former]
        if former:
            entries = await self._take(former, min_idle=0, only=self._consumer)
            if len(entries) < self._hand.free:
                self._former.difference_update(former)
            if entries:
                return entries
        if monotonic() >= self._reclaim_at:
            entries = await self._take(lanes, min_idle=int(self._lease * 1000), only="")
            if len(entries) < self._hand.free:
                self._reclaim_at = monotonic() + self._lease / 3
            if entries:
                return entries
        return await self._read(lanes) or (await self._wait(lanes) if waiting else [])

    def _open(self) -> list[Lane]:
        """The lanes to read now, in the order of this turn."""
        if self.quiet or not self._hand.free:
            return []
        now = monotonic()
        lanes = [
            lane
            for lane in self._lanes
            if str(lane) not in self._paused
            and self._held_until.get(lane.stage, 0.0) <= now
            and self._room(lane.stage) > 0
        ]
        self._turns += 1
        return lanes[::-1] if self._turns % REVERSED == 0 else lanes

    def _room(self, stage: Stage) -> int:
        return min(self._hand.free, self._limits.get(stage, self._hand.capacity) - self._hand.running(stage))

    def _common(self, lanes: Sequence[Lane]) -> list[Argument]:
        arguments: list[Argument] = [GROUP, self._consumer, self._hand.free]
        for lane in lanes:
            arguments += [lane.stage, self._room(lane.stage)]
        return arguments

    async def _take(self, lanes: Sequence[Lane], *, min_idle: int, only: str) -> list[Entry]:
        arguments = [*self._common(lanes), min_idle, only]
        numbers = {lane: i for i, lane in enumerate(lanes, 1)}
        for delivery in self._hand.all():
            if delivery.partition == self._partition and delivery.lane in numbers:
                arguments += [numbers[delivery.lane], delivery.id]
        async with self._outage.call():
            reply = await TAKE(self._redis, self._keys(lanes), arguments)
        entries = self._from_script(reply, lanes)
        if entries:
            log.info("took up %d messages of %s", len(entries), "our former life" if only else "dead workers")
        return entries

    async def _read(self, lanes: Sequence[Lane]) -> list[Entry]:
        async with self._outage.call():
            reply = await READ(self._redis, self._keys(lanes), self._common(lanes))
        return self._from_script(reply, lanes)

    async def _wait(self, lanes: Sequence[Lane]) -> list[Entry]:
        """Nothing is there: block for a second, for one entry."""
        by_key = {self._partition.lane(lane).encode(): lane for lane in lanes}
        async with self._outage.call(DEADLINE + BLOCK_MS / 1000):
            reply: Any = await self._redis.xreadgroup(
                GROUP, self._consumer, dict.fromkeys(self._keys(lanes), ">"), count=1, block=BLOCK_MS
            )
        return [
            Entry(self._partition, by_key[key], entry_id.decode(), fields, 0)
            for key, entries in reply or ()
            for entry_id, fields in entries
        ]

    def _keys(self, lanes: Sequence[Lane]) -> list[str]:
        return [self._partition.lane(lane) for lane in lanes]

    def _from_script(self, reply: Any, lanes: Sequence[Lane]) -> list[Entry]:
        return [
            Entry(
                self._partition,
                lanes[number - 1],
                entry_id.decode(),
                dict(zip(flat[::2], flat[1::2], strict=True)),
                deliveries,
            )
            for number, entry_id, flat, deliveries in reply
        ]
