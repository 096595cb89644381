"""The whole protocol, actors called by hand: deliveries, crashes, frozen workers, deaths, requeues, cancels, losses.

Messages are really rung into Redis and taken from there; an actor may die or freeze at any word to a server and wake
at any later time. Whatever happens, once all is drained every run has ended, once, with counts that add up and agree
with a recount, and the listings are what a plain model says.
"""

from collections.abc import Awaitable, Callable, Generator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.feed_server import Call, FeedServer, Reply
from tests.listings import Listing, rss
from tests.model import HUNT, profile
from tests.model.board import Board, Kept
from tests.model.puppets import Puppet, String, strung
from tests.plant import Plant
from workers.actors import reconciler
from workers.actors.burial import bury
from workers.actors.closer import close
from workers.actors.desk import Desk
from workers.actors.fetcher import fetch
from workers.actors.upserter import upsert
from workers.control import cancel, discard, requeue
from workers.errors import Deferred
from workers.model import Run
from workers.queue.connect import open_redis
from workers.queue.dead import Death, encode_death, letter_of, list_dead
from workers.queue.lanes import FAILED, LANES
from workers.queue.message import Message
from workers.queue.policy import Dead, judge
from workers.settings import MongoSettings, QueueSettings, RetentionSettings
from workers.sources import load_one
from workers.store import batches, runs, source_state
from workers.store.connect import open_database
from workers.store.indexes import prepare
from workers.store.verifying import verify

NUMBERS = range(1, 8)
SIGHTS = st.sampled_from(["Engineer", "Pilot", "", "gone", "gone"])  # "" is a listing without a title: a reject
STRINGS = st.none() | st.builds(String, st.integers(1, 22), st.sampled_from(["crash", "freeze"]))
PICK = st.integers(0, 11)
QUEUE = QueueSettings()
ENDS_WELL = ("succeeded", "partial")
DOUBTS = {"closing_suspended", "empty_feed", "drop_guard"}


