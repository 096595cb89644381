"""The ends of messages: gathered for 2 ms, then settled by one script call (1.75x the rate of one by one).

Nobody waits for it: a worker that dies in between leaves entries pending, as if it had died a moment earlier.
"""

import asyncio
import logging
from typing import Literal, NamedTuple

from redis.exceptions import RedisError

from workers.queue.connect import Trouble
from workers.queue.delivery import Delivery
from workers.queue.lanes import GROUP, LANES, NOBODY
from workers.queue.scripts import END, Argument
from workers.queue.station import Station

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.002
PAGE = 500

Mode = Literal["done", "later", "dead", "back"]

_NUMBERS = {lane: i for i, lane in enumerate(LANES, 1)}


class _End(NamedTuple):
    delivery: Delivery
    mode: Mode
    payload: bytes
    delay_ms: int
    meta: bytes
    due: asyncio.Future[int] | None


class Endings:
    """The ends of one process's messages of one partition, on their way to Redis."""

    def __init__(self, station: Station) -> None:
        self._station = station
        partition = station.partition
        self._keys = [partition.delayed, partition.failed, *map(partition.lane, LANES)]
        self._ends: list[_End] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(
        self, delivery: Delivery, mode: Mode, payload: bytes = b"", *, delay: float = 0.0, meta: bytes = b""
    ) -> None:
        """Free the delivery's slot and see to its end; `delay` is in seconds. Twice is once."""
        self._put(delivery, mode, payload, delay, meta, None)

    async def put_off(self, delivery: Delivery, payload: bytes, delay: float) -> int:
        """Move it into :delayed; returns when it is due (Redis ms), 0 if the lease was lost."""
        due: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if not self._put(delivery, "later", payload, delay, b"", due):
            return 0
        return await due

    def _put(
        self, delivery: Delivery, mode: Mode, payload: bytes, delay: float, meta: bytes, due: asyncio.Future[int] | None
    ) -> bool:
        if not self._station.hand.end(delivery):
            return False
        self._ends.append(_End(delivery, mode, payload, int(delay * 1000), meta, due))
        self._idle.clear()
        self._wake.set()
        return True

    async def run(self) -> None:
        """Settle what comes, for as long as the process lives; waits in place while Redis is away."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(GATHER_SECONDS)
            while self._ends:
                page = self._ends[:PAGE]
                await self._settle(page)
                del self._ends[: len(page)]
            self._idle.set()

    async def drained(self) -> None:
        """Until all that was put is settled."""
        await self._idle.wait()

    async def _settle(self, page: list[_End]) -> None:
        arguments: list[Argument] = [GROUP, self._station.consumer, NOBODY]
        for end in page:
            delivery = end.delivery
            arguments += [_NUMBERS[delivery.lane], delivery.id, end.mode, end.payload, end.delay_ms, end.meta]
        repeated = False
        while True:
            try:
                async with self._station.outage.call():
                    answers = await END(self._station.redis, self._keys, arguments)
                break
            except (*Trouble, RedisError) as error:
                repeated = True
                await self._station.outage.wait(error)
        for end, answer in zip(page, answers, strict=True):
            self._station.hand.ending.pop(end.delivery.token, None)
            if end.due is not None and not end.due.done():
                end.due.set_result(max(0, int(answer)))
            # After a repeat, "not ours" may only mean that the first try did arrive.
            if answer == -1:
                log.error("Redis has no memory for the end of %s: it will be run again", end.delivery.token)
            elif not answer and not repeated:
                log.warning("the lease of %s was lost: another worker ends it", end.delivery.token)
