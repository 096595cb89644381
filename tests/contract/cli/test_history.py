"""`runs stats`, `audit list`, and health, as a user meets them after two imports of a feed that has lost half."""

import pytest

from tests.contract.cli.test_command import jobimport
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.events.follow import latest

pytestmark = pytest.mark.anyio


async def test_what_two_imports_leave_for_the_commands_of_history(plant: Plant):
    with FeedServer() as server:
        server.on("/feed.xml", Reply(rss(listings(20))), Reply(rss(listings(10))))
        plant.source("board", server.url("/feed.xml"))
        async with plant.workers():
            for _ in range(2):
                done = await jobimport(plant, "import", "board", "--wait", JOBIMPORT_USER="ann")
                assert done.code == 0
    [day] = (await jobimport(plant, "runs", "stats", "--source", "board", "--days", "1", "--json")).lines
    assert (day["runs"], day["new"], day["feed_listings"], day["failure_rate"]) == (2, 20, 10, 0.0)
    [source] = (await jobimport(plant, "runs", "stats", "--by", "source", "--days", "1", "--json")).lines
    assert (source["source"], source["runs"]) == ("board", 2)
    for verb in ("runs stats", "runs list", "runs export", "runs upkeep", "audit list"):
        refused = await jobimport(plant, *verb.split(), "--source", "bord")
        assert (refused.code, "no source 'bord'" in refused.err) == (2, True)
    acts = (await jobimport(plant, "audit", "list", "--json")).lines
    assert [(act["user"], act["run"], act["text"]) for act in acts] == [
        ("ann", 2, "asked for the import"),
        ("ann", 1, "asked for the import"),
    ]
    assert "asked for the import" in (await jobimport(plant, "audit", "list", "--run", "2", "--since", "1h")).out
    shown = (await jobimport(plant, "runs", "show", "2", "--json")).object
    figures = {figure["name"]: (figure["now"], figure["before"]) for figure in shown["compared"]["figures"]}
    assert (figures["total"], shown["audit"][0]["user"]) == ((10, 20), "ann")
    assert "RUN 1" in (await jobimport(plant, "runs", "show", "2")).out
    [listed] = (await jobimport(plant, "sources", "list", "--json")).lines
    assert listed["health"]["state"] == "ok"
    assert listed["health"]["text"] == "10 listings, too few imports to know what is usual"
    assert (await jobimport(plant, "sources", "remove", "board", "--yes")).code == 0
    for verb in ("stats", "list"):
        assert (await jobimport(plant, "runs", verb, "--source", "board")).code == 0


async def test_who_changes_a_source_is_written_down_and_told(plant: Plant):
    plant.source("board", "http://127.0.0.1:1/feed.xml")
    for verb in ("disable", "disable", "enable"):
        assert (await jobimport(plant, "sources", verb, "board", JOBIMPORT_USER="ann")).code == 0
    acts = (await jobimport(plant, "audit", "list", "--json")).lines
    deeds = [("ann", "board", "enabled the source"), ("ann", "board", "disabled the source")]
    assert [(act["user"], act["source"], act["text"]) for act in acts] == deeds
    told = [event for _, event in await latest(plant.redis, 10)]
    assert [(event.kind, event.user, event.source, event.text) for event in told] == [
        ("action", *deed) for deed in reversed(deeds)
    ]
    plant.env["JOBIMPORT_REDIS_URL"] = "redis://127.0.0.1:1/0"
    away = await jobimport(plant, "sources", "disable", "board")
    assert away.code == 0 and "done, but not told to others" in away.err
    assert "enabled = false" in (plant.folder / "sources" / "board.toml").read_text()
