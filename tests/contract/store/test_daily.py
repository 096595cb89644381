"""import_daily: a row is what its runs add up to, whoever recomputed it, and however often."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from tests.contract.store.making import SOURCE, opened
from workers.model import BatchTotals, Run, RunState, Stats, Timing
from workers.model.daily import Day
from workers.store import daily, history, runs
from workers.store.connect import Database

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)


async def ran(db: Database, at: datetime, state: RunState = "succeeded", source: str = SOURCE, new: int = 10) -> Run:
    """A run that was asked for at a moment and has ended."""
    id = await opened(db, source)
    stats = Stats(total=new, new=new)
    await db.import_logs.update_one({"_id": id}, {"$set": {"queued_at": at}})
    assert await runs.finish(db, id, state=state, stats=stats, batches=BatchTotals(0, 0, 0), timing=Timing())
    run = await runs.get(db, id)
    assert run is not None
    return run


async def row(db: Database, at: datetime = NOON, source: str = SOURCE) -> Day:
    [day] = await daily.of_source(db, source, at, at)
    return day


async def test_a_run_that_has_ended_is_due_until_its_day_knows_of_it(ready_db: Database):
    run = await ran(ready_db, NOON)
    assert run.tally_due
    assert await daily.recompute(ready_db, SOURCE, run.queued_at)
    again = await runs.get(ready_db, run.id)
    assert again and not again.tally_due
    assert (await row(ready_db)).new == 10
    assert await daily.tally(ready_db) == 0


async def test_recomputing_any_number_of_times_counts_once(ready_db: Database):
    for hour in range(5):
        await ran(ready_db, NOON + timedelta(hours=hour))
    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(daily.recompute, ready_db, SOURCE, NOON)
    await daily.recompute(ready_db, SOURCE, NOON)
    day = await row(ready_db)
    assert (day.runs, day.new, day.judged) == (5, 50, 5)


async def test_what_a_dead_worker_left_is_tallied_by_whoever_comes(ready_db: Database):
    """Each run ended and nobody recomputed: the fate of a closer killed between the two."""
    for n in range(7):
        await ran(ready_db, NOON + timedelta(days=n % 3), "failed" if n % 2 else "succeeded")
    await ran(ready_db, NOON, source="other")
    living = await opened(ready_db)
    assert await daily.tally(ready_db) == 4
    assert await daily.tally(ready_db) == 0
    days = await daily.of_source(ready_db, SOURCE, NOON, NOON + timedelta(days=2))
    assert [(day.runs, day.failures) for day in days] == [(3, 1), (2, 1), (2, 1)]
    assert (await runs.get(ready_db, living)) is not None


async def test_a_reading_that_is_out_of_date_replaces_nothing(ready_db: Database, monkeypatch: pytest.MonkeyPatch):
    """One recomputes from an old reading while another, with a newer one, has written: the newer stays."""
    await ran(ready_db, NOON)
    read = daily._ended  # pyright: ignore[reportPrivateUsage]
    is_first = True

    async def slow(db: Database, source: str, day: datetime) -> list[Run]:
        nonlocal is_first
        found = await read(db, source, day)
        if is_first:
            is_first = False
            await ran(db, NOON + timedelta(hours=1))
            assert await daily.recompute(db, source, day)
        return found

    monkeypatch.setattr(daily, "_ended", slow)
    assert await daily.recompute(ready_db, SOURCE, NOON)
    assert (await row(ready_db)).runs == 2
    assert await daily.tally(ready_db) == 0


async def test_a_requeued_run_is_counted_anew_at_its_new_end(ready_db: Database):
    run = await ran(ready_db, NOON, "partial", new=3)
    await daily.tally(ready_db)
    await runs.reactivate(ready_db, run.id)
    assert await daily.tally(ready_db) == 0
    stats = Stats(total=9, new=9)
    assert await runs.finish(ready_db, run.id, state="succeeded", stats=stats, batches=BatchTotals(), timing=Timing())
    assert await daily.tally(ready_db) == 1
    day = await row(ready_db)
    assert (day.runs, day.new, day.states) == (1, 9, {"succeeded": 1})


async def test_a_day_keeps_the_runs_that_have_expired(ready_db: Database):
    first, second = await ran(ready_db, NOON), await ran(ready_db, NOON + timedelta(hours=1))
    await daily.tally(ready_db)
    await ready_db.import_logs.delete_one({"_id": first.id})
    await ready_db.import_logs.update_one({"_id": second.id}, {"$set": {"tally_due": True}})
    assert await daily.tally(ready_db) == 1
    assert (await row(ready_db)).runs == 2
    assert await daily.tally(ready_db) == 0


async def test_charts_add_up_and_know_days_without_runs(ready_db: Database):
    await ran(ready_db, NOON)
    await ran(ready_db, NOON + timedelta(days=2), "failed", source="other", new=0)
    await ran(ready_db, NOON + timedelta(days=2), source="other", new=4)
    await daily.tally(ready_db)
    days = await daily.by_day(ready_db, NOON, NOON + timedelta(days=3))
    assert [(day.runs, day.new, day.failures, day.rows) for day in days] == [
        (1, 10, 0, 1),
        (0, 0, 0, 0),
        (2, 4, 1, 1),
        (0, 0, 0, 0),
    ]
    sources = await daily.by_source(ready_db, NOON, NOON + timedelta(days=3))
    assert [(one.source, one.runs, one.failure_rate) for one in sources] == [(SOURCE, 1, 0.0), ("other", 2, 0.5)]
    assert await daily.by_source(ready_db, NOON - timedelta(days=9), NOON - timedelta(days=1)) == []


async def test_history_is_bounded_by_moments_and_pages_within_them(ready_db: Database):
    for hour in range(24):
        await ran(ready_db, NOON + timedelta(hours=hour), "failed" if hour % 2 else "succeeded")
    bounds: dict[str, Any] = {"since": NOON + timedelta(hours=3), "until": NOON + timedelta(hours=10)}
    found: list[int] = []
    before = None
    while page := await history.recent(ready_db, limit=2, before=before, **bounds):
        found += [run.id for run in page]
        before = (page[-1].queued_at, page[-1].id)
    assert found == [10, 9, 8, 7, 6, 5, 4]
    failed = await history.recent(ready_db, source=SOURCE, state=["failed", "cancelled"], **bounds)
    assert [run.id for run in failed] == [10, 8, 6, 4]


@pytest.mark.parametrize("where", [{}, {"source": SOURCE}, {"state": "failed"}, {"source": SOURCE, "state": "failed"}])
async def test_history_reads_no_more_rows_than_it_shows(ready_db: Database, where: dict[str, str]):
    for hour in range(40):
        await ran(ready_db, NOON + timedelta(hours=hour), "failed" if hour % 4 == 0 else "succeeded")
    bounded = {**where, "queued_at": {"$gte": NOON, "$lt": NOON + timedelta(hours=30)}}
    for filter in (where, bounded):
        command = {"find": "import_logs", "filter": filter, "sort": {"queued_at": -1, "_id": -1}, "limit": 3}
        told = await ready_db.command("explain", command, verbosity="executionStats")
        assert told["executionStats"]["totalDocsExamined"] <= 3, filter
