"""One run a slot, however many schedulers; a slot missed is made good once."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.plant import Plant, eventually
from workers.service.scheduler import DueSlots, delay_of
from workers.store import runs, source_state

pytestmark = pytest.mark.anyio


async def test_two_schedulers_open_one_run_a_slot(plant: Plant) -> None:
    names = [f"board-{n}" for n in range(6)]
    for name in names:
        source = plant.source(name, "http://127.0.0.1:9/feed")
        file = plant.folder / "sources" / f"{source.name}.toml"
        file.write_text(file.read_text().replace('schedule = ""', 'schedule = "0 * * * *"'))
    env = {**plant.env, "JOBIMPORT_IMPORT_SCHEDULE_JITTER": "0s"}
    command = [sys.executable, "-m", "workers.service.scheduler"]
    log = (plant.folder / "scheduler.log").open("wb")
    schedulers = [subprocess.Popen(command, env=env, stdout=log, stderr=log) for _ in range(2)]
    try:

        async def all_taken() -> bool:
            return len(await source_state.all(plant.db)) == len(names) and all(
                state.last_slot for state in (await source_state.all(plant.db)).values()
            )

        await eventually(all_taken)
        schedulers[0].kill()
    finally:
        for process in schedulers:
            process.terminate()
            process.wait(10)
        log.close()
    opened = await runs.recent(plant.db, limit=50)
    assert sorted(run.source for run in opened) == names
    assert all(run.trigger == "schedule" and run.slot is not None for run in opened)
    assert "Traceback" not in (plant.folder / "scheduler.log").read_text()


async def test_only_the_newest_missed_slot_counts(plant: Plant) -> None:
    source = plant.source("board", "http://127.0.0.1:9/feed")
    file = plant.folder / "sources" / "board.toml"
    file.write_text(file.read_text().replace('schedule = ""', 'schedule = "0 * * * *"'))
    offers = DueSlots(plant.db, plant.config)
    now = datetime(2026, 3, 3, 12, 30, tzinfo=UTC)
    hourly = plant.config
    from workers.sources import load_one

    source = load_one(hourly.sources, "board")
    assert offers.due(source, now - timedelta(hours=5), now) == datetime(2026, 3, 3, 12, tzinfo=UTC)
    assert offers.due(source, datetime(2026, 3, 3, 12, tzinfo=UTC), now) is None


def test_each_source_has_its_own_fixed_delay() -> None:
    from workers.model import Source

    delays = {delay_of(Source(name=f"s{n}", url="http://x.example/"), 60.0) for n in range(20)}
    assert len(delays) == 20
    assert all(timedelta(0) <= delay < timedelta(seconds=60) for delay in delays)
