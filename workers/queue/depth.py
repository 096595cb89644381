"""How much waits, runs, is delayed, is dead: one round trip, whatever the backlog.

waiting = XLEN - pending, because every end deletes its entry; what was handed back waits, too. The group's own `lag`
is never used: one deleted unread entry makes it unknown.
"""

from typing import Any

import msgspec

from workers.queue.connect import Redis, ask_time, each, id_ms, is_no_group, to_ms, where
from workers.queue.lanes import GROUP, LANES, NOBODY, Lane
from workers.queue.message import Message, Poison
from workers.queue.scripts import TALLY

TALLIED = 1000
"""Up to so many delayed or dead messages are counted lane by lane; more only in all."""

PAGE = 1000


class LaneDepth(msgspec.Struct, frozen=True, kw_only=True):
    """One lane. `oldest_ms` is when its oldest entry, waiting or running, was added (Redis TIME).

    `delayed` and `dead` are None where there are too many to look at each.
    """

    lane: str
    waiting: int
    running: int
    oldest_ms: int | None
    paused: bool
    delayed: int | None = 0
    dead: int | None = 0


class QueueDepths(msgspec.Struct, frozen=True, kw_only=True):
    """All lanes at one moment, `at_ms` (Redis TIME). `paused` also holds "source:NAME"."""

    lanes: tuple[LaneDepth, ...]
    delayed: int
    dead: int
    at_ms: int
    paused: frozenset[str] = frozenset()


async def snapshot(redis: Redis) -> QueueDepths:
    """Everything over all partitions, in one round trip. Raises Trouble."""
    partitions = each(redis)
    async with redis.pipeline(transaction=False) as pipe:
        for partition in partitions:
            for lane in LANES:
                pipe.xlen(partition.lane(lane))
                pipe.xpending(partition.lane(lane), GROUP)
                pipe.xrange(partition.lane(lane), count=1)
            pipe.smembers(partition.paused)
            pipe.eval(TALLY.source, 2, partition.delayed, partition.failed, TALLIED)
        ask_time(pipe)
        # A lane without a group yet answers XPENDING with an error: nothing runs there.
        replies: list[Any] = await pipe.execute(raise_on_error=False)
    *replies, time = _checked(replies)
    parts = [_part(replies[i : i + _REPLIES]) for i in range(0, len(replies), _REPLIES)]
    return QueueDepths(
        lanes=tuple(map(_sum, zip(*(part.lanes for part in parts), strict=True))),
        delayed=sum(part.delayed for part in parts),
        dead=sum(part.dead for part in parts),
        at_ms=to_ms(time),
        paused=frozenset().union(*(part.paused for part in parts)),
    )


_REPLIES = 3 * len(LANES) + 2
"""How many a partition gives."""


def _part(replies: list[Any]) -> QueueDepths:
    """One partition's depths."""
    members, (delayed, dead, by_delay, by_death) = replies[-2:]
    paused = frozenset(name.decode() for name in members)
    lanes = tuple(
        _lane(lane, replies[3 * i : 3 * i + 3], paused, _counts(by_delay), _counts(by_death))
        for i, lane in enumerate(LANES)
    )
    return QueueDepths(lanes=lanes, delayed=delayed, dead=dead, at_ms=0, paused=paused)


def _sum(of_one_lane: tuple[LaneDepth, ...]) -> LaneDepth:
    """A lane over all partitions."""
    delayed = [part.delayed for part in of_one_lane if part.delayed is not None]
    dead = [part.dead for part in of_one_lane if part.dead is not None]
    return LaneDepth(
        lane=of_one_lane[0].lane,
        waiting=sum(part.waiting for part in of_one_lane),
        running=sum(part.running for part in of_one_lane),
        oldest_ms=min((part.oldest_ms for part in of_one_lane if part.oldest_ms is not None), default=None),
        paused=any(part.paused for part in of_one_lane),
        delayed=sum(delayed) if len(delayed) == len(of_one_lane) else None,
        dead=sum(dead) if len(dead) == len(of_one_lane) else None,
    )


