"""What a worker does beside its work: renew its leases, pump what is due, look at the pauses, forget the long gone."""

import logging
import random
from collections.abc import Awaitable, Callable

import anyio
from redis.exceptions import RedisError

from workers.queue import registry
from workers.queue.connect import Trouble, is_no_group
from workers.queue.intake import Intake
from workers.queue.lanes import GROUP, LANES
from workers.queue.scripts import PUMP, RENEW, Argument
from workers.queue.station import Station

log = logging.getLogger(__name__)

PUMPED = 500
TICK_SECONDS = 1.0
PRUNE_SECONDS = 600.0

_NUMBERS = {lane: i for i, lane in enumerate(LANES, 1)}


class Housekeeping:
    """The clocks of one worker process at one partition. They run whether or not there is traffic."""

    def __init__(self, station: Station, intake: Intake) -> None:
        self._redis, self._consumer, self._lease, self._hand, self._outage, self._partition = station
        self._keys = [self._partition.lane(lane) for lane in LANES]
        self._intake = intake

    async def run(self) -> None:
        """For as long as the process lives; waits in place while Redis is away."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._clock, self._lease / 3, self.renew)
            tasks.start_soon(self._clock, TICK_SECONDS, self.pump)
            tasks.start_soon(self._clock, TICK_SECONDS, self._intake.look_at_pauses)
            tasks.start_soon(self._clock, PRUNE_SECONDS * random.uniform(0.8, 1.2), self._prune)

    async def _clock(self, every: float, duty: Callable[[], Awaitable[object]]) -> None:
        while True:
            await anyio.sleep(every)
            try:
                await duty()
            except (*Trouble, RedisError) as error:
                if not is_no_group(error):
                    await self._outage.wait(error)

    async def renew(self) -> None:
        """Renew the lease of everything in hand; what another worker has taken meanwhile is marked lost."""
        deliveries = [one for one in self._hand.all() if one.partition == self._partition and not one.lost]
        if not deliveries:
            return
        arguments: list[Argument] = [GROUP, self._consumer]
        for delivery in deliveries:
            arguments += [_NUMBERS[delivery.lane], delivery.id]
        async with self._outage.call():
            answers = await RENEW(self._redis, self._keys, arguments)
        for delivery, ours in zip(deliveries, answers, strict=True):
            if not ours and delivery.token in self._hand.held:
                delivery.lost = True
                log.warning("the lease of %s was lost while it ran", delivery.token)

    async def pump(self) -> None:
        """Move every delayed message that is due to its lane."""
        keys, moved = [self._partition.delayed, *self._keys], PUMPED
        while moved == PUMPED:
            async with self._outage.call():
                moved = int(await PUMP(self._redis, keys, [PUMPED, *map(str, LANES)]))

    async def _prune(self) -> None:
        async with self._outage.call():
            pruned = await registry.prune(self._redis, self._partition)
        if pruned:
            log.info("forgot %d consumers that were silent for an hour", pruned)
