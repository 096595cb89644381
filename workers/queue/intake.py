"""One turn of reading: our own entries of a former life, then those whose lease ran out, then new ones.

Never more than there are free slots, so that nothing lies here while another worker is idle.
"""

import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple

from workers.queue.lanes import GROUP, Lane, Stage
from workers.queue.outage import DEADLINE
from workers.queue.pause import SOURCE, paused
from workers.queue.ring import ensure_groups
from workers.queue.scripts import READ, TAKE, Argument
from workers.queue.station import Station

log = logging.getLogger(__name__)

BLOCK_MS = 1000
REVERSED = 8
"""Every eighth turn reads the lanes from the last to the first, so that none starves."""


class Entry(NamedTuple):
    """An entry as Redis gave it; `deliveries` are those before this one."""

    lane: Lane
    id: str
    fields: Mapping[bytes, bytes]
    deliveries: int


class Intake:
    """Reads the lanes of one worker."""

    def __init__(
        self,
        station: Station,
        lanes: Sequence[Lane],
        limits: Mapping[Stage, int],
    ) -> None:
        self._redis, self._consumer, self._lease, self._hand, self._outage = station
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
            self._paused = await paused(self._redis)

    def is_paused(self, source: str) -> bool:
        """Whether a source's messages are to be put off."""
        return SOURCE + source in self._paused

    def astray(self, *, groups: bool = False) -> None:
        """A call broke: what it was given on the way lies under our name. `groups`: they are gone, too."""
        self._former = set(self._lanes)
        self._declared = self._declared and not groups

    async def turn(self) -> list[Entry]:
        """The next entries, [] if there were none for a second. Raises Trouble, and NOGROUP after data loss."""
        if not self._declared:
            async with self._outage.call():
                await ensure_groups(self._redis)
            await self.look_at_pauses()
            self._declared = True
        lanes = self._open()
        if not lanes:
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
        return await self._read(lanes) or await self._wait(lanes)

    def _open(self) -> list[Lane]:
        """The lanes to read now, in the order of this turn."""
        if not self._hand.free:
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
            if delivery.lane in numbers:
                arguments += [numbers[delivery.lane], delivery.id]
        async with self._outage.call():
            reply = await TAKE(self._redis, [lane.key for lane in lanes], arguments)
        entries = _from_script(reply, lanes)
        if entries:
            log.info("took up %d messages of %s", len(entries), "our former life" if only else "dead workers")
        return entries

    async def _read(self, lanes: Sequence[Lane]) -> list[Entry]:
        async with self._outage.call():
            reply = await READ(self._redis, [lane.key for lane in lanes], self._common(lanes))
        return _from_script(reply, lanes)

    async def _wait(self, lanes: Sequence[Lane]) -> list[Entry]:
        """Nothing is there: block for a second, for one entry."""
        by_key = {lane.key.encode(): lane for lane in lanes}
        async with self._outage.call(DEADLINE + BLOCK_MS / 1000):
            reply: Any = await self._redis.xreadgroup(
                GROUP, self._consumer, {lane.key: ">" for lane in lanes}, count=1, block=BLOCK_MS
            )
        return [
            Entry(by_key[key], entry_id.decode(), fields, 0)
            for key, entries in reply or ()
            for entry_id, fields in entries
        ]


def _from_script(reply: Any, lanes: Sequence[Lane]) -> list[Entry]:
    return [
        Entry(lanes[number - 1], entry_id.decode(), dict(zip(flat[::2], flat[1::2], strict=True)), deliveries)
        for number, entry_id, flat, deliveries in reply
    ]
