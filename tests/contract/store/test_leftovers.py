"""What runs leave behind: rejects, and the state of their source."""

from datetime import timedelta
from typing import Any

import anyio

from tests.contract.store.making import NOW, SOURCE
from workers.model import Batch, Reject
from workers.store import batches, pauses, rejects, source_state
from workers.store.connect import Database

FACTS: dict[str, Any] = {
    "unchanged": False,
    "etag": '"v1"',
    "last_modified": None,
    "body_hash": "ab",
    "dialect": "rss",
    "mapping_hash": b"m",
    "empty": False,
}


def reject(n: int, **facts: Any) -> Reject:
    plain = {"external_id": str(n), "position": n, "reason": "no title", "field": "title", "value": ""}
    return Reject(**{**plain, **facts})


async def kept(db: Database, run: int) -> list[tuple[str, str]]:
    return [(row.id, row.external_id) for row in await rejects.of_run(db, run, 100)]


async def test_of_several_attempts_at_a_batch_the_rejects_of_one_stay(ready_db: Database):
    await rejects.write(ready_db, "7:0001", "0.1", 7, SOURCE, [reject(n) for n in range(12)])
    await rejects.write(ready_db, "7:0002", "0.1", 7, SOURCE, [reject(50)])
    await rejects.write(ready_db, "70:0001", "0.1", 70, SOURCE, [reject(60)])
    for mark in ("0.2", "0.10", "1.1"):
        await rejects.write(ready_db, "7:0001", mark, 7, SOURCE, [reject(3), reject(4)])
    await rejects.keep_only(ready_db, "7:0001", "0.1", ["7:0001:0.2-0001"])
    expected = [*((f"7:0001:0.1-{n:04d}", str(n)) for n in range(12)), ("7:0001:0.2-0001", "4")]
    assert await kept(ready_db, 7) == [*expected, ("7:0002:0.1-0000", "50")]
    await rejects.forget(ready_db, "7:0001", "0.1")
    assert await kept(ready_db, 7) == [expected[-1], ("7:0002:0.1-0000", "50")]
    await rejects.keep_only(ready_db, "7:0001", "")
    assert await kept(ready_db, 7) == [("7:0002:0.1-0000", "50")]
    assert await rejects.count(ready_db, 70) == 1


async def test_what_belongs_to_no_settled_row_is_swept(ready_db: Database):
    rows = [
        Batch(id="7:0001", run=7, source=SOURCE, state="done", mark="0.2"),
        Batch(id="7:0002", run=7, source=SOURCE, state="done", mark=""),
        Batch(id="7:0003", run=7, source=SOURCE, state="done", mark="1.1", held=["7:0003:0.1-0001"]),
        Batch(id="7:0004", run=7, source=SOURCE, state="pending"),
        Batch(id="7:0005", run=7, source=SOURCE, state="done"),  # by an older version: leave it alone
    ]
    for row in rows:
        await batches.add(ready_db, row)
        for mark in ("0.1", "0.2", "1.1"):
            await rejects.write(ready_db, row.id, mark, 7, SOURCE, [reject(1), reject(2)])
    await rejects.sweep(ready_db, 7)
    left = [id for id, _ in await kept(ready_db, 7)]
    own = ["7:0001:0.2-0000", "7:0001:0.2-0001", "7:0003:0.1-0001", "7:0003:1.1-0000", "7:0003:1.1-0001"]
    assert left[:5] == own
    assert [id for id in left if not id.startswith(("7:0004", "7:0005"))] == own
    assert len(left) == 5 + 6 + 6
    assert rejects.is_of(rows[2], "7:0003:0.1-0001")
    assert not rejects.is_of(rows[2], "7:0003:0.1-0000")
    assert not rejects.is_of(rows[1], "7:0002:0.1-0000")
    assert rejects.is_of(rows[4], "7:0005:0000")


