"""Promise 2: a batch written twice, ten times or twice at once gives the same listings and the same counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import msgspec
import pytest

from tests.contract.store.making import NOW, SOURCE, item, never, normalise
from workers.model import Counts, RawItem
from workers.store import jobs, writing
from workers.store.connect import Database


async def upsert(db: Database, run: int, items: list[RawItem], by: jobs.Normalise = normalise) -> Counts:
    result = await jobs.upsert(db, run, SOURCE, items, by, NOW + timedelta(hours=run))
    assert result.counts.total == len(items)
    assert result.counts.failed == len(result.rejects)
    return result.counts


async def stored(db: Database, id: str | int) -> dict[str, Any]:
    row = await jobs.get(db, jobs.job_id(SOURCE, str(id)))
    assert row is not None
    return row


async def test_a_first_import_is_new_and_stays_new_however_often_it_is_delivered(ready_db: Database):
    feed = [item(n) for n in range(30)] + [item("bad", "")]
    assert await upsert(ready_db, 1, feed) == Counts(new=30, failed=1)
    before = await ready_db.jobs.find().to_list()
    for _ in range(3):
        assert await upsert(ready_db, 1, feed, by=normalise) == Counts(new=30, failed=1)
    assert await ready_db.jobs.find().to_list() == before


async def test_two_workers_at_once_on_one_batch_count_the_same(ready_db: Database):
    await upsert(ready_db, 1, [item(n) for n in range(200)])
    feed = [item(n, "Engineer II" if n < 50 else "Engineer") for n in range(300)]
    results: list[Counts] = []

    async def work() -> None:
        results.append(await upsert(ready_db, 2, feed))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(work)
    assert results == [Counts(new=100, updated=50, unchanged=150)] * 4
    assert await jobs.recount(ready_db, 2, SOURCE) == Counts(new=100, updated=50)


async def test_an_unchanged_feed_is_neither_normalised_nor_written(ready_db: Database):
    feed = [item(n) for n in range(10)]
    await upsert(ready_db, 1, feed)
    result = await jobs.upsert(ready_db, 2, SOURCE, feed, never, NOW)
    assert (result.counts, result.normalised, result.written) == (Counts(unchanged=10), 0, 0)


async def test_a_change_is_written_by_its_run_and_keeps_what_is_the_stores(ready_db: Database):
    await upsert(ready_db, 1, [item(1, posted_at="2026-10-01T00:00:00+00:00")])
    assert await upsert(ready_db, 2, [item(1, "Chief engineer")]) == Counts(updated=1)
    assert await upsert(ready_db, 2, [item(1, "Chief engineer")], by=never) == Counts(updated=1)
    row = await stored(ready_db, 1)
    assert (row["title"], row["first_run"], row["changed_run"], row["status"]) == ("Chief engineer", 1, 2, "open")
    assert (row["posted_at"], row["posted_at_known"]) == (datetime(2026, 10, 1, tzinfo=UTC), True)
    assert row["metadata"]["first_seen"] == NOW + timedelta(hours=1)
    assert row["metadata"]["last_updated"] == NOW + timedelta(hours=2)
    assert row["metadata"]["source_url"] == "https://board.example/feed"


async def test_first_seen_stands_in_for_a_date_of_posting_until_the_feed_gives_one(ready_db: Database):
    await upsert(ready_db, 1, [item(1)])
    row = await stored(ready_db, 1)
    assert (row["posted_at"], row["posted_at_known"]) == (row["metadata"]["first_seen"], False)
    await upsert(ready_db, 2, [item(1, "Other", posted_at="2026-10-01T00:00:00+00:00")])
    row = await stored(ready_db, 1)
    assert (row["posted_at"], row["posted_at_known"]) == (datetime(2026, 10, 1, tzinfo=UTC), True)


async def test_other_strings_with_the_same_content_move_only_the_raw_hash(ready_db: Database):
    await upsert(ready_db, 1, [item(1)])
    before = await stored(ready_db, 1)
    noisy = item(1, noise="tracking=2")
    assert await upsert(ready_db, 2, [noisy]) == Counts(unchanged=1)
    assert await stored(ready_db, 1) == {**before, "raw_hash": noisy.raw_hash}
    assert await upsert(ready_db, 2, [noisy], by=never) == Counts(unchanged=1)


async def test_a_new_hash_version_rewrites_without_a_word(ready_db: Database):
    await upsert(ready_db, 1, [item(1)])
    before = await stored(ready_db, 1)
    moved = item(1, "Engineer, cleaned better", version="2")
    assert await upsert(ready_db, 2, [moved]) == Counts(unchanged=1)
    row = await stored(ready_db, 1)
    assert (row["title"], row["hash_version"], row["changed_run"]) == ("Engineer, cleaned better", 2, 1)
    assert row["metadata"] == before["metadata"]
    assert await upsert(ready_db, 2, [moved], by=never) == Counts(unchanged=1)


@pytest.mark.parametrize("back", [item(1), item(1, noise="x"), item(1, "Other"), item(1, version="2")])
async def test_a_closed_listing_that_returns_is_opened_and_counts_as_updated(ready_db: Database, back: RawItem):
    await upsert(ready_db, 1, [item(1)])
    await jobs.close_missing(ready_db, SOURCE, b"", 2, NOW, guard_share=0.5, guard_min=20)
    assert (await stored(ready_db, 1))["status"] == "closed"
    for _ in range(2):
        assert await upsert(ready_db, 3, [back]) == Counts(updated=1)
    row = await stored(ready_db, 1)
    assert (row["status"], row["closed_run"], row["changed_run"], row["metadata"]["closed_at"]) == (
        "open",
        None,
        3,
        None,
    )


async def test_a_closed_listing_that_returns_unchanged_is_not_normalised(ready_db: Database):
    await upsert(ready_db, 1, [item(1)])
    await jobs.close_missing(ready_db, SOURCE, b"", 2, NOW, guard_share=0.5, guard_min=20)
    assert await upsert(ready_db, 3, [item(1)], by=never) == Counts(updated=1)


async def test_a_worker_that_wakes_after_the_next_run_changes_nothing(ready_db: Database):
    await upsert(ready_db, 1, [item(n) for n in range(4)])
    old = [item(0, "Old"), item(1), item(2, "Old"), item(3, ""), item(9, "Old")]
    await upsert(ready_db, 3, [item(0, "Newer"), item(1, "Newer"), item(9, "Newer")])
    await jobs.close_missing(ready_db, SOURCE, b"", 3, NOW, guard_share=1, guard_min=20)  # 2 and 3
    before = await ready_db.jobs.find().to_list()
    assert (await upsert(ready_db, 2, old)).total == 5
    assert await ready_db.jobs.find().to_list() == before


@pytest.mark.parametrize("write", ["insert", "change"])
async def test_a_worker_that_was_frozen_between_read_and_write_changes_nothing(
    ready_db: Database, monkeypatch: pytest.MonkeyPatch, write: str
):
    await upsert(ready_db, 1, [item(1), item(2), item(3)])
    real = getattr(writing, write)

    async def late(*args: Any) -> writing.Written:
        monkeypatch.setattr(writing, write, real)
        await upsert(ready_db, 3, [item(1, "Newest"), item(4, "Newest")])
        await jobs.close_missing(ready_db, SOURCE, b"", 3, NOW, guard_share=1, guard_min=20)
        return await real(*args)

    monkeypatch.setattr(writing, write, late)
    feed = [item(1, "Old"), item(2, "Old"), item(3, noise="old"), item(4, "Old")]
    inserted = write == "change"  # number 4, before the worker was frozen
    assert await upsert(ready_db, 2, feed) == Counts(new=int(inserted), unchanged=4 - inserted)
    rows = {row["external_id"]: row async for row in ready_db.jobs.find()}
    assert [(rows[id]["title"], rows[id]["status"]) for id in "1234"] == [
        ("Newest", "open"),
        ("Engineer", "closed"),
        ("Engineer", "closed"),
        ("Newest", "open"),
    ]


async def test_a_listing_that_went_and_came_back_meanwhile_is_the_later_runs(
    ready_db: Database, monkeypatch: pytest.MonkeyPatch
):
    await upsert(ready_db, 1, [item(1)])
    real = writing.change

    async def late(*args: Any) -> writing.Written:
        monkeypatch.setattr(writing, "change", real)
        await jobs.close_missing(ready_db, SOURCE, b"", 3, NOW, guard_share=1, guard_min=20)
        await upsert(ready_db, 4, [item(1)])
        return await real(*args)

    monkeypatch.setattr(writing, "change", late)
    assert await upsert(ready_db, 2, [item(1, "Old")]) == Counts(unchanged=1)
    row = await stored(ready_db, 1)
    assert (row["title"], row["changed_run"]) == ("Engineer", 4)


async def test_a_duplicate_key_is_read_and_judged_again(ready_db: Database, monkeypatch: pytest.MonkeyPatch):
    real = writing.insert

    async def raced(db: Database, documents: list[dict[str, Any]]) -> writing.Written:
        monkeypatch.setattr(writing, "insert", real)
        await real(db, documents[:5])
        return await real(db, documents)

    monkeypatch.setattr(writing, "insert", raced)
    assert await upsert(ready_db, 1, [item(n) for n in range(20)]) == Counts(new=20)
    assert await ready_db.jobs.count_documents({}) == 20


async def test_an_endless_fight_is_given_up_and_may_be_tried_again(ready_db: Database, monkeypatch: pytest.MonkeyPatch):
    async def lose(db: Database, documents: list[dict[str, Any]]) -> writing.Written:
        return writing.Written([document["_id"] for document in documents])

    with monkeypatch.context() as patch:
        patch.setattr(writing, "insert", lose)
        with pytest.raises(jobs.Contended, match="2 listings of board changed under each of 6"):
            await upsert(ready_db, 1, [item(1), item(2)])
    assert await upsert(ready_db, 1, [item(1), item(2)]) == Counts(new=2)


async def test_of_repeats_in_a_batch_the_first_wins_and_the_sum_still_holds(ready_db: Database):
    feed = [item(1, "First"), item(1, "Second"), item(1, ""), item(2)]
    for _ in range(2):
        assert await upsert(ready_db, 1, feed) == Counts(new=2, unchanged=2)
    assert (await stored(ready_db, 1))["title"] == "First"
    assert await upsert(ready_db, 1, [item(1, "In another batch")]) == Counts(unchanged=1)
    assert (await stored(ready_db, 1))["title"] == "First"


async def test_items_without_identity_are_rejects(ready_db: Database):
    result = await jobs.upsert(
        ready_db, 1, SOURCE, [item("", "A", position=7), item("", "B", position=8)], normalise, NOW
    )
    assert result.counts == Counts(failed=2)
    assert [(r.position, r.field, r.reason) for r in result.rejects] == [
        (7, "id", "no usable identity"),
        (8, "id", "no usable identity"),
    ]


async def test_identity_is_the_fetchers_whatever_the_normaliser_says(ready_db: Database):
    def wayward(raw: RawItem) -> Any:
        return msgspec.structs.replace(normalise(raw), source="other", external_id="other")

    await upsert(ready_db, 1, [item(1)], by=wayward)
    row = await stored(ready_db, 1)
    assert (row["_id"], row["source"], row["external_id"]) == ("board:1", SOURCE, "1")


async def test_what_mongodb_cannot_hold_is_a_reject_and_the_rest_goes_in(ready_db: Database):
    def odd(raw: RawItem) -> Any:
        job = normalise(raw)
        kind = raw.fields.get("odd", [""])[0]
        if kind == "surrogate":
            return msgspec.structs.replace(job, description="a\ud800b")
        if kind == "huge":
            return msgspec.structs.replace(job, description="x" * (17 * 2**20))
        return msgspec.structs.replace(job, title="") if kind == "untitled" else job

    feed = [item(1), item(2, odd="surrogate"), item(3, odd="huge"), item(4, odd="untitled"), item(5)]
    result = await jobs.upsert(ready_db, 1, SOURCE, feed, odd, NOW)
    assert result.counts == Counts(new=2, failed=3)
    assert [r.external_id for r in result.rejects] == ["2", "3", "4"]
    assert "refuses title" in result.rejects[2].reason
    await upsert(ready_db, 2, [item(n) for n in range(1, 5)])
    again = [item(2, "T", odd="surrogate"), item(4, "T", odd="untitled"), item(3, "T"), item(1, "T", odd="huge")]
    result = await jobs.upsert(ready_db, 3, SOURCE, again, odd, NOW)
    assert result.counts == Counts(updated=1, failed=3)


async def test_other_trouble_is_raised_in_few_words(ready_db: Database):
    await ready_db.jobs.create_index({"title": "2dsphere"})  # refuses every title, with a code of its own
    with pytest.raises(writing.WriteTrouble) as caught:
        await upsert(ready_db, 1, [item(n, "x" * 1000) for n in range(500)])
    assert str(caught.value).startswith(
        "500 writes failed with code 16755: board:0, board:1, board:2, board:3, board:4"
    )
    assert len(str(caught.value)) < 200
    assert caught.value.__cause__ is None


async def test_ids(ready_db: Database):
    long, forged = "x" * 500, "#" + "0" * 32
    assert jobs.job_id("board", "a:b c") == "board:a:b c"
    assert jobs.job_id("board", "é" * 100) == "board:" + "é" * 100
    keys = {jobs.job_id("board", id) for id in (long, forged, "é" * 101)}
    assert len(keys) == 3
    assert all(key.startswith("board:#") and len(key) == 39 for key in keys)
    assert await upsert(ready_db, 1, [item(long), item(forged)]) == Counts(new=2)
    assert (await stored(ready_db, long))["external_id"] == long
