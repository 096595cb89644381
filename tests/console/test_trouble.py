"""Servers that freeze or refuse writes, clocks and versions that differ, a window that shrinks, a shell in between."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import msgspec
import pytest

from jobimport_tui.gateway.protocol import ListingQuery, Refused
from jobimport_tui.state import Workers
from tests.console.fake import BUSY, NOW, down
from tests.console.test_console import desk
from tests.console.test_live import both_up, config, watching
from tests.console.test_terminal import CODE, Terminal
from workers.queue import registry
from workers.queue.connect import Redis
from workers.service.embedded import MongoServer, RedisServer, Server
from workers.settings import Config
from workers.store.connect import Database

__all__ = ["config"]

servers = pytest.mark.xdist_group("servers")


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@servers
async def test_a_frozen_redis_is_down_in_words_and_up_again_when_it_thaws(
    config: Config, ready_db: Database, redis_server: RedisServer
) -> None:
    async with watching(config) as watch:
        before = await watch.until(both_up)
        with frozen(redis_server):
            down = await watch.until(lambda s: s.redis.state == "down", seconds=10)
            assert down.mongodb.is_up and down.queues.lanes == before.queues.lanes
            assert "answer" in down.redis.reason or "time" in down.redis.reason.lower(), down.redis.reason
            with anyio.fail_after(10), pytest.raises(Refused):
                await watch.gateway.pause("upsert")
        await watch.until(lambda s: s.redis.is_up, seconds=6)
        assert await watch.gateway.pause("upsert") in ("upsert: paused", "upsert: paused already")
        await watch.gateway.resume("upsert")


@servers
async def test_a_frozen_mongodb_is_down_and_questions_are_refused_in_time(
    config: Config, ready_db: Database, mongo_server: MongoServer
) -> None:
    async with watching(config) as watch:
        await watch.until(both_up)
        with frozen(mongo_server):
            down = await watch.until(lambda s: s.mongodb.state == "down", seconds=15)
            assert down.redis.is_up and down.mongodb.reason
            with anyio.fail_after(15), pytest.raises(Refused, match="mongodb"):
                await watch.gateway.listings(ListingQuery())
        await watch.until(lambda s: s.mongodb.is_up, seconds=15)


@servers
async def test_a_redis_that_refuses_writes_is_watched_and_a_write_says_why(
    config: Config, ready_db: Database, redis: Redis
) -> None:
    await redis.config_set("min-replicas-to-write", 1)
    try:
        async with watching(config) as watch:
            await watch.until(both_up)
            with pytest.raises(Refused, match=r"(?i)redis: .*replicas"):
                await watch.gateway.order("host:1", "quiet")
            assert both_up(watch.snapshot)
    finally:
        await redis.config_set("min-replicas-to-write", 0)


@servers
async def test_a_worker_of_another_version_is_told_of(config: Config, ready_db: Database, redis: Redis) -> None:
    beat = registry.WorkerBeat(id="h:1", host="h", pid=1, lanes=["fetch"], slots=4, busy=0, version="0.0.1")
    await registry.beat(redis, beat)
    async with watching(config) as watch:
        snapshot = await watch.until(lambda s: s.workers.rows)
        assert snapshot.workers.rows[0].version == "0.0.1"
        assert abs(snapshot.queues.skew_s) < 5


@servers
async def test_a_clock_that_is_ahead_is_measured(config: Config, ready_db: Database) -> None:
    async with watching(config, ahead=300) as watch:
        snapshot = await watch.until(lambda s: s.queues.at)
        assert 295 < snapshot.queues.skew_s < 305


async def test_clocks_and_versions_that_differ_stand_under_the_status_row() -> None:
    rows = tuple(msgspec.structs.replace(w, version="0.9", beat_at=NOW) for w in BUSY.workers.rows[:1])
    workers = msgspec.structs.replace(BUSY.workers, rows=rows + BUSY.workers.rows[1:])
    queues = msgspec.structs.replace(BUSY.queues, skew_s=-312.0)
    async with desk(msgspec.structs.replace(BUSY, workers=workers, queues=queues)) as it:
        assert "clock is 5m12s behind redis's" in it.lines[1]
        assert "workers run version 0.9" in it.lines[2]
        await it.show(msgspec.structs.replace(BUSY, workers=Workers(rows=BUSY.workers.rows, at=NOW)))
        assert "clock" not in it.text and "version" not in it.text


@pytest.mark.parametrize(
    "keys",
    [
        ("i",),
        ("i", "enter"),
        ("colon", *"run"),
        ("slash", *"acme"),
        ("question_mark",),
        ("ctrl+p",),
        ("enter",),
        ("3", "asterisk", "R"),
        ("6", "A", *"https://a.example/f", "enter"),
        ("6", "E", "enter"),
        ("6", "d"),
    ],
    ids="".join,
)
async def test_a_window_may_shrink_and_grow_while_something_is_open(keys: tuple[str, ...]) -> None:
    async with desk() as it:
        await it.press(*keys)
        for size in ((40, 10), (20, 5), (200, 60), (80, 24)):
            await it.pilot.resize_terminal(*size)
            await it.settle()
            assert len(it.lines) == size[1]
        assert "JOBIMPORT" in it.lines[0]
        await it.press("escape", "escape", "1")
        assert "[1 Queues]" in it.lines[1] and "panel" in it.lines[-1]


SHELL = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if not pid:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
while True:
    _, status = os.waitpid(pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    os.tcsetpgrp(0, os.getpgrp())
    print("SHELL HAS IT", flush=True)
    sys.stdin.readline()
    os.tcsetpgrp(0, pid)
    os.kill(pid, signal.SIGCONT)
"""


