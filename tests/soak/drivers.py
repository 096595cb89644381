"""One source's imports, over and over: ask, wait for the end, let the oracle judge, go on to the next generation."""

from collections import Counter
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
import msgspec

from tests.soak.feeds import Board, Mood
from tests.soak.oracle import Oracle
from tests.soak.site import Site
from tests.soak.waiting import patiently, until
from workers.control import request_import, requeue
from workers.model import Run
from workers.queue.dead import DeadLetter, list_dead
from workers.sources import load_one
from workers.store import runs
from workers.store.documents import from_document

RUN_LIMIT = 420.0
"""Seconds a run may take among faults: what Redis forgot is rung again after 60 to 90 s, and that may be lost, too."""

MOODS: dict[Mood, int] = {"mild": 17, "down": 1, "torn": 2}


@dataclass
class Driver:
    """One source. `last` is the last run judged; a source whose run was judged wrong is not driven on."""

    site: Site
    board: Board
    oracle: Oracle = field(init=False)
    last: int = 0
    states: Counter[str] = field(default_factory=Counter[str])
    listings: int = 0
    requeued: int = 0
    broken: bool = False

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.board)

    async def drive(self, until: anyio.Event) -> None:
        """Import until the event is set; the run that is under way then is waited for."""
        rng = self.site.plan.rng("driver", self.board.name)
        while not until.is_set() and not self.broken:
            self.board.mood = rng.choices(list(MOODS), list(MOODS.values()))[0]
            await self.once(high=rng.random() < 0.2, twice=rng.random() < 0.1)
            if rng.random() < 0.9:
                await anyio.to_thread.run_sync(self.board.advance)
            await anyio.sleep(rng.uniform(0.0, 0.5))

    async def once(self, *, high: bool = False, twice: bool = False) -> None:
        """Import the present generation, and judge every run that this opened."""
        async with anyio.create_task_group() as tasks:
            for _ in range(2 if twice else 1):
                tasks.start_soon(self._request, high)
        while not self.broken:
            ended = await self._next_ended()
            if ended is None:
                return
            self._judge(ended)

    async def _request(self, high: bool) -> None:
        source = load_one(self.site.plant.config.sources, self.board.name)
        db, redis = self.site.plant.db, self.site.plant.redis
        asked = await patiently(
            lambda: request_import(db, redis, source, trigger="cli", user="soak", high=high, force=True)
        )
        if asked.run is None:
            self._wrong("a forced request opened no run")

    async def _next_ended(self) -> Run | None:
        """Wait for the end of the next run that is not judged; None when there is none."""
        run = await patiently(self._after_last)
        if run is None:
            return None
        with anyio.move_on_after(RUN_LIMIT):
            while run is None or run.active or run.batches.dead:
                if run is not None and not run.active:
                    await self._operate(run)
                await anyio.sleep(0.1)
                run = await patiently(self._after_last)
            return run
        self._wrong(f"did not end within {RUN_LIMIT:.0f} s: {run}")
        return None

    async def _after_last(self) -> Run | None:
        where = {"source": self.board.name, "_id": {"$gt": self.last}}
        row = await self.site.plant.db.import_logs.find_one(where, sort=[("_id", 1)])
        return None if row is None else from_document(row, Run)

    async def _operate(self, run: Run) -> None:
        """Batches died: an operator puts them back, and the run must end as if they had not."""
        site = self.site

        async def letters() -> list[DeadLetter]:
            return [letter for letter in await list_dead(site.plant.redis, limit=1000) if letter.run == run.id]

        for letter in await patiently(letters):
            site.journal.say(f"{self.board.name}: run {run.id}: requeue {letter.stage} {letter.batch}: {letter.error}")
            self.requeued += 1
            await patiently(lambda: requeue(site.plant.db, site.plant.redis, letter, None, "soak"))  # noqa: B023

    def _judge(self, run: Run) -> None:
        self.last = run.id
        self.states[run.state] += 1
        self.listings += run.stats.total
        counts = msgspec.structs.asdict(run.stats)
        told = " ".join(f"{name} {count}" for name, count in counts.items() if count)
        generation = self.board.generation
        about = f"{run.state}, generation {generation.number}, {run.fetch_epoch} fetches"
        self.site.journal.say(f"{self.board.name}: run {run.id} {about}: {told}")
        for wrong in self.oracle.judge(run, generation):
            self._wrong(f"run {run.id} ({run.state}, {run.fetch_epoch} fetches): {wrong}")

    def _wrong(self, text: str) -> None:
        self.broken = True
        self.site.violated(f"source {self.board.name}, generation {self.board.generation.number}: {text}")


async def last_runs(site: Site) -> list[Run]:
    """Every run there was."""
    rows = await patiently(lambda: site.plant.db.import_logs.find().sort("_id", 1).to_list())
    return [from_document(row, Run) for row in rows]


async def nothing_active(site: Site, limit: float) -> bool:
    """Wait until no run is active."""

    async def all_ended() -> bool:
        return not await patiently(lambda: runs.active(site.plant.db))

    return await until(all_ended, limit)