class Protocol(RuleBasedStateMachine):
    """One run of the machine: one source, and as many imports as there is time for."""

    def __init__(self, portal: BlockingPortal, plant: Plant, server: FeedServer) -> None:
        super().__init__()
        self.portal, self.plant, self.server = portal, plant, server
        self.desk: Desk = plant.desk()
        self.board = Board()
        self.feed: dict[int, str] = {}
        self.trouble = ""
        self.served: list[dict[str, str]] = []  # feeds that were sent whole: titles by id, "" for a reject
        self.served_before: dict[int, int] = {}  # run -> how many were served before it
        self.given_up = False  # a run died as it closed
        self.frozen: list[Puppet] = []
        self.rows: dict[str, dict[str, Any]] = {}  # as last looked at
        self.items: dict[str, list[tuple[str, str]]] = {}
        self.ends: dict[int, Any] = {}  # run -> when it ended
        self.log_seen: dict[int, int] = {}
        self.sound = True
        portal.call(self._clear)
        server.on("/feed", self._serve)

    async def _clear(self) -> None:
        await self.plant.redis.flushall()
        for name in await self.plant.db.list_collection_names():
            await self.plant.db[name].delete_many({})

    def teardown(self) -> None:
        try:
            if self.sound:
                self.drain(changes=False)
                while self.frozen:
                    self.thaw(0, None)
        finally:
            for puppet in self.frozen:
                self.portal.call(puppet.kill)

    # The feed.

    @initialize(kind=st.sampled_from(["snapshot", "window"]), tagged=st.booleans())
    def begin(self, kind: Any, tagged: bool) -> None:
        self.tagged = tagged
        self.plant.source("board", self.server.url("/feed"), kind=kind)
        self.kind = kind
        self.feed = dict.fromkeys((1, 2, 3, 4, 5), "Engineer")
        self.request()

    @rule(sights=st.dictionaries(st.sampled_from(NUMBERS), SIGHTS, min_size=1, max_size=3))
    def feed_changes(self, sights: dict[int, str]) -> None:
        self.feed |= sights
        self.feed = {number: title for number, title in self.feed.items() if title != "gone"}

    @rule(trouble=st.sampled_from(["cut", "503", "page"]))
    def feed_breaks(self, trouble: str) -> None:
        self.trouble = trouble

    def _serve(self, call: Call) -> None:
        trouble, self.trouble = self.trouble, ""
        if trouble == "503":
            call.reply(Reply(status=503))
        elif trouble == "page":
            call.reply(Reply(b"<!doctype html><html><body>Sign in</body></html>", content_type="text/html"))
        else:
            items = [Listing(number, title=title or None) for number, title in sorted(self.feed.items())]
            body = rss([*items, *items[:1]], end=trouble != "cut")
            if not trouble:
                self.served.append({_id(n): f"{title} {n}" if title else "" for n, title in self.feed.items()})
            etag = f'"{hash(body)}"' if self.tagged and not trouble else None
            call.reply(Reply(body, etag=etag))

    # Actors on strings.

    def _play(self, name: str, act: Callable[[], Awaitable[object]], string: String | None) -> Puppet:
        async def make() -> Puppet:
            return Puppet(name, act, string)

        puppet = self.portal.call(make)
        self.portal.start_task_soon(puppet.run)
        self._until_quiet(puppet)
        return puppet

    def _until_quiet(self, puppet: Puppet) -> None:
        async def wait() -> None:
            with anyio.fail_after(30):
                await puppet.quiet.wait()

        self.portal.call(wait)
        if puppet.frozen and puppet not in self.frozen:
            self.frozen.append(puppet)
        note(repr(puppet))
        self._look()

    def _act(self, message: Message) -> Callable[[], Awaitable[object]]:
        if message.stage == "upsert":
            return partial(upsert, self.desk, message.batch)
        if message.stage == "close":
            return partial(close, self.desk, message.run)
        return partial(fetch, self.desk, message.run, last_attempt=message.attempt >= QUEUE.attempts)

    def _messages(self) -> list[tuple[str, bytes, Message]]:
        async def read() -> list[tuple[str, bytes, Message]]:
            return [
                (lane.key, id, Message.decode(fields[b"data"]))
                for lane in LANES
                for id, fields in await self.plant.redis.xrange(lane.key)
            ]

        return self.portal.call(read)

    def _deliver(self, key: str, id: bytes, message: Message, string: String | None) -> None:
        """As the broker does: done, later or dead; a worker that dies or freezes leaves its message."""
        name = f"{message.stage} {message.batch or message.run}"
        puppet = self._play(name, self._act(message), string)
        if puppet.frozen or puppet.crashed:
            return
        if puppet.error is not None:
            verdict = judge(puppet.error, message.attempt, QUEUE)
            assert not isinstance(puppet.error, (AssertionError, TypeError, KeyError)), repr(puppet.error)
            if isinstance(verdict, Dead):
                self._die(message, Death(**_death(verdict)))
            elif not isinstance(puppet.error, Deferred):
                again = Message(
                    stage=message.stage,
                    run=message.run,
                    source=message.source,
                    batch=message.batch,
                    attempt=message.attempt + 1,
                )
                self.portal.call(self.plant.redis.xadd, key, {b"data": again.encode()})
        self.portal.call(self.plant.redis.xdel, key, id)

    def _die(self, message: Message, death: Death) -> None:
        payload = message.encode()
        letter = letter_of(str(message.lane), payload, death)
        self._play(f"burial of {message.stage} {message.batch}", partial(bury, self.desk, letter), None)
        fields = {b"data": payload, b"meta": encode_death(death), b"lane": str(message.lane).encode()}
        self.portal.call(self.plant.redis.xadd, FAILED, fields)

    @rule(which=PICK, string=STRINGS)
    def deliver(self, which: int, string: String | None) -> None:
        if messages := self._messages():
            self._deliver(*messages[which % len(messages)], string)

    @rule(which=PICK)
    def deliver_and_keep(self, which: int) -> None:
        """The worker died after its work and before its ack."""
        if messages := self._messages():
            message = messages[which % len(messages)][2]
            self._play(f"{message.stage} again", self._act(message), None)

    @rule(which=PICK, string=STRINGS)
    def stray_upsert(self, which: int, string: String | None) -> None:
        """A message of long ago, for a row in whatever state."""
        if self.rows:
            row = sorted(self.rows)[-1 - which % len(self.rows)]
            self._play(f"stray upsert {row}", partial(upsert, self.desk, row), string)

    @rule(which=st.integers(0, 3), string=STRINGS)
    def stray_close(self, which: int, string: String | None) -> None:
        run = max(1, self._last() - which)
        self._play(f"stray close {run}", partial(close, self.desk, run), string)

    @rule(which=st.integers(0, 3), string=STRINGS)
    def stray_fetch(self, which: int, string: String | None) -> None:
        run = max(1, self._last() - which)
        self._play(f"stray fetch {run}", partial(fetch, self.desk, run, last_attempt=False), string)

    @precondition(lambda self: self.frozen)
    @rule(which=PICK, string=STRINGS)
    def thaw(self, which: int, string: String | None) -> None:
        puppet = self.frozen.pop(which % len(self.frozen))
        before = self._dead_and_begun()
        if "close" in puppet.name and self.given_up:
            before = {_id(number) for number in NUMBERS}
        self.portal.call(puppet.thaw, string)
        self._until_quiet(puppet)
        if before:
            self._resync(before, owned_up=puppet.ended and not puppet.crashed)

    @rule(string=STRINGS)
    def reconcile(self, string: String | None) -> None:
        self._play("reconcile", partial(reconciler.reconcile, self.desk, slack_ms=0), string)

    # Faults and operators.

    @rule(which=PICK)
    def kill(self, which: int) -> None:
        """A message is delivered to its last worker: it dies."""
        messages = self._messages()
        if messages:
            key, id, message = messages[which % len(messages)]
            death = Death(reason="max_deliveries", kind="x", error="x", attempts=1, deliveries=5, worker="w")
            self._die(message, death)
            self.portal.call(self.plant.redis.xdel, key, id)

    @rule(which=PICK, gives_up=st.booleans())
    def operate(self, which: int, gives_up: bool) -> None:
        letters = self.portal.call(list_dead, self.plant.redis)
        if not letters:
            return
        letter = letters[which % len(letters)]
        source = load_one(self.plant.folder / "sources", "board")

        async def ask() -> str:
            if gives_up:
                await discard(self.plant.db, self.plant.redis, letter, "ana")
                return "given up"
            try:
                await requeue(self.plant.db, self.plant.redis, letter, source, "ana")
            except runs.RunGone as gone:
                return f"refused: {gone}"
            return "requeued"

        note(f"{letter.stage} {letter.batch}: {self.portal.call(ask)}")
        self._look()

    @rule()
    def cancel(self) -> None:
        self.portal.call(cancel, self.plant.db, self.plant.redis, self._last(), "ana")

    @rule(sure=st.integers(0, 2))
    def lose_redis(self, sure: int) -> None:
        if not sure:
            self.portal.call(self.plant.redis.flushall)

    @rule()
    def request(self) -> None:
        self.portal.call(self.plant.request, "board")
        self._look()

    def _last(self) -> int:
        return self.portal.call(self._last_run)

    async def _last_run(self) -> int:
        row = await self.plant.db.import_logs.find_one(sort=[("_id", -1)])
        return int(row["_id"]) if row else 0

    @rule(changes=st.booleans())
    def drain(self, changes: bool) -> None:
        """Whatever is under way comes to its end, by its own messages; the reconciler makes good what is missing."""
        for _ in range(60):
            messages = self._messages()
            for key, id, message in messages:
                self._deliver(key, id, message, None)
            if not messages:
                if not self.portal.call(runs.active, self.plant.db):
                    break
                self.reconcile(None)
        else:
            raise AssertionError("it does not end")
        assert not [id for id, row in self.rows.items() if row["state"] == "pending"]
        if changes:
            self.request()

    # What must be true.

    def _look(self) -> None:
        """Move the model by what was settled since the last look; judge the runs that have ended."""
        self.sound = False
        self.portal.call(self._see)
        self.sound = True

    async def _see(self) -> None:
        rows = {row["_id"]: row async for row in self.plant.db.import_batches.find({"size": {"$gt": 0}})}
        for id, row in sorted(rows.items()):
            if id not in self.items:
                assert row["state"] in ("pending", "dead"), f"{id} was settled before it was looked at"
                unpacked = batches.unpack(row["items"])
                self.items[id] = [(item.external_id, _title(item.fields)) for item in unpacked]
            was = self.rows.get(id, {}).get("state", "pending")
            if row["state"] == "done" and was != "done":
                counts = self.board.apply(row["run"], self.items[id])
                said = row["counts"]
                assert {name: getattr(counts, name) for name in said} == said, f"counts of {id}"
            assert was in ("pending", "dead") or row["state"] == was, f"{id} was {was} and is {row['state']}"
        self.rows = rows
        active = 0
        async for found in self.plant.db.import_logs.find().sort("_id", 1):
            run = await runs.get(self.plant.db, found["_id"])
            assert run is not None
            active += run.active
            self.served_before.setdefault(run.id, len(self.served))
            if run.active:
                self.ends.pop(run.id, None)
            elif run.id not in self.ends:
                self.ends[run.id] = run.finished_at
                await self._judge(run)
            assert self.ends.get(run.id) == run.finished_at, f"run {run.id} ended twice"
        assert active <= 1

    async def _judge(self, run: Run) -> None:
        """What must hold at the very moment at which a run ends."""
        stats, closed = run.stats, 0
        assert stats.total == stats.new + stats.updated + stats.unchanged + stats.failed + stats.dropped
        own = {id: row for id, row in self.rows.items() if row["run"] == run.id}
        assert all(row["state"] != "pending" for row in own.values())
        assert stats.total == sum(row["size"] for row in own.values())
        ids = [id for row in own for id, _ in self.items[row] if id]
        assert len(ids) == len(set(ids)), "a listing in two rows"
        assert not stats.dropped or run.state == "cancelled"
        await self._sync_ids(self._dead_and_begun(run.id))
        if run.state == "failed" and own:
            self.given_up = True
            await self._sync_ids({_id(number) for number in NUMBERS})
            closed = sum(kept.closed == run.id for kept in self.board.listings.values())
        entries = run.error_log[self.log_seen.get(run.id, 0) :]
        self.log_seen[run.id] = len(run.error_log)
        codes = {entry.code for entry in entries}
        assert "count_mismatch" not in codes, run.error_log
        whole = run.state in ENDS_WELL and all(row["state"] == "done" for row in own.values())
        if whole and self.kind == "snapshot" and not codes & DOUBTS:
            closed = self.board.close(run.id, set(ids))
        assert stats.closed == closed
        checked = await verify(self.plant.db, run, stats)
        assert checked.ok, checked.sentence()
        assert await self._kept() == self.board.listings
        if (whole or run.state == "unchanged") and run.fetch_epoch == 1:
            self._is_the_feed(run.id, codes)

    def _is_the_feed(self, run: int, codes: set[str]) -> None:
        """A complete run, fetched once, leaves what some feed of its time said."""
        titles = self.board.open_titles()

        def told(feed: dict[str, str]) -> bool:
            same = all(titles.get(id) == title for id, title in feed.items() if title)
            return same and (self.kind == "window" or bool(codes & DOUBTS) or titles.keys() <= feed.keys())

        served = self.served[self.served_before[run] :]
        assert any(map(told, served)), f"{titles} is none of {served}"

    async def _kept(self) -> dict[str, Kept]:
        return {
            job["external_id"]: Kept(job["title"], job["first_run"], job["changed_run"], job["closed_run"])
            async for job in self.plant.db.jobs.find()
        }

    def _dead_and_begun(self, run: int | None = None) -> set[str]:
        """Listings of batches that died while a worker may have been writing: written or not, both are right."""
        return {
            id
            for name, row in self.rows.items()
            if row["state"] == "dead" and row.get("attempt") and run in (None, row["run"])
            for id, _ in self.items[name]
        }

    async def _sync_ids(self, ids: set[str]) -> bool:
        kept = await self._kept()
        before = dict(self.board.listings)
        for id in ids & (kept.keys() | before.keys()):
            self.board.listings.pop(id, None)
            if id in kept:
                self.board.listings[id] = kept[id]
        return before != self.board.listings

    def _resync(self, ids: set[str], *, owned_up: bool) -> None:
        """A late writer may have got through; then it owned up, and the next run will read the whole feed."""

        async def look() -> None:
            if await self._sync_ids(ids) and owned_up:
                state = await source_state.get(self.plant.db, "board")
                assert state is None or not state.mapping_hash, "a late write that nobody will look for"

        self.portal.call(look)

    @invariant()
    def stands(self) -> None:
        self._look()


