"""A program at the other end of a pseudo-terminal, behind a link that can be slow, far, or both.

The link is ssh's: what the program writes fills a window (64 KiB) at once and crosses at `rate`; each way takes
`delay`. The terminal answers what Textual asks of it (DECRQM, DSR, DA), and may be watched as cells (pyte).
"""

import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyte

TICKS = os.sysconf("SC_CLK_TCK")
QUERY = re.compile(rb"\x1b\[(?:\?(?P<mode>\d+)\$p|(?P<dsr>6n)|(?P<ok>5n)|(?P<da>0?c))")


@dataclass(frozen=True)
class Link:
    """`rate` in bytes a second (0: no limit), `delay` in seconds one way."""

    rate: float = 0
    delay: float = 0
    window: int = 65536


class Tty:
    """A running program and what arrived from it: `total` bytes, `log` of (moment, bytes), `text`, `screen`."""

    def __init__(
        self,
        argv: Sequence[str],
        size: tuple[int, int] = (80, 24),
        *,
        link: Link | None = None,
        watched: bool = False,
        **env: str,
    ) -> None:
        self.link, self.size = link or Link(), size
        self.screen = pyte.Screen(*size) if watched else None
        self._stream = pyte.ByteStream(self.screen) if self.screen else None
        self.total, self.log, self.text = 0, list[tuple[float, int]](), b""
        self.began = time.monotonic()
        self._unasked = b""
        self._inputs: deque[tuple[float, bytes]] = deque()
        self._moved = threading.Condition()
        self._over = threading.Event()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # Without byte code Python keeps what it took to compile: 10 MB that no installed program has.
            here = ("SSH_CONNECTION", "SSH_TTY", "TMUX", "STY", "COLUMNS", "LINES", "NO_COLOR")
            for name in (*here, "PYTHONDONTWRITEBYTECODE"):
                os.environ.pop(name, None)
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LANG="C.UTF-8", LC_ALL="C.UTF-8")
            os.environ.update(env)
            # The size is set by the parent, too, but a fast program could look before.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.execvp(argv[0], list(argv))
        self.resize(size)
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def resize(self, size: tuple[int, int]) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        if self.screen and size != self.size:
            self.screen.resize(size[1], size[0])
        self.size = size

    # --- the link

    def _carry(self) -> None:
        held, crossing = bytearray(), deque[tuple[float, bytes]]()
        allowance, last = 0.0, time.monotonic()
        while not self._over.is_set():
            is_free = len(held) < self.link.window
            wait = 0.004 if held or crossing or self._inputs else 0.02
            if is_free and select.select([self.fd], [], [], wait)[0]:
                try:
                    held += os.read(self.fd, 65536)
                except OSError:
                    break
            elif not is_free:
                time.sleep(0.004)
            now = time.monotonic()
            if self.link.rate:
                allowance = min(allowance + (now - last) * self.link.rate, max(4096.0, self.link.rate / 50))
                count = min(len(held), int(allowance))
                allowance -= count
            else:
                count = len(held)
            last = now
            if count:
                crossing.append((now + self.link.delay, bytes(held[:count])))
                del held[:count]
            while crossing and crossing[0][0] <= now:
                self._arrive(crossing.popleft()[1])
            while self._inputs and self._inputs[0][0] <= now:
                os.write(self.fd, self._inputs.popleft()[1])

    def _arrive(self, data: bytes) -> None:
        with self._moved:
            self.total += len(data)
            self.log.append((time.monotonic(), len(data)))
            self.text += data
            if self._stream:
                self._stream.feed(data)
            asked = self._unasked + data
            end = 0
            for query in QUERY.finditer(asked):
                end = query.end()
                self._answer(query)
            self._unasked = asked[max(end, len(asked) - 12) :]
            self._moved.notify_all()

    def _answer(self, query: re.Match[bytes]) -> None:
        if query["mode"]:
            answer = b"\x1b[?%s;%d$y" % (query["mode"], 2 if query["mode"] == b"2026" else 0)
        else:
            answer = b"\x1b[1;1R" if query["dsr"] else b"\x1b[0n" if query["ok"] else b"\x1b[?62;22c"
        self.send(answer)

    def send(self, data: bytes) -> None:
        """Type."""
        self._inputs.append((time.monotonic() + self.link.delay, data))

    # --- waiting and measuring

    def until(self, is_so: Callable[[], bool], limit: float = 30) -> float:
        """Seconds until it is so; AssertionError after `limit`."""
        began = time.monotonic()
        with self._moved:
            while not is_so():
                left = began + limit - time.monotonic()
                if left <= 0:
                    shown = "\n".join(self.screen.display) if self.screen else repr(self.text[-2000:])
                    raise AssertionError(f"not within {limit} s:\n{shown}")
                self._moved.wait(min(left, 0.5))
        return time.monotonic() - began

    def until_text(self, text: bytes, limit: float = 30) -> float:
        return self.until(lambda: text in self.text, limit)

    def until_shown(self, text: str, limit: float = 30) -> float:
        assert self.screen is not None
        return self.until(lambda: any(text in line for line in self.screen.display), limit)  # type: ignore[union-attr]

    def until_quiet(self, seconds: float = 1.5, limit: float = 30) -> int:
        """Bytes that arrived until nothing did for some seconds."""
        began = time.monotonic()
        while time.monotonic() - began < limit:
            last = self.log[-1][0] if self.log else 0.0
            if self.log and time.monotonic() - max(last, began) >= seconds:
                break
            time.sleep(0.02)
        return self.total

    def during(self, seconds: float) -> tuple[float, float]:
        """Bytes a second and CPU in percent of a core."""
        bytes_, cpu, began = self.total, self.cpu(), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        return (self.total - bytes_) / took, (self.cpu() - cpu) / took * 100

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Resident MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._over.set()
        self._thread.join()
        os.close(self.fd)

    def __enter__(self) -> "Tty":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
