"""Any sequence of imports, replays, two workers at once, closings and frozen workers equals a plain model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.store.making import NOW, SOURCE, item, normalise, seen
from workers.model import Counts, RawItem
from workers.settings import MongoSettings, RetentionSettings
from workers.store import jobs
from workers.store.connect import Database, open_database
from workers.store.indexes import prepare

IDS = 6
BATCH = 2

# A listing in a feed: absent, invalid, or one of three contents in one of two dresses.
SIGHT = st.one_of(st.none(), st.just(("", "")), st.tuples(st.sampled_from(["A", "B", "C"]), st.sampled_from(["", "x"])))


@dataclass(frozen=True)
class Import:
    """One run: what the feed shows, how each batch is delivered, whether it closes, who wakes up afterwards."""

    feed: list[tuple[str, str] | None]
    deliveries: list[int]
    at_once: bool
    closes: bool
    wakes: int  # so many runs back, a settled batch is delivered again


IMPORT = st.builds(
    Import,
    feed=st.lists(SIGHT, min_size=IDS, max_size=IDS),
    deliveries=st.lists(st.integers(1, 3), min_size=IDS // BATCH, max_size=IDS // BATCH),
    at_once=st.booleans(),
    closes=st.booleans(),
    wakes=st.integers(0, 2),
)


@dataclass
class Listing:
    """The model of one listing."""

    title: str
    noise: str
    first: int
    changed: int
    closed: int | None = None


class Model:
    """What the store should hold, told in the simplest words."""

    def __init__(self) -> None:
        self.listings: dict[int, Listing] = {}

    def take(self, run: int, batch: list[tuple[int, tuple[str, str]]]) -> Counts:
        counts = {"new": 0, "updated": 0, "unchanged": 0, "failed": 0}
        for id, (title, noise) in batch:
            counts[self._take(run, id, title, noise)] += 1
        return Counts(**counts)

    def _take(self, run: int, id: int, title: str, noise: str) -> str:
        known = self.listings.get(id)
        if not title:
            return "failed"
        if known is None:
            self.listings[id] = Listing(title, noise, run, run)
            return "new"
        moved = known.title != title or known.closed is not None
        known.title, known.noise = title, noise
        if moved:
            known.changed, known.closed = run, None
        return "updated" if moved else "unchanged"

    def close(self, run: int, present: set[int]) -> int:
        gone = [known for id, known in self.listings.items() if known.closed is None and id not in present]
        for known in gone:
            known.closed = run
        return len(gone)


async def play(db: Database, story: list[Import]) -> None:
    await db.jobs.delete_many({})
    model = Model()
    settled: list[tuple[int, list[RawItem]]] = []
    for run, chapter in enumerate(story, start=1):
        sights = [(id, sight) for id, sight in enumerate(chapter.feed) if sight is not None]
        wanted = Counts()
        for n, times in enumerate(chapter.deliveries):
            batch = [(id, sight) for id, sight in sights if id // BATCH == n]
            raw = [item(id, title, noise=noise) for id, (title, noise) in batch]
            expected = model.take(run, batch)
            assert await deliver(db, run, raw, times, chapter.at_once) == [expected] * times
            wanted += expected
            settled.append((run, raw))
        found = await jobs.recount(db, run, SOURCE)
        assert (found.new, found.updated) == (wanted.new, wanted.updated)
        assert await changed_by(db, run) == (wanted.updated, 0)
        if chapter.closes:
            present = {id for id, _ in sights}
            closed = model.close(run, present)
            for _ in range(2):
                plan = await jobs.close_missing(db, SOURCE, seen(*present), run, NOW, guard_share=1, guard_min=IDS)
                assert (plan.closed, plan.missing) == (closed, closed)
            assert await changed_by(db, run) == (wanted.updated, closed)
        assert await shape(db) == expected_shape(model)
        await wake(db, run, chapter.wakes, settled)


async def deliver(db: Database, run: int, raw: list[RawItem], times: int, at_once: bool) -> list[Counts]:
    results: list[Counts] = []

    async def work() -> None:
        results.append((await jobs.upsert(db, run, SOURCE, raw, normalise, NOW)).counts)

    if not at_once:
        for _ in range(times):
            await work()
        return results
    async with anyio.create_task_group() as tasks:
        for _ in range(times):
            tasks.start_soon(work)
    return results


async def wake(db: Database, run: int, back: int, settled: list[tuple[int, list[RawItem]]]) -> None:
    """A frozen worker writes a settled batch of an earlier run: nothing moves but, at most, a raw_hash."""
    before = await shape(db), await entries(db)
    for old, raw in settled:
        if old == run - back < run:
            assert (await jobs.upsert(db, old, SOURCE, raw, normalise, NOW)).counts.total == len(raw)
    assert (await shape(db), await entries(db)) == before


async def entries(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Run, field and new value of what each listing's history tells."""
    return {
        row["_id"]: [(each["run"], each["field"], each["new"]) for each in row.get("changes", [])]
        async for row in db.jobs.find()
    }


async def changed_by(db: Database, run: int) -> tuple[int, int]:
    """How many listings were updated and closed by a run, as their own histories tell; each field once."""
    updated = closed = 0
    for told in (await entries(db)).values():
        of_run = [(field, new) for by, field, new in told if by == run]
        assert len({field for field, _ in of_run}) == len(of_run)
        closed += ("status", "closed") in of_run
        updated += any(each != ("status", "closed") for each in of_run)
    return updated, closed


async def shape(db: Database) -> dict[str, Any]:
    fields = ("title", "first_run", "changed_run", "closed_run", "status")
    return {row["external_id"]: tuple(row[field] for field in fields) async for row in db.jobs.find()}


def expected_shape(model: Model) -> dict[str, Any]:
    return {
        str(id): (known.title, known.first, known.changed, known.closed, "open" if known.closed is None else "closed")
        for id, known in model.listings.items()
    }


@pytest.fixture
def tell(mongo_url: str) -> Iterator[Callable[[list[Import]], None]]:
    """Play a story on one database in one loop, for hypothesis, which knows no loop."""
    opened = open_database(MongoSettings(url=mongo_url), app_name="model")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(opened) as db:
        portal.call(prepare, db, RetentionSettings())
        yield lambda story: portal.call(play, db, story)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(IMPORT, min_size=1, max_size=5))
def test_the_store_equals_the_model(tell: Callable[[list[Import]], None], story: list[Import]):
    tell(story)
