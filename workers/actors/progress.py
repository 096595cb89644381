"""Progress: tells the world where a worker's runs stand, at most ten times a second a run.

Actors mark a run; every quarter second the totals of the marked runs are read and published. Totals are absolute
(rule 11), so a mark that is lost costs nothing: the next one, or the closer's last word, says it all.
"""

import logging
from datetime import UTC, datetime

import anyio

from workers.events.publish import publish
from workers.model import BatchTotals, Event, Stats
from workers.queue.connect import Redis
from workers.store import batches, runs
from workers.store.connect import Database, Trouble, unhung

log = logging.getLogger(__name__)

EVERY = 0.25


class Progress:
    """The runs of this process that have moved since they were last told of."""

    def __init__(self, db: Database, redis: Redis, worker: str) -> None:
        self._db, self._redis, self._worker = db, redis, worker
        self._marked: dict[int, int] = {}

    def mark(self, run_id: int, read: int = 0) -> None:
        """A run has moved; `read` is how many bytes its fetch has read so far."""
        self._marked[run_id] = max(read, self._marked.get(run_id, 0))

    async def run(self) -> None:
        """Publish the marked runs, for as long as the process lives."""
        while True:
            await anyio.sleep(EVERY)
            try:
                with unhung():
                    await self.tell()
            except Trouble as error:
                log.debug("progress waits for MongoDB: %s", type(error).__name__)

    async def tell(self) -> None:
        """Publish the marked runs now."""
        marked, self._marked = self._marked, {}
        if not marked:
            return
        # The moment of the reading, not of the publishing: a watcher passes over what is older than what it has.
        at = datetime.now(UTC).timestamp()
        totals = await batches.totals_many(self._db, list(marked))
        events: list[Event] = []
        for run_id, read in marked.items():
            run = await runs.get(self._db, run_id)
            if run is None or not run.active:
                continue
            sums = totals[run_id]
            events.append(
                Event(
                    kind="run",
                    at=at,
                    run=run_id,
                    source=run.source,
                    state=run.state,
                    stats=stats_of(sums, run.stats.duplicates),
                    batches=BatchTotals(run.batches.total, sums.done, sums.dead),
                    bytes=read,
                    worker=self._worker,
                )
            )
        await publish(self._redis, *events)


def stats_of(sums: batches.RunTotals, duplicates: int, closed: int = 0) -> Stats:
    """A run's totals out of its rows'. Listings of dead rows count as failed: they are not imported."""
    counts = sums.counts
    failed = counts.failed + sums.dead_listings
    dropped = sums.dropped_listings
    return Stats(
        total=counts.new + counts.updated + counts.unchanged + failed + dropped,
        new=counts.new,
        updated=counts.updated,
        unchanged=counts.unchanged,
        failed=failed,
        dropped=dropped,
        duplicates=duplicates,
        closed=closed,
    )
