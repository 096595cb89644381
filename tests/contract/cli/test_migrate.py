"""`jobimport migrate` as an operator meets it after an upgrade; killed in the middle and started again."""

import subprocess
from typing import Any

import pytest

from tests.contract.cli.test_command import COMMAND, jobimport
from tests.contract.store.making import NOW, item, normalise, opened
from tests.plant import Plant, eventually
from workers.model import BatchTotals, Stats, Timing
from workers.store import jobs, migrations, runs
from workers.store.connect import Database

pytestmark = pytest.mark.anyio

COUNT = 4000
BODY = "Keep the platform healthy, and write down what you did. " * 30


async def old_database(db: Database) -> None:
    run = await opened(db, "board")
    await jobs.upsert(db, run, "board", [item(n, f"Engineer {n}") for n in range(COUNT)], normalise, NOW)
    await runs.finish(db, run, state="succeeded", stats=Stats(), batches=BatchTotals(), timing=Timing())
    older = {"$unset": {"quality": "", "copy_key": ""}, "$set": {"description": BODY}}
    await db.jobs.update_many({}, older)
    await db.schema_migrations.delete_many({})


async def made(db: Database) -> dict[str, tuple[Any, ...]]:
    return {row["_id"]: (row.get("quality"), row.get("copy_key")) async for row in db.jobs.find()}


async def test_killed_in_the_middle_and_started_again_it_comes_out_the_same(plant: Plant):
    await old_database(plant.db)
    killed = subprocess.Popen([*COMMAND, "migrate"], env=plant.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    async def in_the_middle() -> bool:
        row = (await migrations.recorded(plant.db)).get("quality")
        return row is not None and row.read >= 500

    await eventually(in_the_middle)
    killed.kill()
    killed.communicate()
    row = (await migrations.recorded(plant.db))["quality"]
    assert row.finished_at is None and 0 < row.read < COUNT
    looked = await jobimport(plant, "migrate", "--check", "--json")
    assert looked.code == 1
    assert {line["step"]: line["state"] for line in looked.lines} == {
        "indexes": "done",
        "daily": "done",
        "terms": "done",
        "quality": f"broken off at {row.read / COUNT:.0%}",
        "blocks": "to do",
        "copies": "to do",
    }
    done = await jobimport(plant, "migrate", "--json")
    assert done.code == 0
    assert [(line["step"], line["read"]) for line in done.lines] == [
        ("quality", COUNT),
        ("blocks", COUNT),
        ("copies", COUNT),
    ]
    resumed = await made(plant.db)
    assert all(quality and key for quality, key in resumed.values())
    for step in ("quality", "blocks"):
        again = (await jobimport(plant, "migrate", "--again", step, "--json")).object
        assert (again["read"], again["changed"]) == (COUNT, 0)
    assert await made(plant.db) == resumed


async def test_what_is_to_be_migrated_is_said_where_an_operator_looks(plant: Plant):
    await old_database(plant.db)
    doctor = (await jobimport(plant, "doctor", "--json")).lines
    assert [one["advice"] for one in doctor if "to migrate" in one["text"]] == ["jobimport migrate"]
    async with plant.workers() as crew:

        async def warned() -> bool:
            return "jobimport migrate" in crew.log.read_text()

        await eventually(warned)
    assert (await jobimport(plant, "migrate", "--check")).code == 1
    assert "quality" in (await jobimport(plant, "migrate")).out
    acts = (await jobimport(plant, "audit", "list", "--json")).lines
    steps = "daily, terms, quality, blocks, copies"
    assert [act["text"] for act in acts] == [f"brought the database up to date: {steps}"]
    done = await jobimport(plant, "migrate")
    assert (done.code, done.out) == (0, "") and "nothing to do" in done.err
    assert (await jobimport(plant, "migrate", "--check")).code == 0
    assert (await jobimport(plant, "migrate", "--again", "nonsense")).code == 2
