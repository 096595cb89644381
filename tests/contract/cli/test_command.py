"""`jobimport` as a user meets it: a process, real servers, exit codes, and JSON that says what is so."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.feed_server import Call, FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant, eventually
from workers.queue.lanes import FAILED
from workers.service.embedded import MongoServer, RedisServer

COMMAND = [sys.executable, "-m", "jobimport_tui.cli.main"]

pytestmark = pytest.mark.anyio


class Done:
    """What a command ended with."""

    def __init__(self, process: "subprocess.CompletedProcess[bytes]") -> None:
        self.code = process.returncode
        self.out, self.err = process.stdout.decode(), process.stderr.decode()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def object(self) -> dict[str, Any]:
        [line] = self.lines
        return line


async def finish(process: "subprocess.Popen[Any]", limit: float = 40.0) -> tuple[Any, Any]:
    """What a process has left to say until it ends; it is killed where it does not."""
    try:
        return await anyio.to_thread.run_sync(partial(process.communicate, timeout=limit))
    except subprocess.TimeoutExpired:
        process.kill()
        raise


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let children hear SIGINT: a shell that runs the tests in the background has it ignored, and that is inherited."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


async def jobimport(plant: Plant, *args: str, **environ: str) -> Done:
    with anyio.fail_after(60):
        return Done(await anyio.run_process([*COMMAND, *args], env={**plant.env, **environ}, check=False))


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
async def board(plant: Plant, server: FeedServer) -> Plant:
    """A plant with one source of 120 listings, one of them without a title."""
    items = [*listings(119), next(iter(_untitled()))]
    server.on("/feed.xml", Reply(rss(items)))
    plant.source("board", server.url("/feed.xml"))
    return plant


def _untitled() -> Iterator[Any]:
    from dataclasses import replace

    yield replace(listings(1, start=120)[0], title=None)


class TestImport:
    async def test_waited_for_it_tells_the_end_as_the_design_says(self, board: Plant):
        async with board.workers():
            done = await jobimport(board, "import", "board", "--wait", "--json")
            again = await jobimport(board, "import", "board", "--wait", "--watch")
        assert (done.code, again.code) == (0, 0)
        told = done.object
        assert told["state"] == "partial"
        assert told["stats"] == {
            "total": 120,
            "new": 119,
            "updated": 0,
            "unchanged": 0,
            "failed": 1,
            "dropped": 0,
            "duplicates": 0,
            "closed": 0,
        }
        assert told["batches"] == {"total": 3, "done": 3, "dead": 0}
        assert told["source"] == "board"
        assert told["error_log"] == []
        assert told["started_at"] < told["finished_at"]
        assert f"run {told['run_id'] + 1} unchanged" in again.out

    async def test_runs_show_tells_the_same_and_the_rejects(self, board: Plant):
        async with board.workers():
            told = (await jobimport(board, "import", "board", "--wait", "--json")).object
        shown = await jobimport(board, "runs", "show", str(told["run_id"]), "--json")
        assert shown.code == 0
        assert {key: shown.object[key] for key in told} == told
        assert [reject["field"] for reject in shown.object["rejects"]] == ["title"]
        listed = await jobimport(board, "runs", "list", "--json", "--source", "board")
        assert [run["run_id"] for run in listed.lines] == [told["run_id"]]
        text = await jobimport(board, "runs", "show", str(told["run_id"]))
        assert "119 new" in text.out
        assert "title" in text.out

    async def test_a_second_request_answers_with_the_run_that_is_active(self, board: Plant):
        first = await jobimport(board, "import", "board", "--json")
        second = await jobimport(board, "import", "board", "--json")
        assert (first.code, second.code) == (0, 0)
        assert (first.object["opened"], second.object["opened"]) == (True, False)
        assert second.object["run_id"] == first.object["run_id"]
        assert "is active already (queued)" in second.object["message"]
        async with board.workers():
            waited = await jobimport(board, "import", "board", "--wait", "--json")
        assert waited.object["run_id"] == first.object["run_id"]
        assert waited.object["state"] == "partial"

    async def test_inside_min_interval_no_run_opens_and_force_overrides(self, board: Plant, server: FeedServer):
        board.source("board", server.url("/feed.xml"), min_interval=3600.0)
        async with board.workers():
            await jobimport(board, "import", "board", "--wait")
            early = await jobimport(board, "import", "board", "--wait", "--json")
            forced = await jobimport(board, "import", "board", "--wait", "--json", "--force")
        assert early.code == 0
        assert early.object["run_id"] is None
        assert early.object["not_before"].endswith("Z")
        assert "--force" in early.object["message"]
        assert forced.object["state"] == "unchanged"

    @pytest.mark.parametrize(
        ("reply", "says"),
        [
            (Reply(status=404), "answered 404"),
            (Reply(b"<!doctype html><html><body>Sign in</body></html>", content_type="text/html"), "HTML"),
            (Reply(b""), "empty"),
        ],
    )
    async def test_a_feed_that_fails_fails_the_run_and_the_command(
        self, plant: Plant, server: FeedServer, reply: Reply, says: str
    ):
        server.on("/bad", reply)
        plant.source("bad", server.url("/bad"))
        async with plant.workers():
            done = await jobimport(plant, "import", "bad", "--wait", "--json")
        assert done.code == 1
        assert done.object["state"] == "failed"
        assert says in done.object["error_log"][-1]["text"]

    async def test_a_truncated_feed_is_degraded_and_one(self, plant: Plant, server: FeedServer):
        server.on("/cut", Reply(rss(listings(60), end=False)))
        plant.source("cut", server.url("/cut"))
        async with plant.workers():
            done = await jobimport(plant, "import", "cut", "--wait", "--json")
        assert done.code == 1
        assert done.object["state"] == "degraded"
        assert done.object["stats"]["new"] == 60

    async def test_several_sources_are_a_line_each_and_the_worst_is_the_code(self, board: Plant, server: FeedServer):
        """A line comes when its run has ended: the second feed answers when the first one's line was read."""
        is_read = threading.Event()

        def gone(call: Call) -> None:
            call.wait(is_read)
            call.reply(Reply(status=410))

        server.on("/gone", gone)
        board.source("gone", server.url("/gone"))
        async with board.workers():
            command = [*COMMAND, "import", "board", "gone", "--wait", "--json"]
            process = subprocess.Popen(command, env=board.env, stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            first = await anyio.to_thread.run_sync(process.stdout.readline)
            is_read.set()
            rest, _ = await finish(process)
        assert process.returncode == 1
        told = [json.loads(line) for line in (first, *rest.splitlines())]
        assert [(run["source"], run["state"]) for run in told] == [("board", "partial"), ("gone", "failed")]

    async def test_all_goes_on_past_a_broken_file_and_says_two(self, board: Plant):
        (board.folder / "sources" / "broken.toml").write_text("url = 1")
        done = await jobimport(board, "import", "--all", "--json")
        assert done.code == 2
        assert done.object["source"] == "board"
        assert "broken.toml: url is 1: expected text" in done.err

    async def test_an_unknown_name_starts_nothing(self, board: Plant):
        done = await jobimport(board, "import", "board", "bord")
        assert done.code == 2
        assert done.out == ""
        assert done.err.startswith("jobimport: no source 'bord' in ")
        assert (await jobimport(board, "runs", "list", "--json")).lines == []

    @pytest.mark.usefixtures("interruptible")
    async def test_without_a_worker_it_says_so_and_interrupted_the_run_goes_on(self, board: Plant):
        process = subprocess.Popen(
            [*COMMAND, "import", "board", "--wait"], env=board.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            assert process.stderr is not None
            hint = await anyio.to_thread.run_sync(process.stderr.readline)
            assert b"no worker is running" in hint
            process.send_signal(signal.SIGINT)
            _, err = await finish(process)
        finally:
            process.kill()
        assert process.returncode == 130
        assert b"no longer waiting; run 1 goes on" in err
        [run] = (await jobimport(board, "runs", "list", "--json")).lines
        assert run["state"] == "queued"


class TestServersAway:
    NOWHERE = "redis://127.0.0.1:1/0"
    NO_MONGO = "mongodb://127.0.0.1:1/x"

    @pytest.mark.parametrize("verb", ["queues show", "workers list", "failed list"])
    async def test_redis_away_is_three(self, board: Plant, verb: str):
        done = await jobimport(board, *verb.split(), "--redis", self.NOWHERE)
        assert done.code == 3
        assert done.err.startswith(f"jobimport: Redis at {self.NOWHERE} is unreachable: ")
        assert done.err.count("\n") == 1

    @pytest.mark.parametrize("verb", ["runs list", "jobs search", "import board", "runs cancel 1"])
    async def test_mongodb_away_is_three(self, board: Plant, verb: str):
        done = await jobimport(board, *verb.split(), "--mongo", self.NO_MONGO)
        assert done.code == 3
        assert done.err == "jobimport: MongoDB at 127.0.0.1:1 is unreachable: connection refused\n"

    async def test_what_was_accepted_is_kept_when_redis_is_away(self, board: Plant):
        done = await jobimport(board, "import", "board", "--wait", "--redis", self.NOWHERE)
        assert done.code == 3
        assert "accepted as run 1, which starts when Redis is back" in done.err
        [run] = (await jobimport(board, "runs", "list", "--json")).lines
        assert (run["run_id"], run["state"]) == (1, "queued")

    async def test_doctor_looks_at_what_is_left(self, board: Plant):
        done = await jobimport(board, "doctor", "--json", "--redis", self.NOWHERE, "--mongo", self.NO_MONGO)
        assert done.code == 3
        failed = [check["text"] for check in done.lines if check["level"] == "fail"]
        assert len(failed) == 2
        assert any(check["name"] == "sources" for check in done.lines)

    async def test_a_wait_outlives_redis(self, board: Plant, server: FeedServer, redis_server: RedisServer):
        release = threading.Event()

        def slowly() -> Iterator[bytes]:
            server.wait(release)
            yield rss(listings(10))

        server.on("/slow", Reply(slowly()))
        board.source("slow", server.url("/slow"))
        async with board.workers():
            process = subprocess.Popen(
                [*COMMAND, "import", "slow", "--wait", "--json"], env=board.env, stdout=subprocess.PIPE
            )
            try:
                await eventually(lambda: _true(bool(server.requests)))
                redis_server.kill()
                await redis_server.start()
                release.set()
                out, _ = await finish(process)
            finally:
                process.kill()
        assert process.returncode == 0
        assert json.loads(out)["stats"]["new"] == 10


async def _true(value: bool) -> bool:
    return value


class TestOperating:
    async def test_cancel(self, board: Plant):
        assert (await jobimport(board, "runs", "cancel", "7")).code == 2
        await jobimport(board, "import", "board")
        asked = await jobimport(board, "runs", "cancel", "1", "--json")
        assert asked.code == 0
        assert asked.object["cancel_requested"] is True
        async with board.workers():
            run = await board.ended(1)
        assert run.state == "cancelled"
        assert (await jobimport(board, "runs", "cancel", "1")).code == 0

    async def test_lanes_and_sources_are_paused_and_resumed(self, board: Plant):
        done = await jobimport(board, "queues", "pause", "fetch", "source:board", "--json", "--reason", "moving")
        assert [line["changed"] for line in done.lines] == [True, True]
        kept = [row async for row in board.db.pauses.find().sort("_id", 1)]
        assert [(row["_id"], row["reason"]) for row in kept] == [("fetch", "moving"), ("source:board", "moving")]
        shown = (await jobimport(board, "queues", "show", "--json")).object
        assert shown["paused"] == ["fetch", "source:board"]
        assert [lane["lane"] for lane in shown["lanes"] if lane["paused"]] == ["fetch"]
        assert [held["reason"] for held in shown["pauses"]] == ["moving", "moving"]
        told = (await jobimport(board, "queues", "show")).out
        assert re.search(r"source:board: paused by \S+ since .*: moving\n", told)
        assert (await jobimport(board, "queues", "pause", "source:none")).code == 2
        again = await jobimport(board, "queues", "resume", "fetch", "upsert", "--json")
        assert [line["changed"] for line in again.lines] == [True, False]

    async def test_listings_are_searched_shown_and_exported(self, board: Plant):
        async with board.workers():
            await jobimport(board, "import", "board", "--wait")
        found = await jobimport(board, "jobs", "search", "engin", "--limit", "2", "--json")
        assert len(found.lines) == 2
        table = await jobimport(board, "jobs", "search", "engin", "--limit", "2")
        assert "2 of 119 listings" in table.err
        shown = await jobimport(board, "jobs", "show", found.lines[0]["_id"], "--json")
        assert shown.object["title"] == found.lines[0]["title"]
        assert shown.object["status"] == "open"
        assert shown.object["metadata"]["source"] == "board"
        assert "raw_hash" not in shown.object
        assert (await jobimport(board, "jobs", "show", found.lines[0]["_id"])).code == 0
        exported = await jobimport(board, "jobs", "export", "--source", "board")
        assert len({job["_id"] for job in exported.lines}) == 119
        file = board.folder / "open.csv"
        written = await jobimport(board, "jobs", "export", "status:open", "salary:<1", "--output", str(file))
        assert (written.code, len(file.read_text().splitlines())) == (0, 1)
        wrong = await jobimport(board, "jobs", "search", "engineer", "salary:lots")
        assert wrong.code == 2
        assert wrong.err.splitlines()[:2] == ["engineer salary:lots", " " * 16 + "^"]
        assert "column 17: salary: expected a year's pay" in wrong.err
        assert (await jobimport(board, "jobs", "show", "board:none")).code == 2
        assert (await jobimport(board, "jobs", "search", "zzz", "--json")).out == ""

    async def test_a_watch_tells_what_has_come_since_it_was_looked_at(self, board: Plant):
        added = await jobimport(board, "watch", "add", "engineers", "engineer", "source:board", "--json")
        assert (added.object["name"], added.object["query"]) == ("engineers", "engineer source:board")
        assert (await jobimport(board, "watch", "add", "engineers", "nurse")).code == 2
        assert (await jobimport(board, "watch", "add", "nurses", "salary:lots")).code == 2
        async with board.workers():
            await jobimport(board, "import", "board", "--wait")
        (listed,) = (await jobimport(board, "watch", "list", "--json")).lines
        assert (listed["name"], listed["new"]) == ("engineers", 119)
        kept = await jobimport(board, "watch", "show", "engineers", "--keep", "--limit", "3")
        assert "3 of 119 new listings" in kept.err
        shown = await jobimport(board, "watch", "show", "engineers", "--json", "--limit", "500")
        assert len(shown.lines) == 119
        assert (await jobimport(board, "watch", "remove", "engineers")).code == 0
        assert (await jobimport(board, "watch", "show", "engineers")).code == 2
        assert "no watch" in (await jobimport(board, "watch", "list")).err

    async def test_history_is_exported_to_its_end(self, board: Plant):
        async with board.workers():
            for _ in range(3):
                await board.run("board")
        exported = await jobimport(board, "runs", "export")
        assert [run["run_id"] for run in exported.lines] == [3, 2, 1]
        assert [run["run_id"] for run in (await jobimport(board, "runs", "export", "--limit", "2")).lines] == [3, 2]
        unchanged = await jobimport(board, "runs", "list", "--state", "unchanged", "--json")
        assert [run["run_id"] for run in unchanged.lines] == [3, 2]

    async def test_workers_and_doctor_of_a_plant_that_works(self, board: Plant):
        before = await jobimport(board, "doctor", "--json")
        assert before.code == 1
        assert [check["name"] for check in before.lines if check["level"] == "fail"] == ["workers"]
        async with board.workers(processes=2):

            async def alive() -> list[dict[str, Any]] | None:
                told = (await jobimport(board, "workers", "list", "--json")).lines
                return told if len(told) == 2 else None

            told = await eventually(alive)
            after = await jobimport(board, "doctor")
            listed = await jobimport(board, "workers", "list")
        assert {worker["state"] for worker in told} == {"idle"}
        assert after.code == 0
        assert "2 processes" in after.out
        assert "idle" in listed.out


class TestDeadLetters:
    @pytest.fixture
    async def dead(self, board: Plant, server: FeedServer) -> AsyncIterator[str]:
        """A fetch that was refused for good; the id of its letter."""
        server.on("/gone", Reply(status=404))
        board.source("gone", server.url("/gone"))
        async with board.workers():
            await jobimport(board, "import", "gone", "--wait")
            [letter] = await eventually(self.letters(board))
        yield letter["id"]

    @staticmethod
    def letters(plant: Plant) -> Callable[[], Any]:
        async def look() -> list[dict[str, Any]]:
            return (await jobimport(plant, "failed", "list", "--json")).lines

        return look

    async def test_a_letter_is_listed_shown_and_discarded(self, board: Plant, dead: str):
        shown = (await jobimport(board, "failed", "show", dead, "--json")).object
        assert (shown["source"], shown["stage"], shown["run"]) == ("gone", "fetch", 1)
        assert "404" in shown["error"]
        assert json.loads(shown["payload"])["kwargs"]["run"] == 1
        text = await jobimport(board, "failed", "show", dead)
        assert "answered 404" in text.out
        assert dead in (await jobimport(board, "failed", "list")).out
        done = await jobimport(board, "failed", "discard", dead, "--json")
        assert done.object == {"id": dead, "discarded": True}
        assert (await jobimport(board, "failed", "show", dead)).code == 2

    async def test_a_fetch_that_is_requeued_is_a_new_run(self, board: Plant, server: FeedServer, dead: str):
        server.on("/gone", Reply(rss(listings(3))))
        done = await jobimport(board, "failed", "requeue", "--source", "gone", "--json")
        assert done.code == 0
        assert done.object["requeued"] is True
        async with board.workers():
            run = await board.ended(done.object["run_id"])
        assert run.stats.new == 3
        assert (await jobimport(board, "failed", "list", "--json")).lines == []

    async def test_what_no_worker_reads_is_refused_and_can_be_discarded(self, board: Plant):
        await board.redis.xadd(FAILED, {"data": b"\x1b[2J{", "lane": b"fetch", "meta": b"{}"})
        [letter] = (await jobimport(board, "failed", "list", "--json")).lines
        refused = await jobimport(board, "failed", "requeue", "--all", "--json")
        assert refused.code == 1
        assert "no worker can read its message: discard it" in refused.object["message"]
        assert "\x1b" not in (await jobimport(board, "failed", "show", letter["id"])).out
        assert (await jobimport(board, "failed", "discard", "--all")).code == 0

    async def test_which_letters_must_be_said(self, board: Plant):
        for args in (["requeue"], ["discard"], ["requeue", "--all", "1-1"], ["discard", "--source", "x", "1-1"]):
            assert (await jobimport(board, "failed", *args)).code == 2


async def test_a_worker_of_the_command_runs_until_sigterm(board: Plant):
    await jobimport(board, "import", "board")
    worker = subprocess.Popen([*COMMAND, "worker", "--processes", "1", "--concurrency", "2"], env=board.env)
    try:
        assert (await board.ended(1)).stats.new == 119
        worker.terminate()
        await finish(worker)
        assert worker.returncode == 0
    finally:
        worker.kill()


async def test_the_scheduler_of_the_command_starts_what_is_due(board: Plant, server: FeedServer):
    (board.folder / "sources" / "board.toml").write_text(f'url = "{server.url("/feed.xml")}"\nschedule = "* * * * *"\n')
    env = {**board.env, "JOBIMPORT_IMPORT_SCHEDULE_JITTER": "0"}
    scheduler = subprocess.Popen([*COMMAND, "scheduler"], env=env, stderr=subprocess.DEVNULL)
    try:

        async def opened() -> list[dict[str, Any]]:
            return (await jobimport(board, "runs", "list", "--json")).lines

        [run, *_] = await eventually(opened)
        assert run["trigger"] == "schedule"
        scheduler.terminate()
        await finish(scheduler)
        assert scheduler.returncode == 0
    finally:
        scheduler.kill()


async def test_up_prints_its_urls_and_leaves_nothing_behind(tmp_path: Path, mongo_server: MongoServer):
    """The one that starts servers of its own: `mongo_server` only proves that the machine can."""
    assert mongo_server.pid is not None
    env = {**os.environ, "JOBIMPORT_CONFIG": str(tmp_path)}
    up = subprocess.Popen(
        [*COMMAND, "up", "--data-dir", str(tmp_path / "data")], env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        assert up.stdout is not None
        first, second, third = [await anyio.to_thread.run_sync(up.stdout.readline) for _ in range(3)]
        assert first.startswith("redis redis://127.0.0.1:")
        assert first.endswith("/0\n")
        assert second.startswith("mongodb mongodb://127.0.0.1:")
        assert "/jobimport?" in second
        assert third == f"logs {tmp_path / 'data' / 'logs'}\n"
        up.terminate()
        rest = await finish(up)
        assert rest[0] == ""
        assert up.returncode == 0
        assert processes_over(tmp_path) == []
    finally:
        up.kill()


def processes_over(folder: Path) -> list[str]:
    """Command lines of processes that name a folder."""
    lines: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue  # it ended between the two looks
        if str(folder) in text:
            lines.append(text)
    return lines


async def test_a_source_is_compared_with_its_last_run_and_leaves_its_listings_behind(board: Plant, server: FeedServer):
    async with board.workers():
        assert (await jobimport(board, "import", "board", "--wait")).code == 0
    fine = await jobimport(board, "sources", "test", "board", "--json")
    assert (fine.code, fine.object["problems"]) == (0, [])
    assert fine.object["compared_with_run"] == 1
    server.on("/feed.xml", Reply(b"<rss><channel><item><guid>1</guid><title>T</title></item></channel></rss>"))
    poor = await jobimport(board, "sources", "test", "board")
    assert poor.code == 1
    assert "company is filled in 0% of the items, in the last run in 100%" in poor.err
    run = await board.request("board")
    left = await jobimport(board, "sources", "remove", "board", "--yes", "--json")
    assert left.code == 0
    assert (left.object["listings"], left.object["run"]) == (119, run.id)
    assert f"Run {run.id} is under way and fails without the file: first `jobimport runs cancel {run.id}`" in left.err
