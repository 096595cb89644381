"""How much waits, runs, is delayed, is dead: one round trip, whatever the backlog.

waiting = XLEN - pending, because every end deletes its entry; what was handed back waits, too. The group's own `lag`
is never used: one deleted unread entry makes it unknown.
"""

from typing import Any

import msgspec

from workers.queue.connect import Redis, id_ms, to_ms
from workers.queue.lanes import DELAYED, FAILED, GROUP, LANES, NOBODY, PAUSED, Lane
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
    """Everything, in one round trip. Raises Trouble."""
    async with redis.pipeline(transaction=False) as pipe:
        for lane in LANES:
            pipe.xlen(lane.key)
            pipe.xpending(lane.key, GROUP)
            pipe.xrange(lane.key, count=1)
        pipe.smembers(PAUSED)
        pipe.time()
        pipe.eval(TALLY.source, 2, DELAYED, FAILED, TALLIED)
        # A lane without a group yet answers XPENDING with an error: nothing runs there.
        replies: list[Any] = await pipe.execute(raise_on_error=False)
    members, time, (delayed, dead, by_delay, by_death) = _checked(replies)[-3:]
    paused = frozenset(name.decode() for name in members)
    return QueueDepths(
        lanes=tuple(
            _lane(lane, replies[3 * i : 3 * i + 3], paused, _counts(by_delay), _counts(by_death))
            for i, lane in enumerate(LANES)
        ),
        delayed=delayed,
        dead=dead,
        at_ms=to_ms(time),
        paused=paused,
    )


def _checked(replies: list[Any]) -> list[Any]:
    for i, reply in enumerate(replies):
        if isinstance(reply, Exception) and not (i % 3 == 1 and i < 3 * len(LANES)):
            raise reply
    return replies


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


async def backlog(redis: Redis, lane: Lane) -> int:
    """Messages of a lane that wait or run: what a producer holds against its limit."""
    return int(await redis.xlen(lane.key))


async def heads(redis: Redis) -> dict[Lane, int | None]:
    """Redis ms of each lane's oldest entry, waiting or running; None for an empty lane.

    What was added before that moment is in no lane any more: the reconciler's measure (rule 5).
    """
    async with redis.pipeline(transaction=False) as pipe:
        for lane in LANES:
            pipe.xrange(lane.key, count=1)
        replies: list[Any] = await pipe.execute()
    return {lane: id_ms(head[0][0]) if head else None for lane, head in zip(LANES, replies, strict=True)}


async def delayed_messages(redis: Redis) -> list[Message]:
    """Every delayed message, soonest first; what cannot be read is left out."""
    messages: list[Message] = []
    start = 0
    while True:
        page: Any = await redis.zrange(DELAYED, start, start + PAGE - 1)
        for member in page:
            try:
                messages.append(Message.decode(member.partition(b" ")[2]))
            except Poison:
                continue
        if len(page) < PAGE:
            return messages
        # Members that are pumped meanwhile shift the ranks: overlap, a message seen twice is harmless.
        start += PAGE // 2
