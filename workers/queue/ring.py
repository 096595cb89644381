"""Ring the doorbell: put messages into their lanes."""

from collections.abc import Iterable
from itertools import islice

from redis.exceptions import ResponseError

from workers.queue.connect import Redis, now_ms, where
from workers.queue.lanes import FIRST, GROUP, LANES, Partition
from workers.queue.message import Message

CHUNK = 500


async def ring(redis: Redis, messages: Iterable[Message]) -> int:
    """Add messages, 500 a round trip; returns Redis TIME in ms from before the first: what `rung_at` holds.

    Not atomic: cut half-way, the reconciler rings for the rest. Raises Trouble.
    """
    rung_at = await now_ms(redis)
    rest = iter(messages)
    while chunk := list(islice(rest, CHUNK)):
        async with redis.pipeline(transaction=False) as pipe:
            for message in chunk:
                pipe.xadd(where(redis, message.source).lane(message.lane), {b"data": message.encode()})
            await pipe.execute()
    return rung_at


async def ensure_groups(redis: Redis, partition: Partition = FIRST) -> None:
    """Declare the group on every lane, from its first entry on: nothing sent before the first worker is lost."""
    async with redis.pipeline(transaction=False) as pipe:
        for lane in LANES:
            pipe.xgroup_create(partition.lane(lane), GROUP, id="0", mkstream=True)
        replies = await pipe.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, Exception) and not (isinstance(reply, ResponseError) and "BUSYGROUP" in str(reply)):
            raise reply
