"""`jobimport metrics`, read back by Prometheus's own parser: numbers of both servers, or none; never a zero instead."""

import subprocess
import sys
import urllib.request

import anyio
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.contract.cli.test_command import COMMAND, jobimport
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.service.embedded import RedisServer

pytestmark = pytest.mark.anyio

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"jobimport_{name}", frozenset(labels.items())))


@pytest.fixture
async def imported(plant: Plant) -> Plant:
    """One import of 20 listings, one of 15 of them; another source that never ran."""
    with FeedServer() as server:
        server.on("/feed.xml", Reply(rss(listings(20))), Reply(rss(listings(15))))
        plant.source("board", server.url("/feed.xml"), kind="snapshot")
        plant.source("idle", server.url("/feed.xml"), enabled=False)
        async with plant.workers():
            await plant.run("board")
            await plant.run("board")
    return plant


async def test_what_two_imports_leave_to_scrape(imported: Plant):
    done = await jobimport(imported, "metrics")
    assert done.code == 0
    found = samples(done.out)
    assert [of(found, "up", server=name) for name in ("redis", "mongodb")] == [1, 1]
    assert of(found, "source_listings_today", source="board", result="new") == 20
    assert of(found, "source_runs_today", source="board") == 2
    assert of(found, "source_runs_today", source="idle") == 0
    assert of(found, "source_enabled", source="idle") == 0
    last = {name: of(found, "source_last_run_listings", source="board", result=name) for name in ("new", "unchanged")}
    assert last == {"new": 0, "unchanged": 15}
    assert of(found, "source_health", source="board", state="ok") == 1
    assert 0 < (of(found, "source_last_run_quality", source="board") or 0) < 100
    assert of(found, "lane_messages", lane="upsert", state="waiting") == 0
    assert of(found, "listings") == 20
    ended = [value for (name, _), value in found.items() if name == "jobimport_source_last_success_timestamp_seconds"]
    runs = await imported.db.import_logs.find({}, {"finished_at": 1}).to_list()
    assert ended == [max(run["finished_at"] for run in runs).timestamp()]


async def test_a_server_that_is_gone_is_said_to_be_down_and_its_numbers_are_left_out(
    imported: Plant, redis_server: RedisServer
):
    redis_server.kill()
    done = await jobimport(imported, "metrics")
    assert done.code == 3
    found = samples(done.out)
    assert [of(found, "up", server=name) for name in ("redis", "mongodb")] == [0, 1]
    assert of(found, "source_runs_today", source="board") == 2
    assert not [name for name, _ in found if "lane" in name or "dead" in name]


async def test_served_each_scrape_is_gathered_anew(imported: Plant, redis_server: RedisServer):
    process = await anyio.open_process(
        [*COMMAND, "metrics", "--serve", "127.0.0.1:0"], env=imported.env, stdout=None, stderr=subprocess.PIPE
    )
    async with process:
        assert process.stderr is not None
        with anyio.fail_after(20):
            url = (await process.stderr.receive()).decode().split()[-1]

        async def scrape() -> Samples:
            def get() -> str:
                with urllib.request.urlopen(url, timeout=10) as response:
                    return response.read().decode()

            return samples(await anyio.to_thread.run_sync(get))

        assert of(await scrape(), "up", server="redis") == 1
        redis_server.kill()
        assert of(await scrape(), "up", server="redis") == 0
        await redis_server.start()
        assert of(await scrape(), "up", server="redis") == 1
        process.terminate()


async def test_as_json_a_sample_is_a_line(imported: Plant):
    done = await jobimport(imported, "metrics", "--json")
    assert {"name": "jobimport_up", "labels": {"server": "redis"}, "value": 1.0} in done.lines


@pytest.mark.parametrize("given", ["9464", "127.0.0.1:", "127.0.0.1:99999", ":1"])
def test_an_address_that_is_none_is_refused(given: str):
    done = subprocess.run([*COMMAND, "metrics", "--serve", given], capture_output=True, text=True)
    assert (done.returncode, repr(given) in done.stderr, "HOST:PORT" in done.stderr) == (2, True, True)


def test_the_short_commands_do_not_load_prometheus():
    loads = "import sys, jobimport_tui.cli.metrics; print('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True).stdout == "False\n"
