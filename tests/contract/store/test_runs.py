"""A run is opened once, moved by compare-and-set, and ended once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from tests.contract.store.making import SOURCE, opened
from workers.model import Batch, BatchTotals, FetchFacts, LogEntry, Run, RunState, Stats, Timing
from workers.store import batches, runs
from workers.store.connect import Database

SLOT = datetime(2026, 11, 1, 12, tzinfo=UTC)
FETCHED: dict[str, Any] = {
    "batches_total": 3,
    "duplicates": 2,
    "fill_rate": {"title": 1.0, "salary": 0.25},
    "mapping_hash": b"m" * 16,
    "degraded": "",
}


async def ask(db: Database, source: str = SOURCE, slot: datetime | None = None) -> tuple[Run, bool]:
    return await runs.open_run(
        db, source=source, trigger="cli", requested_by="ann", priority="normal", slot=slot, app_version="1"
    )


async def end(db: Database, id: int, state: RunState = "succeeded", **rest: Any) -> bool:
    stats = rest.pop("stats", Stats())
    return await runs.finish(db, id, state=state, stats=stats, batches=BatchTotals(), timing=Timing(), **rest)


async def read(db: Database, id: int) -> Run:
    run = await runs.get(db, id)
    assert run is not None
    return run


async def gather(times: int, work: Any) -> list[Any]:
    results: list[Any] = []

    async def one() -> None:
        results.append(await work())

    async with anyio.create_task_group() as tasks:
        for _ in range(times):
            tasks.start_soon(one)
    return results


async def test_forty_who_ask_at_once_open_one_run(ready_db: Database):
    answers = await gather(40, lambda: ask(ready_db))
    assert sum(is_new for _, is_new in answers) == 1
    assert len({run.id for run, _ in answers}) == 1
    assert await ready_db.import_logs.count_documents({}) == 1


async def test_a_run_is_read_back_as_it_was_opened(ready_db: Database):
    run, is_new = await ask(ready_db, slot=SLOT)
    assert is_new
    assert await runs.get(ready_db, run.id) == run
    assert await runs.active(ready_db) == [run]
    assert await runs.active_of(ready_db, SOURCE) == run
    assert await runs.get(ready_db, 999) is None


async def test_a_slot_is_served_once_by_any_number_of_schedulers(ready_db: Database):
    answers = await gather(10, lambda: ask(ready_db, slot=SLOT))
    assert sum(is_new for _, is_new in answers) == 1
    first = answers[0][0]
    await end(ready_db, first.id)
    again, is_new = await ask(ready_db, slot=SLOT)
    assert (again.id, is_new) == (first.id, False)
    later, is_new = await ask(ready_db, slot=SLOT + timedelta(hours=1))
    assert is_new
    assert later.id > first.id
    assert await ask(ready_db, slot=SLOT + timedelta(hours=2)) == (later, False)


async def test_runs_without_a_slot_do_not_collide(ready_db: Database):
    for _ in range(3):
        await end(ready_db, await opened(ready_db))


async def test_an_id_drawn_before_a_later_run_ended_is_not_used(ready_db: Database, monkeypatch: pytest.MonkeyPatch):
    drawn = runs._next_id  # pyright: ignore[reportPrivateUsage]

    async def slow(db: Database) -> int:
        id = await drawn(db)
        monkeypatch.setattr(runs, "_next_id", drawn)
        await end(db, await opened(db))
        return id

    monkeypatch.setattr(runs, "_next_id", slow)
    run, is_new = await ask(ready_db)
    assert (run.id, is_new) == (3, True)
    assert [run.id for run in await runs.recent(ready_db)] == [3, 2]


async def test_each_delivery_of_a_fetch_outdates_the_one_before(ready_db: Database):
    id = await opened(ready_db)
    assert await runs.begin_fetch(ready_db, id, worker="a") == 1
    first = await read(ready_db, id)
    assert first.state == "fetching"
    assert await runs.beat(ready_db, id, 1, bytes=10)
    assert await runs.begin_fetch(ready_db, id, worker="b") == 2
    assert not await runs.beat(ready_db, id, 1, bytes=99)
    assert not await runs.end_fetch(ready_db, id, 1, fetch=FetchFacts(), **FETCHED)
    facts = FetchFacts(status=200, bytes=2**33, outcome="ok", duration_ms=12)
    assert await runs.end_fetch(ready_db, id, 2, fetch=facts, **FETCHED)
    assert not await runs.end_fetch(ready_db, id, 2, fetch=facts, **FETCHED)
    run = await read(ready_db, id)
    assert (run.state, run.fetch, run.batches.total, run.stats.duplicates) == ("importing", facts, 3, 2)
    assert (run.started_at, run.heartbeat, run.mapping_hash) == (first.started_at, None, b"m" * 16)
    assert await runs.begin_fetch(ready_db, id, worker="c") is None


async def test_a_beat_says_only_what_a_fetch_knows(ready_db: Database):
    id = await opened(ready_db)
    await runs.begin_fetch(ready_db, id, worker="a")
    with pytest.raises(TypeError, match="state"):
        await runs.beat(ready_db, id, 1, state="failed")


async def fetched(db: Database) -> int:
    id = await opened(db)
    epoch = await runs.begin_fetch(db, id, worker="a")
    assert epoch is not None
    assert await runs.end_fetch(db, id, epoch, fetch=FetchFacts(), **FETCHED)
    return id


async def test_a_run_closes_once_nothing_is_pending(ready_db: Database):
    id = await opened(ready_db)
    assert await runs.begin_close(ready_db, id) is None
    await end(ready_db, id)
    id = await fetched(ready_db)
    await batches.add(ready_db, Batch(id=f"{id}:0000", run=id, source=SOURCE, items=b""))
    assert await runs.begin_close(ready_db, id) is None
    await batches.kill(ready_db, f"{id}:0000", "x")
    closings = await gather(5, lambda: runs.begin_close(ready_db, id))
    assert [run.state for run in closings] == ["closing"] * 5
    assert await runs.beat_close(ready_db, id)
    endings = await gather(5, lambda: end(ready_db, id, "partial", stats=Stats(total=1, failed=1)))
    assert sorted(endings) == [False] * 4 + [True]
    run = await read(ready_db, id)
    assert (run.state, run.active, run.heartbeat, run.stats.failed) == ("partial", False, None, 1)
    assert run.finished_at is not None
    assert await runs.begin_close(ready_db, id) is None
    assert not await runs.beat_close(ready_db, id)


async def test_only_the_fetch_that_holds_the_epoch_may_end_its_run(ready_db: Database):
    id = await opened(ready_db)
    await runs.begin_fetch(ready_db, id, worker="a")
    await runs.begin_fetch(ready_db, id, worker="b")
    assert not await end(ready_db, id, "failed", epoch=1)
    assert await end(ready_db, id, "failed", epoch=2)
    with pytest.raises(ValueError, match="closing is not an end"):
        await end(ready_db, id, "closing")


async def test_a_cancelled_run_stops_its_fetch_and_closes(ready_db: Database):
    id = await opened(ready_db)
    await runs.begin_fetch(ready_db, id, worker="a")
    asked = await runs.request_cancel(ready_db, id, "ann")
    assert asked is not None
    assert (asked.cancel_requested, asked.cancelled_by, asked.active) == (True, "ann", True)
    again = await runs.request_cancel(ready_db, id, "bob")
    assert again is not None
    assert again.cancelled_by == "ann"
    assert not await runs.beat(ready_db, id, 1)
    assert await runs.begin_fetch(ready_db, id, worker="b") is None
    closing = await runs.begin_close(ready_db, id)
    assert closing is not None
    assert (closing.state, closing.fetch_epoch) == ("closing", 2)
    assert not await runs.end_fetch(ready_db, id, 1, fetch=FetchFacts(), **FETCHED)
    assert await end(ready_db, id, "cancelled")
    assert await runs.request_cancel(ready_db, id, "ann") is None


async def test_the_log_keeps_its_newest_hundred_lines(ready_db: Database):
    id = await opened(ready_db)
    for n in range(120):
        at = datetime.now(UTC)
        await runs.log(ready_db, id, LogEntry(at=at, level="warning", code="c", text=f"{n} \ud800{'x' * 9000}"))
    run = await read(ready_db, id)
    assert [entry.text.split()[0] for entry in run.error_log] == [str(n) for n in range(20, 120)]
    assert all(len(entry.text) <= 500 for entry in run.error_log)
    listed = await runs.recent(ready_db)
    assert [entry.text.split()[0] for entry in listed[0].error_log] == ["119"]
    assert (await runs.last_of_sources(ready_db))[SOURCE] == listed[0]


async def test_the_reconciler_sees_runs_that_nobody_rang_or_heard_of(ready_db: Database):
    now = datetime.now(UTC)
    ids = [await opened(ready_db, f"s{n}") for n in range(4)]
    ms = int(now.timestamp() * 1000)
    await runs.set_rung(ready_db, ids[1], ms + 5000)
    await runs.begin_fetch(ready_db, ids[2], worker="a")
    await end(ready_db, ids[3])
    assert [run.id for run in await runs.stale(ready_db, now)] == [ids[0]]
    assert [run.id for run in await runs.stale(ready_db, now + timedelta(seconds=60))] == ids[:3]
    assert await runs.set_rung(ready_db, ids[0], 5, expected=0)
    assert not await runs.set_rung(ready_db, ids[0], 6, expected=0)


async def test_requeue_makes_a_run_active_unless_a_later_one_has_read_its_source(ready_db: Database):
    id = await fetched(ready_db)
    await end(ready_db, id, "partial", stats=Stats(total=5))
    empty = await opened(ready_db)
    with pytest.raises(runs.RunGone, match=f"run {empty}"):
        await runs.reactivate(ready_db, id)
    await end(ready_db, empty, "failed")
    run = await runs.reactivate(ready_db, id)
    assert (run.id, run.state, run.active, run.finished_at) == (id, "importing", True, None)
    assert await runs.reactivate(ready_db, id) == run
    assert await ask(ready_db) == (run, False)
    await end(ready_db, id, "succeeded", stats=Stats(total=5))
    later = await opened(ready_db)
    await end(ready_db, later, stats=Stats(total=5))
    with pytest.raises(runs.RunGone, match=f"run {later} has read board since: import again"):
        await runs.reactivate(ready_db, id)
    with pytest.raises(runs.RunGone, match="no run 999"):
        await runs.reactivate(ready_db, 999)


async def test_history_pages_by_key_newest_first(ready_db: Database):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    states = ["succeeded", "failed"]
    rows = [
        {
            "_id": n,
            "source": f"s{n % 3}",
            "state": states[n % 2],
            "active": False,
            "trigger": "cli",
            "queued_at": at + timedelta(hours=n // 10),
        }
        for n in range(1, 61)
    ]
    await ready_db.import_logs.insert_many(rows)
    pages: list[int] = []
    before: tuple[datetime, int] | None = None
    while page := await runs.recent(ready_db, limit=7, before=before):
        pages += [run.id for run in page]
        before = (page[-1].queued_at, page[-1].id)
    assert pages == list(range(60, 0, -1))
    assert [run.id for run in await runs.recent(ready_db, source="s1", state="failed", limit=3)] == [55, 49, 43]
    assert len(await runs.recent(ready_db, state=["failed", "cancelled"])) == 30
    last = await runs.last_of_sources(ready_db)
    assert {name: run.id for name, run in last.items()} == {"s0": 60, "s1": 58, "s2": 59}
