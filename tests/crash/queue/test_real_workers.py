"""`jobimport worker` itself is killed. The rows are those of the queue evidence (docs/proofs.md)."""

import pytest

from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant, Workers, are_gone, eventually
from workers.model import Stats
from workers.queue import registry

pytestmark = [pytest.mark.anyio, pytest.mark.crash, pytest.mark.timeout(300)]


async def names(plant: Plant) -> dict[str, int]:
    """Who is at work: pid by name."""
    return {info.id: info.pid for info in await registry.workers(plant.redis)}


async def at_work(plant: Plant, *crews: Workers) -> dict[str, int] | None:
    """All of the crews' children, once each has told the registry of itself."""
    found = await names(plant)
    children = {pid for crew in crews for pid in crew.children()}
    return found if len(children) == 2 * len(crews) and set(found.values()) >= children else None


async def test_names_are_kept_over_respawns_and_shared_by_nobody(plant: Plant) -> None:
    """Rows P19, P20 and E12b: a shared name ran work twice; a new one for each life leaves the old ones about."""
    async with plant.workers(processes=2) as one, plant.workers(processes=2) as two:
        before = await eventually(lambda: at_work(plant, one, two))
        assert len(before) == 4
        killed = one.kill_child()

        async def respawned() -> dict[str, int] | None:
            now = await at_work(plant, one, two)
            return now if now and killed not in now.values() else None

        after = await eventually(respawned)
    assert set(after) == set(before)
    assert sum(after[name] != before[name] for name in before) == 1


async def test_a_killed_manager_takes_its_children_along(plant: Plant) -> None:
    """Row E4 and P10: orphans would go on consuming, unseen. The work goes to those who live."""
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(600))))
        plant.source("board", server.url("/feed"))
        async with plant.workers(processes=2) as one, plant.workers(processes=2) as two:
            await eventually(lambda: at_work(plant, one, two))
            orphans = one.children()
            run = await plant.request("board")
            one.kill()
            await eventually(lambda: are_gone(orphans), limit=4)
            ended = await plant.ended(run.id)
            assert len(two.children()) == 2
    assert (ended.state, ended.stats) == ("succeeded", Stats(total=600, new=600))
