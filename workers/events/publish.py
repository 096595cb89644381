"""Tell the watchers. An event is news, never truth: losing one loses nothing, so publishing never fails its caller."""

import logging

from workers.events.schema import CAP, encode
from workers.model import Event
from workers.queue.connect import Redis, Trouble
from workers.queue.lanes import EVENTS

log = logging.getLogger(__name__)


async def publish(redis: Redis, *events: Event) -> bool:
    """Append events to the stream in one round trip; False if Redis could not be reached."""
    try:
        async with redis.pipeline(transaction=False) as pipe:
            for event in events:
                pipe.xadd(EVENTS, encode(event), maxlen=CAP, approximate=True)  # pyright: ignore[reportArgumentType]
            await pipe.execute()
    except Trouble as error:
        log.debug("%d events not published: %s", len(events), error)
        return False
    return True
