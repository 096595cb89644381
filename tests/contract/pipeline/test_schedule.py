"""One run a slot, however many schedulers; a slot missed is made good once."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.plant import Plant, eventually
from workers.service.scheduler import DueSlots, delay_of
from workers.store import runs, source_state

pytestmark = pytest.mark.anyio


HOURLY, DAILY = "0 * * * *", "0 0 * * *"


async def test_two_schedulers_open_one_run_a_slot(plant: Plant) -> None:
    """Rows E11 and P17: one is killed, and one is started again within the slot."""
    names = [f"board-{n}" for n in range(6)]
    for name in names:
        plant.source(name, "http://127.0.0.1:9/feed", schedule=DAILY)

    async def all_taken() -> bool:
        states = await source_state.all(plant.db)
        return len(states) == len(names) and all(state.last_slot for state in states.values())

    with plant.scheduler() as killed, plant.scheduler():
        await eventually(all_taken)
        killed.kill()
    names.append("newcomer")
    plant.source("newcomer", "http://127.0.0.1:9/feed", schedule=DAILY)
    with plant.scheduler():
        await eventually(all_taken)
    opened = await runs.recent(plant.db, limit=50)
    assert sorted(run.source for run in opened) == names
    assert all(run.trigger == "schedule" and run.slot is not None for run in opened)
    assert "Traceback" not in (plant.folder / "scheduler.log").read_text()


async def test_of_the_slots_missed_the_newest_is_made_good_once(plant: Plant) -> None:
    """Rows E20 and P17: nothing ran for five days."""
    plant.source("board", "http://127.0.0.1:9/feed", schedule=DAILY)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    await source_state.note_slot(plant.db, "board", today - timedelta(days=5))

    async def taken() -> bool:
        state = await source_state.get(plant.db, "board")
        return state is not None and state.last_slot is not None and state.last_slot >= today

    with plant.scheduler(), plant.scheduler():
        await eventually(taken)
    [run] = await runs.recent(plant.db, limit=50)
    assert run.slot is not None
    assert run.slot >= today


async def test_only_the_newest_missed_slot_counts(plant: Plant) -> None:
    source = plant.source("board", "http://127.0.0.1:9/feed", schedule=HOURLY)
    offers = DueSlots(plant.db, plant.config)
    now = datetime(2026, 3, 3, 12, 30, tzinfo=UTC)
    assert offers.due(source, now - timedelta(hours=5), now) == datetime(2026, 3, 3, 12, tzinfo=UTC)
    assert offers.due(source, datetime(2026, 3, 3, 12, tzinfo=UTC), now) is None


def test_each_source_has_its_own_fixed_delay() -> None:
    from workers.model import Source

    delays = {delay_of(Source(name=f"s{n}", url="http://x.example/"), 60.0) for n in range(20)}
    assert len(delays) == 20
    assert all(timedelta(0) <= delay < timedelta(seconds=60) for delay in delays)
