"""What follows from the end of a run: the figures of its day.

Everything here is recomputed from runs, so it may happen twice, or late: a worker that dies before it leaves the run
`tally_due`, which the reconciler finds.
"""

from workers.actors.desk import Desk
from workers.model import Run
from workers.store import daily


async def after_end(desk: Desk, run: Run) -> None:
    """Bring what is derived from a source's history up to date; the run has ended."""
    await daily.recompute(desk.db, run.source, run.queued_at)


async def catch_up(desk: Desk) -> int:
    """Do it for every run whose end nobody followed up; returns how many days were recomputed."""
    return await daily.tally(desk.db)
