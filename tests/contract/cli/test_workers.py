"""Quiet, resume, stop: what an operator wants of a worker is done, and nothing in hand is lost."""

import pytest

from tests.contract.cli.test_command import board, jobimport, server
from tests.plant import Plant, eventually
from workers.queue import registry
from workers.queue.depth import snapshot
from workers.store import runs

__all__ = ["board", "server"]  # fixtures

pytestmark = pytest.mark.anyio


async def states(plant: Plant) -> dict[str, str]:
    return {info.id.rpartition(":")[2]: info.state for info in await registry.workers(plant.redis)}


async def test_a_quiet_worker_takes_nothing_and_a_stopped_one_is_not_replaced(board: Plant) -> None:
    async with board.workers(2) as crew:

        async def beat(expected: dict[str, str]) -> bool:
            return await states(board) == expected

        await eventually(lambda: beat({"worker-0": "working", "worker-1": "working"}))
        names = {info.id.rpartition(":")[2]: info.id for info in await registry.workers(board.redis)}
        everyone = names["worker-0"].rpartition(":")[0]

        done = await jobimport(board, "workers", "quiet", everyone, "--json")
        assert [(told["order"], told["changed"]) for told in done.lines] == [("quiet", True)] * 2
        await eventually(lambda: beat({"worker-0": "quiet", "worker-1": "quiet"}))
        run = await board.request("board")
        waiting = {lane.lane: lane.waiting for lane in (await snapshot(board.redis)).lanes}
        assert waiting["fetch"] == 1
        again = await runs.get(board.db, run.id)
        assert again is not None and again.state == "queued"

        assert (await jobimport(board, "workers", "resume", names["worker-0"])).code == 0
        assert (await board.ended(run.id)).stats.new == 119

        assert "is to end" in (await jobimport(board, "workers", "stop", names["worker-1"])).out
        await eventually(lambda: beat({"worker-0": "working"}))
        assert (await board.run("board", force=True)).stats.total in (0, 120)
        assert list(await states(board)) == ["worker-0"]

        assert (await jobimport(board, "workers", "stop", names["worker-0"])).code == 0

        async def manager_ended() -> bool:
            return not crew.running

        await eventually(manager_ended)
        assert await states(board) == {}

    nobody = await jobimport(board, "workers", "stop", everyone)
    assert nobody.code == 2 and "the id of a worker" in nobody.err


async def test_an_order_that_is_repeated_says_so(board: Plant) -> None:
    said = registry.WorkerBeat(id="h:1:1:worker-0", host="h", pid=1, lanes=["upsert"], slots=4, busy=0)
    assert await registry.beat(board.redis, said) is None
    assert [(await jobimport(board, "workers", "quiet", "h:1", "--json")).object["changed"] for _ in "ab"] == [
        True,
        False,
    ]
    assert await registry.beat(board.redis, said) == "quiet"
    assert (await jobimport(board, "workers", "resume", said.id, "--json")).object["changed"]
    assert await registry.beat(board.redis, said) is None
