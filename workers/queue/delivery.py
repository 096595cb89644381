"""What a worker has in hand: each message from the moment Redis gave it until its end is settled."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextvars import ContextVar
from time import monotonic

from workers.queue.lanes import Lane, Partition, Stage
from workers.queue.message import Message
from workers.queue.policy import Verdict


class Delivery:
    """One message, delivered once. `deliveries` counts this one.

    `verdict` is None until the receiver has begun to run it. `lost` says that the lease ran out and another worker
    may have it: what is still written must bear that, and the end will not be settled by us.
    """

    __slots__ = ("begun", "deliveries", "id", "lane", "lost", "message", "partition", "payload", "verdict")

    def __init__(self, partition: Partition, lane: Lane, entry_id: str, payload: bytes, deliveries: int) -> None:
        self.partition, self.lane, self.id, self.payload = partition, lane, entry_id, payload
        self.deliveries = deliveries
        self.message: Message | None = None
        self.verdict: Verdict | None = None
        self.lost = False
        self.begun = monotonic()

    @property
    def token(self) -> str:
        """What names it within this process; two partitions may give the same id."""
        return f"{self.lane}/{self.id}" + (f"@{self.partition.number}" if self.partition.number else "")


current: ContextVar[Delivery | None] = ContextVar("delivery", default=None)
"""The delivery that the running task works on."""


class Hand:
    """The deliveries of one process. `held` fill its slots; `ending` wait only for Redis to hear of their end."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held: dict[str, Delivery] = {}
        self.ending: dict[str, Delivery] = {}
        self._stages: Counter[Stage] = Counter()
        self._freed = asyncio.Event()

    @property
    def free(self) -> int:
        """Slots that nothing fills."""
        return max(0, self.capacity - len(self.held))

    def running(self, stage: Stage) -> int:
        """How many of a stage fill slots."""
        return self._stages[stage]

    def take(self, delivery: Delivery) -> None:
        """A delivery fills a slot."""
        self.held[delivery.token] = delivery
        self._stages[delivery.lane.stage] += 1

    def drop(self, delivery: Delivery) -> bool:
        """It frees its slot; its lease is no longer renewed. False if it had none."""
        if self.held.pop(delivery.token, None) is None:
            return False
        self._stages[delivery.lane.stage] -= 1
        self._freed.set()
        return True

    def end(self, delivery: Delivery) -> bool:
        """It frees its slot, and keeps its lease until its end is settled. False if it was gone already."""
        if not self.drop(delivery):
            return False
        self.ending[delivery.token] = delivery
        return True

    def all(self) -> Iterable[Delivery]:
        """Everything whose lease is ours to renew."""
        return [*self.held.values(), *self.ending.values()]

    async def wait_freed(self, seconds: float) -> None:
        """Until a slot is freed, or so long."""
        self._freed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._freed.wait()
        except TimeoutError:
            return

    async def wait_dropped(self, delivery: Delivery, seconds: float) -> None:
        """Until a delivery has freed its slot, or so long."""
        until = monotonic() + seconds
        while self.held.get(delivery.token) is delivery and (left := until - monotonic()) > 0:
            await self.wait_freed(left)
