"""A fetch that was put off before it met its feed has cost nothing: no attempt, no epoch, no validators."""

import re
import threading
from collections.abc import Iterator

import pytest

from jobimport_tui.cli.report import sentence
from tests.contract.pipeline.test_adversary import finish
from tests.feed_server import FeedServer, Reply
from tests.freezing import frozen
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors.fetcher import fetch
from workers.errors import Deferred, HttpUnavailable
from workers.queue import hosts
from workers.store import connect, runs, source_state
from workers.store.connect import Trouble as MongoTrouble

pytestmark = pytest.mark.anyio


async def test_a_busy_host_costs_neither_epoch_nor_validators(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "PATIENCE", 0.0)
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(5)), etag='"v1"'))
        source = plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        async with (
            hosts.slot(plant.redis, source.url, 2, "other/1"),
            hosts.slot(plant.redis, source.url, 2, "other/2"),
        ):
            with pytest.raises(Deferred, match="has its 2 connections already"):
                await fetch(plant.desk(), run.id, last_attempt=False)
        put_off = await runs.get(plant.db, run.id)
        assert put_off is not None
        assert (put_off.state, put_off.fetch_epoch, len(server.requests)) == ("queued", 0, 0)
        assert await source_state.get(plant.db, "board") is None
        await fetch(plant.desk(), run.id, last_attempt=False)
        await finish(plant, run.id)
    state = await source_state.get(plant.db, "board")
    assert state is not None
    assert state.etag == '"v1"'


async def test_a_server_that_was_away_for_a_moment_leaves_validators_when_it_is_back(plant: Plant) -> None:
    with FeedServer() as server:
        feed = Reply(rss(listings(5)), etag='"v1"')
        server.on("/feed", Reply(status=503, headers={"Retry-After": "600"}), feed)
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        with pytest.raises(HttpUnavailable):
            await fetch(plant.desk(), run.id, last_attempt=False)
        waiting = await runs.get(plant.db, run.id)
        assert waiting is not None
        assert re.search(r"answered 503.*; tried again at \d\d:\d\d:\d\d UTC, as it asks", waiting.error_log[-1].text)
        assert waiting.error_log[-1].text in sentence(waiting)
        await fetch(plant.desk(), run.id, last_attempt=False)
        await finish(plant, run.id)
        run = await plant.request("board")
        await fetch(plant.desk(), run.id, last_attempt=False)
        assert (await finish(plant, run.id)).state == "unchanged"


async def test_a_fetch_that_met_its_feed_and_broke_leaves_none(plant: Plant) -> None:
    with FeedServer() as server:
        whole = rss(listings(60))
        server.on("/feed", Reply(whole, cut=len(whole) // 2), Reply(whole, etag='"v1"'))
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        with pytest.raises(Exception, match="ended after"):
            await fetch(plant.desk(), run.id, last_attempt=False)
        await fetch(plant.desk(), run.id, last_attempt=False)
        await finish(plant, run.id)
    state = await source_state.get(plant.db, "board")
    assert state is not None
    assert state.etag is None


@pytest.mark.parametrize("call", ["get", "note_fetch"])
async def test_a_mongodb_that_hung_before_the_feed_was_asked_leaves_the_validators(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(5)), etag='"v1"'))
        plant.source("board", server.url("/feed"))
        run = await plant.request("board")
        with frozen(source_state, call), monkeypatch.context() as patch, pytest.raises(MongoTrouble) as raised:
            patch.setattr(connect, "HANGING_SECONDS", 0.2)
            await fetch(plant.desk(), run.id, last_attempt=False)
        assert connect.is_unreachable(raised.value)
        put_off = await runs.get(plant.db, run.id)
        assert put_off is not None
        assert (put_off.state, put_off.fetch_epoch, len(server.requests)) == ("queued", 0, 0)
        await fetch(plant.desk(), run.id, last_attempt=False)
        await finish(plant, run.id)
    state = await source_state.get(plant.db, "board")
    assert state is not None
    assert state.etag == '"v1"'


async def test_two_workers_share_a_hosts_connections(plant: Plant) -> None:
    """Six sources of one host, two workers: never more than two are asked at once, and all are imported."""
    lock, now, most = threading.Lock(), [0], [0]

    def pieces() -> Iterator[bytes]:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        body = rss(listings(5))
        yield body[:100]
        threading.Event().wait(0.4)
        with lock:
            now[0] -= 1
        yield body[100:]

    with FeedServer() as server:
        for n in range(6):
            server.on(f"/{n}", lambda call: call.reply(Reply(pieces())))
            plant.source(f"s{n}", server.url(f"/{n}"))
        async with plant.workers(processes=1), plant.workers(processes=1):
            asked = [await plant.request(f"s{n}") for n in range(6)]
            ended = [await plant.ended(run.id, limit=90) for run in asked]
    assert {run.state for run in ended} == {"succeeded"}
    assert most[0] == 2
