"""What the console does to source files, and the days that it charts, on real servers and a real feed."""

import msgspec
import pytest

from jobimport_tui.gateway.live import LiveGateway
from jobimport_tui.gateway.protocol import Refused
from tests.console.test_live import both_up, watching
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors.closer import close
from workers.actors.fetcher import fetch
from workers.actors.upserter import upsert
from workers.events.follow import latest
from workers.sources import load_one
from workers.store import audit

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("servers")]


async def imported(plant: Plant) -> int:
    run = await plant.request("board")
    await fetch(plant.desk(), run.id, last_attempt=False)
    for row in [row["_id"] async for row in plant.db["import_batches"].find({"run": run.id}, {"_id": 1})]:
        await upsert(plant.desk(), row)
    await close(plant.desk(), run.id)
    return run.id


async def test_a_feed_becomes_a_source_that_is_tested_changed_imported_and_charted(plant: Plant) -> None:
    with FeedServer() as server:
        url = server.on("/feed.xml", Reply(rss(listings(20))))
        async with watching(plant.config) as watch:
            gateway: LiveGateway = watch.gateway
            await watch.until(both_up)
            look = await gateway.look(url)
            assert look.listings == 20 and len(look.rows) == 10 and look.draft is not None
            draft = msgspec.structs.replace(look.draft, name="board", kind="snapshot", schedule="never")
            assert "board.toml written; imported when you ask for it" in await gateway.create_source(draft)
            with pytest.raises(Refused, match="a name that is free"):
                await gateway.create_source(draft)
            assert load_one(plant.folder / "sources", "board").url == url
            assert "has this address already" in (await gateway.look(url)).wrong[0]

            with pytest.raises(Refused, match="one of"):
                await gateway.check_key("board", "kind", "whole")
            await gateway.check_key("board", "min_interval", "1s")
            assert (
                await gateway.set_key("board", "company", "Acme") == "board: company is Acme; the next run reads it so"
            )
            keys = {key: value for key, value, _ in (await gateway.source_file("board")).keys}
            assert (keys["company"], keys["schedule"], keys["enabled"]) == ("Acme", "never", "true")

            run = await imported(plant)
            again = await gateway.test_source("board")
            assert (again.compared_with, again.draft) == (run, None)
            days = await gateway.days("board")
            assert len(days.days) == 28 and (days.days[-1].runs, days.days[-1].new) == (1, 20)
            everything = await gateway.days("")
            assert (everything.days[-1].new, everything.days[0].runs) == (20, 0)
            assert days.hour is not None and sum(minute.new for minute in days.hour.minutes) <= 20
            with pytest.raises(Refused, match="nothing to approve"):
                await gateway.approve(run)
            deeds = ["edited the source's file: company", "added the source"]
            assert [act.text for act in await audit.newest(plant.db, source="board")][-2:] == deeds
            told = [event.text for _, event in await latest(plant.redis, 50) if event.kind == "action"]
            assert [text for text in told if text in deeds] == deeds[::-1]
