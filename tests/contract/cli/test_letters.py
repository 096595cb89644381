"""`failed requeue --all`: each letter gets its answer, those that rule 6 refuses with the reason."""

import pytest

from tests.contract.cli.test_command import jobimport
from tests.contract.pipeline.test_adversary import fetched, finish, letter
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant

pytestmark = pytest.mark.anyio


async def test_every_letter_is_answered_and_only_what_was_not_read_since_goes_back(plant: Plant) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(60))), Reply(rss(listings(61))))
        plant.source("board", server.url("/feed"))
        plant.source("other", server.url("/feed"))
        old = await fetched(plant)
        await letter(plant, "upsert", old, f"{old.id}:0000")
        await finish(plant, old.id)
        await finish(plant, (last := await fetched(plant)).id)
        fresh = await fetched(plant, "other")
        await letter(plant, "upsert", fresh, f"{fresh.id}:0001")
        await finish(plant, fresh.id)
        done = await jobimport(plant, "failed", "requeue", "--all", "--json")
        assert done.code == 1
        refused, requeued = done.lines
        assert (refused["requeued"], refused["run_id"]) == (False, None)
        assert refused["message"].endswith(f"not requeued: run {last.id} has read board since: import again")
        assert (requeued["requeued"], requeued["run_id"]) == (True, fresh.id)
        assert (await finish(plant, fresh.id)).stats.new == 61
        left = (await jobimport(plant, "failed", "list", "--json")).lines
        assert [each["batch"] for each in left] == [f"{old.id}:0000"]
        assert (await jobimport(plant, "failed", "discard", "--source", "other")).out == ""
        assert (await jobimport(plant, "failed", "discard", "--source", "board")).out.endswith("discarded\n")
        assert (await jobimport(plant, "failed", "list", "--json")).lines == []
