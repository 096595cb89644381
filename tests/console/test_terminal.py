"""A real terminal: first text with both servers away, SIGTERM, and a terminal that goes away."""

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CODE = """
import signal, sys
from pathlib import Path
if sys.argv[2] == "ignore":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
from jobimport_tui.opening import Opening, run_console
from workers.settings import Config, MongoSettings, RedisSettings, Settings
away = Settings(redis=RedisSettings("redis://127.0.0.1:1/0"), mongo=MongoSettings("mongodb://127.0.0.1:1/away"))
sys.exit(run_console(Config(Path(sys.argv[1]), away), Opening())[0])
"""


class Terminal:
    """A console at the other end of a pseudo-terminal."""

    def __init__(self, folder: Path, hangup: str, *code: str) -> None:
        """`code` is another program than the console itself, and its first arguments."""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLUMNS="80", LINES="24")
            os.execv(sys.executable, [sys.executable, "-c", *(code or (CODE,)), str(folder), hangup])
        self.code: int | None = None
        self.said = b""

    def read_until(self, text: bytes, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < end, self.said[-2000:]
            if select.select([self.fd], [], [], 0.1)[0]:
                self.said += os.read(self.fd, 65536)

    def ended(self, seconds: float = 30) -> int:
        end = time.monotonic() + seconds
        while self.code is None:
            assert time.monotonic() < end, "the console is still there"
            if self.fd >= 0 and select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.said += os.read(self.fd, 65536)
                except OSError:
                    self.hang_up()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def hang_up(self) -> None:
        os.close(self.fd)
        self.fd = -1

    def close(self) -> None:
        if self.fd >= 0:
            self.hang_up()
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


@pytest.fixture(params=["default", "ignore"])
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    console = Terminal(tmp_path, request.param)
    yield console
    console.close()


def test_trouble_is_painted_and_q_leaves(terminal: Terminal) -> None:
    terminal.read_until(b"JOBIMPORT")
    terminal.read_until(b"redis unreachable since")
    terminal.read_until(b"mongodb unreachable since")
    os.write(terminal.fd, b"q")
    assert terminal.ended() == 0
    assert b"Traceback" not in terminal.said
    assert b"\x1b[?1049l" in terminal.said  # the screen is given back


def test_sigterm_gives_the_terminal_back(terminal: Terminal) -> None:
    terminal.read_until(b"JOBIMPORT")
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.ended() == 143
    assert b"\x1b[?1049l" in terminal.said and b"Traceback" not in terminal.said


def test_a_lost_terminal_ends_the_process(terminal: Terminal) -> None:
    terminal.read_until(b"JOBIMPORT")
    terminal.hang_up()
    assert terminal.ended() == 129
