"""Put a dead letter's work back, by rule 6: MongoDB says whether it may live again, then the message goes.

A crash in between leaves the row pending or dead, never lost: the reconciler applies the letter again or rings.
"""

from workers.control import announce
from workers.errors import Permanent
from workers.queue import dead
from workers.queue.connect import Redis
from workers.queue.dead import DeadLetter
from workers.queue.message import Poison
from workers.store import batches, runs
from workers.store.connect import Database


class Refused(Permanent):
    """A letter that cannot be put back; the sentence says why, and what to do instead."""


async def requeue(db: Database, redis: Redis, letter: DeadLetter, user: str) -> int:
    """Make the letter's batch pending, its run active, and ring; returns the run's id.

    Raises Refused, or runs.RunGone where a later run has read the source since.
    """
    if not letter.run:
        raise Refused(f"letter {letter.id} holds no message that a worker could read: discard it")
    if letter.stage == "fetch":
        raise Refused(f"run {letter.run} could not fetch {letter.source}: import it again, and discard the letter")
    run = await runs.reactivate(db, letter.run)
    if letter.stage == "upsert" and not await batches.revive(db, letter.batch):
        row = await batches.load(db, letter.batch)
        if row is None or row.state != "pending":
            state = row.state if row else "gone"
            raise Refused(f"batch {letter.batch} is {state}, not dead: discard the letter")
    try:
        rung_at = await dead.requeue(redis, letter.id)
    except Poison as error:
        raise Refused(f"letter {letter.id} cannot be read ({error}): discard it") from error
    if rung_at is not None:
        if letter.stage == "upsert":
            await batches.set_rung(db, [letter.batch], rung_at)
        else:
            await runs.set_rung(db, run.id, rung_at)
    await announce(redis, "action", run, batch=letter.batch, user=user, text="requeued a dead letter")
    return run.id
