"""Follow the progress stream from the last event seen, without missing one inside the cap."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from workers.events.schema import decode
from workers.model import Event
from workers.queue.connect import Redis
from workers.queue.lanes import EVENTS

BLOCK_MS = 1000
PAGE = 500


class Gap(msgspec.Struct, frozen=True):
    """Events between `after` and `first` are gone: the watcher was away longer than the cap. Reload."""

    after: str
    first: str


class Quiet(msgspec.Struct, frozen=True):
    """Nothing came for a while; the connection is alive."""


Heard = tuple[str, Event] | Gap | Quiet


async def last_id(redis: Redis) -> str:
    """Id of the newest event, "0-0" where there is none: where a watcher begins before it loads its snapshot."""
    entries: Any = await redis.xrevrange(EVENTS, count=1)
    return entries[0][0].decode() if entries else "0-0"


async def latest(redis: Redis, count: int) -> list[tuple[str, Event]]:
    """The newest events, oldest first."""
    entries: Any = await redis.xrevrange(EVENTS, count=count)
    return [(key.decode(), event) for key, entry in reversed(entries) if (event := decode(entry))]


async def follow(redis: Redis, after: str, *, block_ms: int = BLOCK_MS) -> AsyncIterator[Heard]:
    """Yield every event after an id, for ever; a Gap first where some were trimmed unseen.

    Yields Quiet after each `block_ms` without an event: shorter than the client waits for a reply. Raises the driver's
    errors when Redis goes away: the caller keeps the last id that it saw and calls again.
    """
    while True:
        reply: Any = await redis.xread({EVENTS: after}, count=PAGE, block=block_ms)
        entries = _entries(reply)
        if not entries:
            yield Quiet()
            continue
        if gap := await _gap(redis, after, entries):
            yield gap
        for key, entry in entries:
            after = key.decode()
            if event := decode(entry):
                yield after, event


async def _gap(redis: Redis, after: str, entries: list[Any]) -> Gap | None:
    """A full page, or the first look, may begin later than where we left off."""
    if after == "0-0":
        return None
    still_there: Any = await redis.xrange(EVENTS, min=after, max=after, count=1)
    if still_there:
        return None
    oldest: Any = await redis.xrange(EVENTS, count=1)
    first = entries[0][0].decode()
    # Our own last event was trimmed, and what we just read begins at the very end that trimming left.
    return Gap(after, first) if oldest and oldest[0][0].decode() == first else None


def _entries(reply: Any) -> list[Any]:
    """redis-py answers a list of (key, entries) under RESP2 and a dict of key -> [entries] under RESP3."""
    if not reply:
        return []
    if isinstance(reply, dict):
        return [entry for pages in reply.values() for page in pages for entry in page]
    return reply[0][1]
