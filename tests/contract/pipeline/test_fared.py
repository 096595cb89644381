"""What a source's runs leave behind for the next: where it has moved to, and how long it is left alone."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.cli.test_command import jobimport
from tests.contract.pipeline.test_adversary import fetched, finish
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors.aftermath import look_for_late
from workers.actors.desk import utcnow
from workers.actors.fetcher import moved_to
from workers.model import Source
from workers.service.scheduler import DueSlots
from workers.store import source_state
from workers.store.source_state import SourceState

pytestmark = pytest.mark.anyio


async def known(plant: Plant) -> SourceState:
    state = await source_state.get(plant.db, "board")
    assert state is not None
    return state


async def test_a_feed_that_moved_for_good_is_asked_for_at_its_new_address(plant: Plant) -> None:
    with FeedServer() as server:
        new = server.on("/new", Reply(rss(listings(5)), etag='"v1"'))
        server.on("/old", Reply.redirect("/new", 301))
        plant.source("board", server.url("/old"))
        await finish(plant, (await fetched(plant)).id)
        assert (await known(plant)).permanent_url == new
        again = await finish(plant, (await fetched(plant)).id)
        assert again.state == "unchanged"
        assert (len(server.seen("/old")), len(server.seen("/new"))) == (1, 2)
        told = await jobimport(plant, "sources", "show", "board", "--json")
        assert told.object["permanent_url"] == new
        doctor = await jobimport(plant, "doctor", "--json")
        assert f"board has moved for good to {new}" in [check["text"] for check in doctor.lines]
        # It fails there: the next run asks at the address in the file.
        server.on("/new", Reply(status=404), Reply(rss(listings(5))))
        async with plant.workers():
            assert (await plant.run("board", limit=90)).state == "failed"
        assert (await known(plant)).permanent_url is None
        await finish(plant, (await fetched(plant)).id)
        assert len(server.seen("/old")) == 2
        # The file is corrected: nothing is remembered any more.
        plant.source("board", new)
        await finish(plant, (await fetched(plant)).id)
        assert (await known(plant)).permanent_url is None


def test_no_secret_goes_to_another_address_by_way_of_what_is_remembered() -> None:
    state = SourceState(source="board", permanent_url="https://new.example/feed", moved_from="https://old.example/feed")
    plain = Source(name="board", url="https://old.example/feed")
    assert moved_to(plain, state) == "https://new.example/feed"
    assert moved_to(plain, None) is None
    for url, more in (
        ("https://old.example/other", {}),
        ("https://old.example/feed", {"headers": {"Authorization": "env:TOKEN"}}),
        ("https://old.example/feed", {"query": {"key": "env:KEY"}}),
        ("https://old.example/feed", {"basic": {"user": "me", "password": "env:PASSWORD"}}),
        ("https://user:pass@old.example/feed", {}),
    ):
        assert moved_to(Source(name="board", url=url, **more), state) is None
    masked = SourceState(source="board", permanent_url="https://new.example/?key=***", moved_from=state.moved_from)
    assert moved_to(plain, masked) is None


def test_each_failure_doubles_how_long_a_source_is_left_alone() -> None:
    at = datetime(2026, 3, 3, 12, tzinfo=UTC)
    pauses = [
        SourceState(source="s", consecutive_failures=n, last_failure_at=at).open_until(3, 3600)
        for n in (2, 3, 4, 5, 99)
    ]
    minutes = [None if until is None else (until - at) / timedelta(minutes=1) for until in pauses]
    assert minutes == [None, 15, 30, 60, 60]


async def test_the_schedule_leaves_a_failing_source_alone_and_an_operator_does_not(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(3))))
        plant.source("board", server.url("/feed"))
        file = plant.folder / "sources" / "board.toml"
        file.write_text(file.read_text().replace('schedule = ""', 'schedule = "* * * * *"'))
        env = {**plant.env, "JOBIMPORT_IMPORT_SCHEDULE_JITTER": "0s"}
        plant.env = env
        offers = DueSlots(plant.db, plant.config)
        assert len(await offers.get_schedules()) == 1
        for run_id in range(101, 107):
            await source_state.remember_failure(plant.db, "board", run_id, utcnow())
        assert await offers.get_schedules() == []
        listed = await jobimport(plant, "sources", "list", "--json")
        assert listed.object["consecutive_failures"] == 6
        assert listed.object["left_alone_until"] is not None
        await look_for_late(plant.desk())
        doctor = await jobimport(plant, "doctor")
        assert "suspended: 6 runs in a row failed: the schedule leaves it alone until" in doctor.out
        await plant.db["counters"].update_one({"_id": "run"}, {"$set": {"n": 200}}, upsert=True)
        await finish(plant, (await fetched(plant)).id)
        assert (await known(plant)).consecutive_failures == 0
        await look_for_late(plant.desk())
        health = (await known(plant)).health
        assert health is not None
        assert health.state != "suspended"
        assert len(await offers.get_schedules()) == 1
