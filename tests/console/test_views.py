"""Each screen as a picture, cell by cell: `pytest tests/console/test_views.py --snapshot-update` after a look at it."""

from typing import Any

import anyio
import pytest
from textual.pilot import Pilot

from tests.console.views import DETAILS, EVERYWHERE, SECTIONS, SIZES, STATES, View

SMALL, LARGE = SIZES


async def settled(pilot: Pilot[int]) -> None:
    await pilot.pause()
    if asking := [worker for worker in pilot.app.workers if worker.group != "gateway"]:
        with anyio.fail_after(20):
            await pilot.app.workers.wait_for_complete(asking)
    await pilot.pause()


@pytest.mark.parametrize("view", SECTIONS, ids=lambda view: view.name)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_section(snap_compare: Any, view: View, size: tuple[int, int]) -> None:
    assert snap_compare(view.app(), press=view.keys, run_before=settled, terminal_size=size)


@pytest.mark.parametrize("view", (*DETAILS, *STATES, *EVERYWHERE), ids=lambda view: view.name)
def test_detail_and_state(snap_compare: Any, view: View) -> None:
    assert snap_compare(view.app(), press=view.keys, run_before=settled, terminal_size=SMALL)


def test_down_with_room(snap_compare: Any) -> None:
    assert snap_compare(STATES[0].app(), run_before=settled, terminal_size=LARGE)
