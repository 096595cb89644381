"""The reconciler.

Mailbox   none: any worker, every 30 s, one at a time by a lease in MongoDB.
Messages  what MongoDB says is to be done and Redis does not know of.
Promises  Every pending row and every active run has a message, or gets one: after FLUSHALL, after a worker that died
          between a commit and its ring, after a Redis that was away. What is in the dead letters is dead in MongoDB
          before anything is rung (rule 2). No run with pending rows is ever ended by age (rule 5). What follows from
          a run's end follows, though its closer died of it.
"""

import logging
from datetime import timedelta

from workers.actors.aftermath import catch_up, look_for_late
from workers.actors.burial import bury
from workers.actors.desk import Desk, is_high, utcnow
from workers.actors.rounds import rounds
from workers.actors.upkeep import close_what_is_over
from workers.actors.upserter import ring_close, ring_close_if_settled
from workers.control import ring_run, stage_of
from workers.model import Run
from workers.queue import pause as pausing
from workers.queue.connect import now_ms
from workers.queue.dead import letters
from workers.queue.depth import delayed_messages, heads
from workers.queue.lanes import Lane, Stage
from workers.queue.message import Message
from workers.queue.ring import ring
from workers.store import batches, leases, pauses, runs

log = logging.getLogger(__name__)

EVERY = 30.0
SLACK_MS = 60_000
"""A row is missing its message only if it was rung this much before the oldest entry of its lanes (rule 5)."""

ROUND_SECONDS = 300.0
"""Far more than a round takes, however many letters there are."""

HEARTBEAT_LOST = timedelta(seconds=60)
PAGE = 500


async def run(desk: Desk, *, every: float = EVERY) -> None:
    """Reconcile for as long as the process lives, whenever the lease can be had."""

    async def reconcile_and_close() -> None:
        if await leases.acquire(desk.db, "reconciler", desk.worker, seconds=every * 2):
            await reconcile(desk)
            await close_what_is_over(desk)

    await rounds("reconciler", reconcile_and_close, every=every, limit=ROUND_SECONDS)


async def reconcile(desk: Desk, *, slack_ms: int = SLACK_MS) -> int:
    """One round; returns how many messages were rung."""
    await _apply_pauses(desk)
    await _apply_deaths(desk)
    now = await now_ms(desk.redis)
    head = await heads(desk.redis)
    delayed = await delayed_messages(desk.redis)
    rung = await _ring_batches(desk, now, slack_ms, head, {m.batch for m in delayed if m.batch})
    waiting: set[tuple[Stage, int]] = {(m.stage, m.run) for m in delayed}
    for active in await runs.active(desk.db):
        rung += await _ring_run(desk, active, now, slack_ms, head, waiting)
    await catch_up(desk)
    await look_for_late(desk)
    if rung:
        log.warning("rang %d messages that Redis had lost", rung)
    return rung


async def _apply_pauses(desk: Desk) -> None:
    """Make Redis's copy of the pauses what MongoDB says.

    Redis is read first: a pause is in MongoDB before it is in Redis, so one that is in Redis alone was lifted.
    """
    copies = await pausing.flags(desk.redis)
    meant = await pauses.all(desk.db)
    for what in meant.keys() - frozenset.intersection(*copies):
        await pausing.pause(desk.redis, what)
    for what in frozenset[str]().union(*copies) - meant.keys():
        await pausing.resume(desk.redis, what)


async def _apply_deaths(desk: Desk) -> None:
    """A worker may have died between the two stores: the letters' rows are dead before anything is rung."""
    async for letter in letters(desk.redis):
        if letter.batch and await batches.kill(desk.db, letter.batch, letter.error, rung_by=letter.at_ms):
            await ring_close_if_settled(desk, letter.run)
        elif letter.run and letter.stage != "upsert":
            dead = await runs.get(desk.db, letter.run)
            if dead is not None and dead.active and dead.rung_at <= letter.at_ms and stage_of(dead) == letter.stage:
                await bury(desk, letter)


def _horizon(stage: Stage, now: int, slack_ms: int, head: dict[Lane, int | None]) -> int:
    """Redis ms before which a message of a stage can be in neither of its lanes."""
    oldest = [at for lane, at in head.items() if lane.stage == stage and at is not None]
    return min([now, *oldest]) - slack_ms


async def _ring_batches(desk: Desk, now: int, slack_ms: int, head: dict[Lane, int | None], delayed: set[str]) -> int:
    """Ring for pending rows that have no message."""
    horizon = _horizon("upsert", now, slack_ms, head)
    claimed = await batches.claim_silent(desk.db, horizon, now, PAGE)
    messages: list[Message] = []
    for row in claimed:
        if row.id in delayed:
            continue
        of = await runs.get(desk.db, row.run)
        high = of is not None and is_high(of)
        messages.append(Message(stage="upsert", run=row.run, source=row.source, batch=row.id, high=high))
    if messages:
        await ring(desk.redis, messages)
    return len(messages)


async def _ring_run(
    desk: Desk,
    active: Run,
    now: int,
    slack_ms: int,
    head: dict[Lane, int | None],
    waiting: set[tuple[Stage, int]],
) -> int:
    """Ring the stage that a run's state names, if nobody is at it and no message for it exists."""
    stage = stage_of(active)
    if (stage, active.id) in waiting:
        return 0
    if active.heartbeat and utcnow() - active.heartbeat < HEARTBEAT_LOST:
        return 0
    # A heartbeat that was lost rings again even where the message still lies in its lane: its worker hangs (rule 5).
    since = now - slack_ms if active.heartbeat else _horizon(stage, now, slack_ms, head)
    if active.rung_at > since:
        return 0
    if stage == "close":
        if await batches.pending(desk.db, active.id):
            return 0
        await ring_close(desk, active)
        return 1
    return int(await ring_run(desk.db, desk.redis, active))
