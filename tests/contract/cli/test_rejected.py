"""Rejects as an operator meets them: looked at, exported, tried again after a change of the source's file."""

import csv
import io
from collections.abc import Iterator

import pytest

from tests.contract.cli.test_command import jobimport
from tests.feed_server import FeedServer, Reply
from tests.listings import Listing, listings, rss
from tests.plant import Plant

pytestmark = pytest.mark.anyio

FORMULA = Listing(901, title=None, guid='=HYPERLINK("http://bad.example")')


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        running.on("/feed.xml", Reply(rss([*listings(20), Listing(900, title=None), FORMULA])))
        yield running


async def test_rejects_are_shown_exported_and_tried_again(plant: Plant, server: FeedServer) -> None:
    plant.source("board", server.url("/feed.xml"))
    async with plant.workers():
        run = await plant.run("board")
        number = str(run.id)
        shown = await jobimport(plant, "runs", "show", number, "--rejects")
        assert shown.code == 0
        assert shown.out.splitlines()[1].split()[:4] == ["2", "2", "no_title", "title"]
        told = (await jobimport(plant, "runs", "show", number, "--rejects", "--json")).object
        assert [(group["reason"], group["count"], group["kept"]) for group in told["reasons"]] == [("no_title", 2, 2)]
        exported = await jobimport(plant, "runs", "export", number, "--rejects")
        assert exported.lines[0]["raw"]["company"] == ["Northwind Labs"]
        assert exported.lines[0]["item"][0] == "item"
        sheet = await jobimport(plant, "runs", "export", number, "--rejects", "--csv")
        rows = list(csv.DictReader(io.StringIO(sheet.out)))
        assert [row["reason"] for row in rows] == ["no_title"] * 2
        assert rows[1]["external_id"].startswith("'=HYPERLINK")
        plant.source("board", server.url("/feed.xml"), fields={"title": ["title", "job_listing:company"]})
        done = await jobimport(plant, "runs", "retry", number, "--rejects", "--wait", "--json")
        assert done.code == 0, done.err
        assert (done.object["state"], done.object["stats"]["new"]) == ("succeeded", 22)
        assert done.object["retried"] == {"tried": 2, "unkept": 0, "repeated": 0, "busy": 0}
        checked = await jobimport(plant, "runs", "verify", number)
        assert checked.code == 0, checked.out
    nothing = await jobimport(plant, "runs", "retry", number, "--rejects")
    assert (nothing.code, nothing.err) == (1, f"jobimport: run {number} has no rejects: nothing to try again\n")


async def test_a_retry_that_cannot_be_is_one_sentence(plant: Plant, server: FeedServer) -> None:
    plant.source("board", server.url("/feed.xml"))
    async with plant.workers():
        first = await plant.run("board")
        server.on("/feed.xml", Reply(rss(listings(5))))
        last = await plant.run("board")
    refused = await jobimport(plant, "runs", "retry", str(first.id), "--rejects")
    assert refused.code == 1
    assert refused.err == f"jobimport: run {last.id} has read board since: import again\n"
    for args in (("retry", "1"), ("export", "--rejects"), ("export", "1"), ("export", "--csv")):
        wrong = await jobimport(plant, "runs", *args)
        assert (wrong.code, wrong.out) == (2, "")
        assert wrong.err.count("\n") == 1
    (plant.folder / "sources" / "board.toml").unlink()
    gone = await jobimport(plant, "runs", "retry", str(first.id), "--rejects")
    assert gone.code == 2


async def test_what_a_run_held_back_is_approved(plant: Plant, server: FeedServer) -> None:
    server.on("/feed.xml", Reply(rss(listings(60))), Reply(rss(listings(5))))
    plant.source("board", server.url("/feed.xml"), kind="snapshot")
    async with plant.workers():
        await plant.run("board")
        held = str((await plant.run("board")).id)
        shown = await jobimport(plant, "runs", "show", held)
        assert f"`jobimport runs approve {held}` closes them" in shown.out
        done = await jobimport(plant, "runs", "approve", held, "--wait", "--json")
        assert (done.code, done.object["stats"]["closed"], done.object["held"]) == (0, 55, "")
        again = await jobimport(plant, "runs", "approve", held)
        assert again.code == 0
        assert "approved already by" in again.out
    none = await jobimport(plant, "runs", "approve", "1")
    assert (none.code, none.err.count("\n")) == (1, 1)
