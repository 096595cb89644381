"""`jobimport demo` as a user meets it: a terminal, one command, a console, `q`, and nothing left behind."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest

from tests.contract.cli.test_command import COMMAND, processes_over
from workers.service.embedded import MongoServer

LIMIT = 60.0


class Terminal:
    """A command in a terminal of 80x24, and what stands on its screen."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self.sent = b""
        self._fd, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=env, start_new_session=True)
        os.close(side)

    def read(self) -> None:
        if select.select([self._fd], [], [], 0.05)[0]:
            try:
                piece = os.read(self._fd, 65536)
            except OSError:
                return  # the other side is closed
            self.sent += piece
            self._stream.feed(piece)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < deadline, "\n".join(self.screen.display)
            self.read()

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.screen.display)

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def is_given_back(self) -> bool:
        """Whether the program has left the alternate screen that it opened."""
        return self.sent.rfind(b"\x1b[?1049l") > self.sent.rfind(b"\x1b[?1049h") > 0

    def close(self) -> None:
        self.process.kill()
        os.close(self._fd)


@pytest.fixture
def data(tmp_path: Path, mongo_server: MongoServer) -> Path:
    """A folder for a stack of our own; `mongo_server` proves that this machine can run one."""
    assert mongo_server.pid is not None
    return tmp_path / "data"


def test_the_console_opens_over_the_stack_and_q_takes_all_of_it_away(data: Path):
    env = {**os.environ, "TERM": "xterm-256color", "JOBIMPORT_CONFIG": str(data.parent)}
    terminal = Terminal([*COMMAND, "demo", "--data-dir", str(data)], env)
    try:
        terminal.until(lambda: terminal.shows("demo") and terminal.shows("Queues"))
        terminal.until(lambda: terminal.shows("city-jobs"))
        assert processes_over(data)
        terminal.type("q")
        terminal.until(lambda: terminal.has_ended)
        assert terminal.process.returncode == 0
        terminal.until(lambda: terminal.is_given_back)
    finally:
        terminal.close()
    assert processes_over(data) == []


def test_sigterm_gives_the_terminal_back(data: Path):
    env = {**os.environ, "TERM": "xterm-256color", "JOBIMPORT_CONFIG": str(data.parent)}
    terminal = Terminal([*COMMAND, "demo", "--data-dir", str(data)], env)
    try:
        terminal.until(lambda: terminal.shows("city-jobs"))
        terminal.process.send_signal(signal.SIGTERM)
        terminal.until(lambda: terminal.has_ended)
        assert terminal.process.returncode == 0
        terminal.until(lambda: terminal.is_given_back)
        assert b"Traceback" not in terminal.sent
    finally:
        terminal.close()
    assert processes_over(data) == []


def test_headless_it_tells_each_run(data: Path):
    env = {**os.environ, "JOBIMPORT_CONFIG": str(data.parent)}
    demo = subprocess.Popen(
        [*COMMAND, "demo", "--headless", "--data-dir", str(data)], env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        assert demo.stdout is not None
        ended: dict[str, str] = {}
        servers: dict[str, str] = {}
        for line in demo.stdout:
            words = line.split()
            if words[0] in ("redis", "mongodb"):
                servers[words[0]] = words[1]
            elif len(words) > 5 and words[5].rstrip(";:") in ("succeeded", "partial", "unchanged"):
                ended.setdefault(words[2].rstrip(":"), line)
            if ended.keys() >= {"city-jobs", "wingtip"}:
                break
        assert "2,000 new" in ended["city-jobs"]
        search = [*COMMAND, "jobs", "search", "--json", "--limit", "1", "--mongo", servers["mongodb"]]
        found = subprocess.run(search, capture_output=True, env=env, timeout=LIMIT)
        assert json.loads(found.stdout)["_id"]
        demo.send_signal(signal.SIGINT)
        assert demo.wait(LIMIT) == 130
    finally:
        demo.kill()
    assert processes_over(data) == []


def test_without_a_terminal_the_console_is_refused_before_anything_starts(data: Path):
    done = subprocess.run([*COMMAND, "demo", "--data-dir", str(data)], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 2
    assert done.stderr == "jobimport: demo: expected a terminal for the console, or --headless\n"
    assert not data.exists()