def _checked(replies: list[Any]) -> list[Any]:
    """Raise what went wrong, but for a group that XPENDING does not find."""
    for i, reply in enumerate(replies):
        if isinstance(reply, Exception) and not (i % _REPLIES in _XPENDINGS and is_no_group(reply)):
            raise reply
    return replies


_XPENDINGS = range(1, 3 * len(LANES), 3)


def _counts(flat: list[Any] | None) -> dict[str, int] | None:
    return None if flat is None else {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}


def _lane(
    lane: Lane,
    replies: list[Any],
    paused: frozenset[str],
    delayed: dict[str, int] | None,
    dead: dict[str, int] | None,
) -> LaneDepth:
    length, pending, head = replies
    running = 0 if isinstance(pending, Exception) else _in_work(pending)
    name = str(lane)
    return LaneDepth(
        lane=name,
        waiting=max(0, length - running),
        running=running,
        oldest_ms=id_ms(head[0][0]) if head else None,
        paused=name in paused,
        delayed=None if delayed is None else delayed.get(name, 0),
        dead=None if dead is None else dead.get(name, 0),
    )


def _in_work(summary: Any) -> int:
    """XPENDING's summary without what was handed back: that waits."""
    back = sum(int(consumer["pending"]) for consumer in summary["consumers"] if consumer["name"] == NOBODY.encode())
    return int(summary["pending"]) - back


async def backlog(redis: Redis, lane: Lane, source: str = "") -> int:
    """Messages that wait or run in a lane, of those that share a source's partition: what its fetcher waits for."""
    return int(await redis.xlen(where(redis, source).lane(lane)))


async def heads(redis: Redis) -> dict[Lane, int | None]:
    """Redis ms of each lane's oldest entry in any partition, waiting or running; None for an empty lane.

    What was added before that moment is in no lane any more: the reconciler's measure (rule 5).
    """
    partitions = each(redis)
    async with redis.pipeline(transaction=False) as pipe:
        for lane in LANES:
            for partition in partitions:
                pipe.xrange(partition.lane(lane), count=1)
        replies: list[Any] = await pipe.execute()
    oldest = [id_ms(head[0][0]) if head else None for head in replies]
    count = len(partitions)
    of_lanes = (oldest[i * count : (i + 1) * count] for i in range(len(LANES)))
    return {
        lane: min((at for at in ages if at is not None), default=None)
        for lane, ages in zip(LANES, of_lanes, strict=True)
    }


async def added(redis: Redis) -> dict[str, int]:
    """Entries ever added to each lane, by its name; without lanes that were never used. Redis 6.2 does not count."""
    partitions = each(redis)
    async with redis.pipeline(transaction=False) as pipe:
        for lane in LANES:
            for partition in partitions:
                pipe.xinfo_stream(partition.lane(lane))
        replies: list[Any] = await pipe.execute(raise_on_error=False)
    sums: dict[str, int] = {}
    for i, reply in enumerate(replies):
        if isinstance(reply, dict) and "entries-added" in reply:
            name = str(LANES[i // len(partitions)])
            sums[name] = sums.get(name, 0) + int(reply["entries-added"])
    return sums


async def delayed_messages(redis: Redis) -> list[Message]:
    """Every delayed message, partition by partition, soonest first; what cannot be read is left out."""
    return [message for partition in each(redis) for message in await _delayed(redis, partition.delayed)]


async def _delayed(redis: Redis, key: str) -> list[Message]:
    messages: list[Message] = []
    start = 0
    while True:
        page: Any = await redis.zrange(key, start, start + PAGE - 1)
        for member in page:
            try:
                messages.append(Message.decode(member.partition(b" ")[2]))
            except Poison:
                continue
        if len(page) < PAGE:
            return messages
        # Members that are pumped meanwhile shift the ranks: overlap, a message seen twice is harmless.
        start += PAGE // 2