async def test_rejects_are_bounded_and_readable_text(ready_db: Database):
    raw = {"title": ["x" * 100_000, "\ud800"], "description": ["y" * 60_000] * 40}
    await rejects.write(ready_db, "7:0001", "0.1", 7, SOURCE, [reject(1, value="v" * 9999, raw=raw)])
    (row,) = await rejects.of_run(ready_db, 7, 10)
    assert (len(row.value), len(row.raw["title"][0]), row.raw["title"][1]) == (2000, 64 * 1024, "?")
    assert sum(len(text) for texts in row.raw.values() for text in texts) <= 1024 * 1024
    assert not await rejects.any_nameless(ready_db, 7)
    await rejects.write(ready_db, "7:0002", "0.1", 7, SOURCE, [reject(2, external_id="")])
    assert await rejects.any_nameless(ready_db, 7)
    assert not await rejects.any_nameless(ready_db, 70)


async def test_only_the_newest_complete_run_leaves_validators(ready_db: Database):
    assert await source_state.get(ready_db, SOURCE) is None
    assert await source_state.remember_complete(ready_db, SOURCE, 5, **FACTS)
    assert not await source_state.remember_complete(ready_db, SOURCE, 5, **FACTS)
    assert not await source_state.remember_complete(ready_db, SOURCE, 4, **{**FACTS, "etag": "old"})
    assert await source_state.remember_complete(ready_db, SOURCE, 6, **{**FACTS, "unchanged": True, "etag": None})
    state = await source_state.get(ready_db, SOURCE)
    assert state is not None
    assert (state.etag, state.body_hash, state.dialect, state.mapping_hash) == ('"v1"', "ab", "rss", b"m")
    assert (state.last_complete_run, state.last_run, state.consecutive_failures) == (6, 6, 0)


async def test_failures_and_empty_feeds_are_counted_once_a_run(ready_db: Database):
    for run in (1, 1, 2, 2, 1):
        await source_state.remember_failure(ready_db, SOURCE, run, NOW)
    state = await source_state.get(ready_db, SOURCE)
    assert state is not None
    assert state.consecutive_failures == 2
    for run in (3, 3, 4):
        await source_state.remember_complete(ready_db, SOURCE, run, **{**FACTS, "empty": True})
    state = await source_state.get(ready_db, SOURCE)
    assert state is not None
    assert (state.consecutive_failures, state.empty_streak) == (0, 2)
    await source_state.remember_complete(ready_db, SOURCE, 5, **FACTS)
    assert (await source_state.all(ready_db))[SOURCE].empty_streak == 0


async def test_a_source_is_not_fetched_again_within_its_interval(ready_db: Database):
    async with anyio.create_task_group() as tasks:
        for n in range(8):
            tasks.start_soon(source_state.note_fetch, ready_db, SOURCE, NOW - timedelta(seconds=n))
    soon = NOW + timedelta(seconds=30)
    assert await source_state.next_allowed(ready_db, SOURCE, min_interval=60, now=soon) == NOW + timedelta(seconds=60)
    late = NOW + timedelta(seconds=60)
    assert await source_state.next_allowed(ready_db, SOURCE, min_interval=60, now=late) is None
    assert await source_state.next_allowed(ready_db, SOURCE, min_interval=0, now=soon) is None
    assert await source_state.next_allowed(ready_db, "new", min_interval=60, now=soon) is None


async def test_slots_only_move_forward_and_pauses_have_a_name(ready_db: Database):
    await source_state.note_slot(ready_db, SOURCE, NOW)
    await source_state.note_slot(ready_db, SOURCE, NOW - timedelta(hours=1))
    state = await source_state.get(ready_db, SOURCE)
    assert state is not None
    assert state.last_slot == NOW


async def test_a_pause_is_kept_with_who_and_why(ready_db: Database):
    assert await pauses.add(ready_db, "source:board", "ann", "vendor outage")
    assert not await pauses.add(ready_db, "source:board", "bob")
    kept = (await pauses.all(ready_db))["source:board"]
    assert (kept.by, kept.reason) == ("ann", "vendor outage")
    assert await pauses.remove(ready_db, "source:board")
    assert not await pauses.remove(ready_db, "source:board")
