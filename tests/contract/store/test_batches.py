"""Promise 4: a row of the outbox is done, dead, dropped or pending, and leaves pending once."""

from typing import Any

import anyio
import pytest

from tests.contract.store.making import SOURCE, item, seen
from workers.errors import TooLarge
from workers.model import Batch, Counts, RawItem
from workers.store import batches
from workers.store.connect import Database

RUN = 7


def row(n: int, *, run: int = RUN, size: int = 3, **facts: Any) -> Batch:
    items = batches.pack([item(f"{n}-{i}") for i in range(size)])
    return Batch(id=f"{run}:{n:04d}", run=run, source=SOURCE, size=size, items=items, seen=seen(n), **facts)


async def added(db: Database, *rows: Batch) -> None:
    for batch in rows:
        await batches.add(db, batch)


async def state(db: Database, id: str) -> str:
    batch = await batches.load(db, id)
    assert batch is not None
    return batch.state


async def test_what_was_packed_comes_back(ready_db: Database):
    items = [item(n, "Größe 🚀", position=n) for n in range(5)]
    await added(ready_db, Batch(id="7:0000", run=7, source=SOURCE, size=5, items=batches.pack(items), rung_at=2**40))
    batch = await batches.load(ready_db, "7:0000")
    assert batch is not None
    assert batch.items is not None
    assert batches.unpack(batch.items) == items
    assert (batch.state, batch.rung_at, batch.counts) == ("pending", 2**40, None)
    assert await batches.load(ready_db, "7:0001") is None


def test_text_that_is_no_text_is_packed_all_the_same():
    packed = batches.pack([RawItem("a\ud800", 1, {"title": ["x\udfff", "y"]}, b"h")])
    assert batches.unpack(packed) == [RawItem("a?", 1, {"title": ["x?", "y"]}, b"h")]


async def test_a_key_is_taken_once(ready_db: Database):
    await added(ready_db, row(0))
    with pytest.raises(batches.BatchExists, match="7:0000"):
        await batches.add(ready_db, row(0, size=1))
    batch = await batches.load(ready_db, "7:0000")
    assert batch is not None
    assert batch.size == 3


async def test_items_that_no_document_holds_are_refused(ready_db: Database):
    large = Batch(id="7:0000", run=RUN, source=SOURCE, size=2, items=b"x" * (16 * 2**20))
    with pytest.raises(TooLarge, match="2 listings packs to 16777216 bytes"):
        await batches.add(ready_db, large)
    assert not await batches.pending(ready_db, RUN)


async def test_of_all_who_settle_kill_and_drop_one_wins(ready_db: Database):
    for n in range(12):
        id = f"{RUN}:{n:04d}"
        await added(ready_db, row(n))
        results: dict[str, bool] = {}

        async def settle(id: str, results: dict[str, bool], worker: int) -> None:
            counts = Counts(new=worker, failed=3 - worker)
            results[f"done {worker}"] = await batches.settle(ready_db, id, counts, worker=str(worker), took_ms=5)

        async def kill(id: str, results: dict[str, bool]) -> None:
            results["dead"] = await batches.kill(ready_db, id, "boom")

        async def drop(id: str, results: dict[str, bool]) -> None:
            results["dropped"] = await batches.drop(ready_db, id)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(kill, id, results)
            tasks.start_soon(settle, id, results, 1)
            tasks.start_soon(drop, id, results)
            tasks.start_soon(settle, id, results, 2)
        winner = [name for name, won in results.items() if won]
        assert len(winner) == 1
        batch = await batches.load(ready_db, id)
        assert batch is not None
        assert batch.state == winner[0].split()[0]
        assert (batch.items is None) == (batch.state != "dead")
        assert (batch.done_at is None) == (batch.state == "dead")
        if batch.state == "done":
            assert batch.counts == Counts(new=int(batch.worker), failed=3 - int(batch.worker))


async def test_the_dead_come_back_with_their_items(ready_db: Database):
    await added(ready_db, row(0, rung_at=5), row(1))
    assert await batches.kill(ready_db, "7:0000", "b\ud800" + "x" * 9000)
    assert await batches.settle(ready_db, "7:0001", Counts(new=3), worker="w", took_ms=1)
    dead = await batches.dead_of(ready_db, source=SOURCE)
    assert [(b.id, b.items, len(b.error)) for b in dead] == [("7:0000", None, 1000)]
    assert not await batches.settle(ready_db, "7:0000", Counts(), worker="w", took_ms=1)
    assert await batches.revive(ready_db, "7:0000", 5)
    assert not await batches.revive(ready_db, "7:0000", 5)
    assert not await batches.revive(ready_db, "7:0001", 5)
    batch = await batches.load(ready_db, "7:0000")
    assert batch is not None
    assert (batch.state, batch.rung_at, batch.error) == ("pending", 5, "")
    assert batch.items is not None
    assert await batches.dead_of(ready_db, run_id=RUN) == []


