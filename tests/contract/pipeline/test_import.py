"""The main job, with a real worker process: what an import says is what happened."""

import pytest

from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors.fetcher import fetch
from workers.actors.upserter import upsert
from workers.control import cancel
from workers.model import Paging, Stats
from workers.store import batches, rejects, runs

pytestmark = pytest.mark.anyio


async def test_counts_tell_what_happened(plant: Plant) -> None:
    first = listings(120)
    second = [first[0].changed(title="Senior Engineer"), *first[1:110], *listings(5, start=500)]
    with FeedServer() as server:
        server.on("/feed", Reply(rss(first)), Reply(rss(first)), Reply(rss(second)))
        plant.source("board", server.url("/feed"), kind="snapshot")
        async with plant.workers():
            new = await plant.run("board")
            same = await plant.run("board")
            moved = await plant.run("board")
    assert (new.state, new.stats) == ("succeeded", Stats(total=120, new=120))
    assert (same.state, same.stats) == ("unchanged", Stats())
    assert (moved.state, moved.stats) == ("succeeded", Stats(total=115, new=5, updated=1, unchanged=109, closed=10))
    assert moved.batches.total == moved.batches.done == 3
    assert not moved.error_log
    assert await plant.db["jobs"].count_documents({"status": "open"}) == 115


async def test_a_bad_listing_is_a_reject_and_the_rest_is_imported(plant: Plant) -> None:
    good = listings(60)
    bad = [good[0].changed(title=None, guid="no-title"), good[1].changed(title=None, guid=None)]
    repeated = [good[5]]
    with FeedServer() as server:
        server.on("/feed", Reply(rss([*good, *bad, *repeated])))
        plant.source("board", server.url("/feed"))
        async with plant.workers():
            run = await plant.run("board")
    assert (run.state, run.stats) == ("partial", Stats(total=62, new=60, failed=2, duplicates=1))
    found = await rejects.of_run(plant.db, run.id, 10)
    assert sorted(reject.reason for reject in found) == ["no_identity", "no_title"]


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (Reply(b"<!doctype html><html><body>Sign in</body></html>", content_type="text/html"), "not_a_feed", "HTML"),
        (Reply(b""), "not_a_feed", "empty"),
        (Reply(status=404), "http_refused", "404"),
        (Reply(status=500), "http_unavailable", "500"),
        (Reply(b"<rss><channel><item></channel>"), "malformed_feed", ""),
    ],
    ids=["html", "empty", "404", "500", "malformed"],
)
async def test_a_bad_feed_fails_its_run_with_the_reason(plant: Plant, reply: Reply, code: str, words: str) -> None:
    with FeedServer() as server:
        server.on("/feed", reply)
        plant.source("board", server.url("/feed"))
        async with plant.workers():
            run = await plant.run("board")
    assert run.state == "failed"
    assert [entry.code for entry in run.error_log if entry.level != "info"] == [code]
    assert words in run.error_log[0].text
    assert "Traceback" not in run.error_log[0].text


async def test_a_truncated_feed_is_degraded_and_closes_nothing(plant: Plant) -> None:
    whole = listings(120)
    with FeedServer() as server:
        server.on("/feed", Reply(rss(whole)), Reply(rss(whole[:70], end=False)))
        plant.source("board", server.url("/feed"), kind="snapshot")
        async with plant.workers():
            await plant.run("board")
            run = await plant.run("board")
    assert (run.state, run.stats) == ("degraded", Stats(total=70, unchanged=70))
    assert run.degraded
    assert await plant.db["jobs"].count_documents({"status": "open"}) == 120


async def test_a_feed_of_pages_that_ends_early_is_degraded_and_closes_nothing(plant: Plant) -> None:
    pages = [Reply(rss(listings(40, start=1 + 40 * n))) for n in range(3)]
    empty = Reply(rss([]))
    with FeedServer() as server:
        server.on("/feed", *pages, empty, pages[0], Reply(status=404), *pages[:2], empty)
        plant.source("board", server.url("/feed"), kind="snapshot", paging=Paging(style="page", param="page"))
        async with plant.workers():
            whole, short, fewer = [await plant.run("board") for _ in range(3)]
    assert (whole.state, whole.stats) == ("succeeded", Stats(total=120, new=120))
    assert (short.state, short.stats) == ("degraded", Stats(total=40, unchanged=40))
    assert short.degraded.startswith("page 2: ")
    assert [entry.code for entry in short.error_log] == ["degraded"]
    assert (fewer.state, fewer.stats) == ("succeeded", Stats(total=80, unchanged=80, closed=40))
    assert whole.fetch is not None
    assert (whole.fetch.sha256, whole.fetch.etag, whole.fetch.pages) == (None, None, 4)


async def test_a_broken_feed_is_repaired_degraded_and_closes_nothing(plant: Plant) -> None:
    whole = listings(120)
    broken = rss(whole[:100]).replace(b"Engineer 60", b"Engineer & Co 60")
    with FeedServer() as server:
        server.on("/feed", Reply(rss(whole)), Reply(broken))
        plant.source("board", server.url("/feed"), kind="snapshot")
        async with plant.workers():
            await plant.run("board")
            run = await plant.run("board")
    assert (run.state, run.stats) == ("degraded", Stats(total=100, unchanged=99, updated=1))
    assert run.degraded.startswith("line 1, column ")
    assert run.degraded.endswith("; a second, repaired pass added 41 listings")
    assert await plant.db["jobs"].count_documents({"status": "open"}) == 120


async def test_a_second_trigger_answers_with_the_active_run(plant: Plant) -> None:
    plant.source("board", "http://127.0.0.1:9/feed")
    first = await plant.request("board")
    second = await plant.request("board")
    assert first.id == second.id


async def test_a_cancelled_run_drops_what_was_not_begun_and_closes_nothing(plant: Plant) -> None:
    """Its log says how much was dropped and by whom; what an earlier run has brought stays open."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(30))), Reply(rss(listings(200, start=100))))
        plant.source("board", server.url("/feed"), kind="snapshot")
        async with plant.workers():
            await plant.run("board")
        run = await plant.request("board")
        await fetch(plant.desk(), run.id, last_attempt=False)
        await upsert(plant.desk(), f"{run.id}:0002")
        await cancel(plant.db, plant.redis, run.id, "ana")
        async with plant.workers():
            ended = await plant.ended(run.id)
    assert (ended.state, ended.stats) == ("cancelled", Stats(total=200, new=50, dropped=150))
    assert [(entry.code, entry.text) for entry in ended.error_log] == [
        ("cancelled", "cancelled by ana: 3 batches with 150 listings dropped")
    ]
    assert await plant.db["jobs"].count_documents({"status": "open"}) == 80
    assert await plant.db["jobs"].count_documents({}) == 80


async def test_counts_agree_with_rows_and_stamps(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(75))))
        plant.source("board", server.url("/feed"))
        async with plant.workers(processes=2):
            run = await plant.run("board")
    sums = await batches.totals(plant.db, run.id)
    assert sums.counts.total == run.stats.total == 75
    assert await plant.db["jobs"].count_documents({"first_run": run.id}) == run.stats.new
    assert [r.id for r in await runs.recent(plant.db, limit=10)] == [run.id]
