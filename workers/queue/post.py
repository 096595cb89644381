"""What a worker has at each partition, and the reading of all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from anyio.abc import TaskGroup
from redis.exceptions import RedisError

from workers.queue.connect import Redis, Trouble, each
from workers.queue.delivery import Hand
from workers.queue.endings import Endings
from workers.queue.housekeeping import Housekeeping
from workers.queue.intake import BLOCK_MS, Entry, Intake
from workers.queue.lanes import GROUP, NOBODY, Lane, Stage
from workers.queue.outage import Outage
from workers.queue.scripts import RELEASE
from workers.queue.station import Station


class Post(NamedTuple):
    """One partition's reading, ends and clocks, with an outage of its own: another shard may well be up."""

    station: Station
    intake: Intake
    endings: Endings
    housekeeping: Housekeeping

    async def leave(self, lanes: Sequence[Lane], seconds: float) -> Exception | None:
        """Settle the last ends and leave the group, within so long; returns what went wrong."""
        redis, consumer, *_, partition = self.station
        try:
            async with asyncio.timeout(seconds):
                await self.endings.drained()
                await RELEASE(redis, [partition.lane(lane) for lane in lanes], [GROUP, consumer, NOBODY])
        except (*Trouble, RedisError) as error:
            return error
        return None


class Posts:
    """All of a worker's posts; one for each partition."""

    def __init__(
        self,
        redis: Redis,
        consumer: str,
        lease: float,
        hand: Hand,
        lanes: Sequence[Lane],
        limits: Mapping[Stage, int],
    ) -> None:
        self._hand = hand
        self._idle, self._news = asyncio.Event(), asyncio.Event()
        self._first = 0
        self.all: list[Post] = []
        for partition in each(redis):
            what = "Redis" if redis.partitions == 1 else f"Redis (partition {partition.number})"
            station = Station(redis, consumer, lease, hand, Outage(what), partition)
            intake = Intake(station, lanes, limits)
            self.all.append(Post(station, intake, Endings(station), Housekeeping(station, intake)))

    def start(self, tasks: TaskGroup) -> None:
        """Begin everything that runs beside the reading."""
        for post in self.all:
            tasks.start_soon(post.endings.run)
            tasks.start_soon(post.housekeeping.run)
            if len(self.all) > 1:
                tasks.start_soon(post.intake.watch, self._idle, self._news)

    async def turn(self) -> list[Entry]:
        """The next entries of any partition, [] if there were none for a second.

        Each call reads one partition. The next turn begins with the partition after, so that none starves.
        """
        if len(self.all) == 1:
            return await self.all[0].intake.turn()
        if not self._hand.free:
            await self._hand.wait_freed(0.25)
            return []
        count = len(self.all)
        for number in range(self._first, self._first + count):
            if entries := await self.all[number % count].intake.look():
                self._first = (number + 1) % count
                return entries
        await self._wait()
        return []

    async def _wait(self) -> None:
        self._news.clear()
        self._idle.set()
        try:
            async with asyncio.timeout(BLOCK_MS / 1000):
                await self._news.wait()
        except TimeoutError:
            return
        finally:
            self._idle.clear()

    async def leave(self, lanes: Sequence[Lane], seconds: float) -> list[Exception]:
        """Leave every partition, side by side; returns what went wrong."""
        ends = await asyncio.gather(*(post.leave(lanes, seconds) for post in self.all))
        return [error for error in ends if error is not None]