async def test_totals_are_the_sum_of_the_rows(ready_db: Database):
    await added(ready_db, *(row(n, size=n + 1) for n in range(6)), row(0, run=8), row(0, run=70))
    await batches.settle(ready_db, "7:0000", Counts(1, 2, 3, 4), worker="w", took_ms=10)
    await batches.settle(ready_db, "7:0001", Counts(10, 20, 30, 40), worker="w", took_ms=20)
    await batches.kill(ready_db, "7:0002", "x")
    await batches.drop(ready_db, "7:0003")
    expected = batches.RunTotals(
        total=6,
        pending=2,
        done=2,
        dead=1,
        dropped=1,
        counts=Counts(11, 22, 33, 44),
        pending_listings=11,
        dead_listings=3,
        dropped_listings=4,
        took_ms=30,
    )
    assert await batches.totals(ready_db, RUN) == expected
    many = await batches.totals_many(ready_db, [RUN, 8, 9])
    assert many[RUN] == expected
    assert (many[8].pending, many[9]) == (1, batches.RunTotals())
    assert await batches.totals_many(ready_db, []) == {}
    assert await batches.drop_pending(ready_db, RUN) == (3, 15)
    assert await batches.drop_pending(ready_db, RUN) == (3, 15)
    assert not await batches.pending(ready_db, RUN)
    assert await batches.pending(ready_db, 8)


async def test_totals_read_no_rows(ready_db: Database):
    await added(ready_db, *(row(n) for n in range(20)))
    pipeline = [
        {"$match": {"run": {"$in": [RUN]}}},
        {"$group": {"_id": {"run": "$run", "state": "$state"}, "n": {"$sum": "$counts.new"}, "s": {"$sum": "$size"}}},
    ]
    command = {"aggregate": "import_batches", "pipeline": pipeline, "cursor": {}}
    told = await ready_db.command("explain", command, verbosity="executionStats")
    assert _examined(told) == 0


def _examined(told: Any) -> int:
    if isinstance(told, dict):
        own = told.get("totalDocsExamined")
        return own if isinstance(own, int) else max((_examined(v) for v in told.values()), default=0)
    return max((_examined(v) for v in told), default=0) if isinstance(told, list) else 0


async def test_seen_and_the_next_number_speak_of_this_run_only(ready_db: Database):
    assert await batches.next_number(ready_db, RUN) == 0
    assert await batches.seen(ready_db, RUN) == b""
    await added(ready_db, row(0), row(1), row(3, run=70), row(5, run=8))
    await batches.settle(ready_db, "7:0000", Counts(), worker="w", took_ms=1)
    assert await batches.next_number(ready_db, RUN) == 2
    assert sorted(_split(await batches.seen(ready_db, RUN))) == sorted([seen(0), seen(1)])
    await added(ready_db, row(9999), row(10000))
    assert await batches.next_number(ready_db, RUN) == 10001


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[i : i + 8] for i in range(0, len(hashes), 8)]


async def test_a_fence_stops_the_fetcher_that_sleeps(ready_db: Database):
    await added(ready_db, row(0))
    assert await batches.fence(ready_db, RUN, SOURCE) == "7:0001"
    with pytest.raises(batches.BatchExists):
        await batches.add(ready_db, row(1))
    totals = await batches.totals(ready_db, RUN)
    assert totals.total == 1
    assert await batches.next_number(ready_db, RUN) == 2


async def test_of_many_reconcilers_one_claims_a_silent_row(ready_db: Database):
    rows = [row(n, rung_at=1000 + n) for n in range(30)]
    await added(ready_db, *rows, row(40, rung_at=5000))
    await batches.kill(ready_db, "7:0029", "x")
    claims: list[list[Batch]] = []

    async def claim() -> None:
        claims.append(await batches.claim_silent(ready_db, 2000, 9000, 100))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(claim)
    claimed = [batch for claim in claims for batch in claim]
    assert sorted(batch.id for batch in claimed) == [f"7:{n:04d}" for n in range(29)]
    assert {(batch.items, batch.rung_at) for batch in claimed} == {(None, 9000)}
    await batches.set_rung(ready_db, ["7:0000", "7:0001", "7:0029"], 1)
    again = await batches.claim_silent(ready_db, 2000, 9001, 1)
    assert len(again) == 1
    assert await state(ready_db, "7:0029") == "dead"
