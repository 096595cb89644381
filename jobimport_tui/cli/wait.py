"""Waiting for runs to end: the events say when to look, and MongoDB, asked each second, what is so."""

import time
from collections.abc import Callable, Iterable
from typing import Self

import anyio

from jobimport_tui.cli.report import sentence, with_totals
from jobimport_tui.cli.show import say
from workers.events.follow import Gap, Quiet, follow, last_id
from workers.model import Run
from workers.queue import connect as queue
from workers.queue.registry import workers
from workers.store import batches, runs
from workers.store import connect as store
from workers.store.connect import Database

EVERY = 1.0
PATIENCE = 30.0
"""Seconds that MongoDB may be away before the waiting ends: a fail-over takes some ten."""

IDLE = 20.0
"""A worker that has not beaten for so long is not there (three beats)."""


class Waiter:
    """Follows some runs from before they were opened to their end."""

    def __init__(
        self, db: Database, redis: queue.Redis, url: str, after: str, *, watch: bool, tell: Callable[[Run], None] | None
    ) -> None:
        self._db, self._redis, self._url, self._after, self._watch = db, redis, url, after, watch
        self._tell_end = tell
        self._open: dict[int, Run | None] = {}
        self._ended: dict[int, Run] = {}
        self._news = anyio.Event()
        self._told: dict[int, str] = {}

    @classmethod
    async def open(
        cls,
        db: Database,
        redis: queue.Redis,
        url: str,
        *,
        watch: bool = False,
        tell: Callable[[Run], None] | None = None,
    ) -> Self:
        """Note where the events stand, before anything is requested. `tell` is called as each run ends."""
        try:
            after = await last_id(redis)
        except queue.Trouble:
            after = "0-0"
        return cls(db, redis, url, after, watch=watch, tell=tell)

    async def wait(self, run_ids: list[int]) -> list[Run]:
        """Wait until all have ended; the runs in the order asked for. Interrupted, the runs go on, and it says so."""
        self._open = dict.fromkeys(run_ids)
        if not run_ids:
            return []
        await self._warn_without_workers()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._listen)
                await self._look_until_ended()
                tasks.cancel_scope.cancel()
        except anyio.get_cancelled_exc_class():
            numbers = ", ".join(map(str, self._open))
            say(f"jobimport: no longer waiting; run {numbers} goes on (`jobimport runs cancel` stops it)")
            raise
        return [self._ended[run_id] for run_id in run_ids]

    async def _warn_without_workers(self) -> None:
        try:
            alive = [worker for worker in await workers(self._redis) if worker.beat_age_s < IDLE]
        except queue.Trouble:
            return
        if not alive:
            say("jobimport: no worker is running: the import starts when one does (`jobimport worker`)")

    async def _listen(self) -> None:
        """Let news of our runs cut the second short. Redis going away costs nothing but that."""
        while True:
            try:
                async for heard in follow(self._redis, self._after):
                    if isinstance(heard, Quiet):
                        continue
                    if isinstance(heard, Gap):
                        self._news.set()
                        continue
                    self._after, event = heard
                    if event.run in self._open:
                        self._news.set()
            except queue.Trouble:
                await anyio.sleep(EVERY)

    async def _look_until_ended(self) -> None:
        answered = time.monotonic()
        while True:
            try:
                await self._look(list(self._open))
                answered = time.monotonic()
            except store.Trouble as error:
                if time.monotonic() - answered > PATIENCE or not store.is_unreachable(error):
                    raise
            if not self._open:
                return
            self._news = anyio.Event()
            with anyio.move_on_after(EVERY):
                await self._news.wait()
            # At most four looks a second, however much there is to hear.
            await anyio.sleep(EVERY / 4)

    async def _look(self, run_ids: Iterable[int]) -> None:
        sums = await batches.totals_many(self._db, run_ids) if self._watch else {}
        for run_id in run_ids:
            run = await runs.get(self._db, run_id)
            if run is None or not run.active:
                del self._open[run_id]
            if run is None:
                continue
            if not run.active:
                self._ended[run_id] = run
                if self._tell_end is not None:
                    self._tell_end(run)
            elif self._watch:
                self._tell(with_totals(run, sums[run_id]))

    def _tell(self, run: Run) -> None:
        text = sentence(run)
        if self._told.get(run.id) != text:
            self._told[run.id] = text
            say(text)