def _id(number: int) -> str:
    return f"https://board.example/?p={number}"


def _title(fields: dict[str, list[str]]) -> str:
    return next(iter(fields.get("title", ())), "")


def _death(verdict: Dead) -> dict[str, Any]:
    facts = {"reason": verdict.reason, "kind": verdict.kind, "error": verdict.error}
    return {**facts, "attempts": 1, "deliveries": 1, "worker": "w"}


@contextmanager
def planted(folder: Path, mongo_url: str, redis_url: str) -> Generator[tuple[BlockingPortal, Plant, FeedServer]]:
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        settings = MongoSettings(url=mongo_url)
        db = stack.enter_context(portal.wrap_async_context_manager(open_database(settings, app_name="model")))
        redis = stack.enter_context(portal.wrap_async_context_manager(open_redis(redis_url)))
        portal.call(prepare, db, RetentionSettings())
        (folder / "sources").mkdir(parents=True)
        (folder / "jobimport.toml").write_text('[fetch]\nallow_hosts = ["127.0.0.1"]\n[import]\nbatch_size = 2\n')
        env = {
            "JOBIMPORT_CONFIG": str(folder),
            "JOBIMPORT_REDIS_URL": redis_url,
            "JOBIMPORT_MONGO_URL": mongo_url,
        }
        server = stack.enter_context(FeedServer())
        stack.enter_context(strung())
        yield portal, Plant(folder, db, redis, env), server


@pytest.mark.timeout(0 if HUNT else 120)
def test_nothing_is_lost_and_nothing_is_counted_twice(
    tmp_path: Path, mongo_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "HEARTBEAT_LOST", timedelta(0))
    with planted(tmp_path / "config", mongo_url, redis_url) as (portal, plant, server):
        run_state_machine_as_test(lambda: Protocol(portal, plant, server), settings=profile(20, 25))