def test_ctrl_z_gives_the_terminal_back_and_fg_paints_it_all_again(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "default", SHELL, CODE)
    try:
        for _ in range(2):
            terminal.read_until(b"redis unreachable since")
            os.write(terminal.fd, b"\x1a")
            terminal.read_until(b"SHELL HAS IT")
            before = terminal.said.rpartition(b"SHELL HAS IT")[0]
            assert before.rstrip().endswith(b"\x1b[?1004l") or b"\x1b[?1049l" in before
            terminal.said = b""
            os.write(terminal.fd, b"fg\n")
            terminal.read_until(b"JOBIMPORT")
        os.write(terminal.fd, b"q")
        assert terminal.ended() == 0
        assert b"Traceback" not in terminal.said
    finally:
        terminal.close()


@pytest.mark.parametrize("section", ["runs", "listings", "failed"])
async def test_a_console_that_opens_on_a_history_reads_it_as_soon_as_mongodb_answers(section: str) -> None:
    async with desk(down(), section=section) as it:
        it.gateway.refusal = "mongodb is not connected yet"
        await it.press("r")
        it.gateway.asked.clear()
        it.gateway.refusal = ""
        await it.show(BUSY)
        assert [what for what, *_ in it.gateway.asked if what in ("runs", "listings", "rejected")]
        assert "not connected" not in it.text and "nothing to show" not in it.text


async def test_a_tick_that_comes_while_the_console_is_being_left_is_nothing() -> None:
    async with desk() as it:
        await it.press("q")
    assert it.app.screen_stack == []
    for _ in range(2):
        it.app._tick()


FAULTY = """
import os, sys
os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = sys.argv[1]
from jobimport_tui.cli.main import main
from jobimport_tui.screens.help import HelpPage
def broken(self, *_): secret = "s3cret"; raise RuntimeError("the help is broken")
HelpPage.draw = broken
away = ["--redis", "redis://127.0.0.1:1/0", "--mongo", "mongodb://127.0.0.1:1/away"]
sys.exit(main(["--config", sys.argv[1], *away]))
"""


def test_a_fault_of_ours_ends_it_in_a_sentence_and_shows_no_locals(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "default", FAULTY)
    try:
        terminal.read_until(b"redis unreachable since")
        os.write(terminal.fd, b"?")
        assert terminal.ended() == 1
        assert b"unexpected RuntimeError: the help is broken; the traceback is in" in terminal.said
        assert b"Traceback" not in terminal.said
        assert b"s3cret" not in terminal.said
    finally:
        terminal.close()
    (kept,) = tmp_path.rglob("error-*.txt")
    assert "in broken" in kept.read_text()
