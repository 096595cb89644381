"""Who did what: written down by control, in one place, and read by run, source, user and time."""

from datetime import timedelta

import pytest
from pymongo.errors import PyMongoError

from tests.plant import Plant
from workers import control
from workers.store import audit
from workers.store.connect import Database
from workers.store.documents import utc_now
from workers.user import user

pytestmark = pytest.mark.anyio


async def test_what_is_asked_for_is_written_down_with_who_asked(plant: Plant):
    plant.source("board", "http://127.0.0.1:9/feed")
    run = await plant.request("board")
    await control.cancel(plant.db, plant.redis, run.id, "ann")
    await control.pause(plant.db, plant.redis, "source:board", "bob", "holiday")
    await control.pause(plant.db, plant.redis, "source:board", "bob", "again")  # paused already: nothing was done
    await control.resume(plant.db, plant.redis, "upsert", "bob")  # was not paused
    await control.resume(plant.db, plant.redis, "source:board", "ann")
    await control.order(plant.redis, "host:1", "quiet", "ann", db=plant.db)
    acts = await audit.newest(plant.db)
    assert [(act.user, act.source, act.run, act.text) for act in acts] == [
        ("ann", "", None, "quieted worker host:1"),
        ("ann", "board", None, "resumed source:board"),
        ("bob", "board", None, "paused source:board: holiday"),
        ("ann", "board", run.id, "cancelled the run"),
        ("test", "board", run.id, "asked for the import"),
    ]
    assert [act.user for act in await audit.newest(plant.db, run=run.id)] == ["ann", "test"]
    assert len(await audit.newest(plant.db, user="ann", source="board")) == 2
    second = (await audit.newest(plant.db, limit=2))[-1]
    assert len(await audit.newest(plant.db, before=second.id)) == 3
    assert await audit.newest(plant.db, since=utc_now() + timedelta(hours=1)) == []


async def test_a_schedule_is_no_operator(plant: Plant):
    source = plant.source("board", "http://127.0.0.1:9/feed")
    await control.request_import(plant.db, plant.redis, source, trigger="schedule", user="scheduler")
    assert await audit.newest(plant.db) == []


async def test_a_deed_that_cannot_be_written_down_is_done(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def refuse(*_: object) -> None:
        raise PyMongoError("no")

    plant.source("board", "http://127.0.0.1:9/feed")
    run = await plant.request("board")
    monkeypatch.setattr(audit, "add", refuse)
    cancelled = await control.cancel(plant.db, plant.redis, run.id, "ann")
    assert cancelled and cancelled.cancel_requested
    assert "not written down: ann cancelled the run" in caplog.text


async def test_an_edit_of_a_file_is_written_down(ready_db: Database):
    await audit.record(ready_db, "ann", "changed the source's file: url", source="board")
    [act] = await audit.newest(ready_db, source="board")
    assert (act.user, act.text, act.run) == ("ann", "changed the source's file: url", None)


def test_the_name_may_be_given(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOBIMPORT_USER", "ann")
    assert user() == "ann"
    monkeypatch.setenv("JOBIMPORT_USER", " ")
    assert user()
