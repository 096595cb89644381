"""Worker processes and a Redis that a test may kill, freeze and start again."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tests.contract.queue.harness import NOTHING, left, until
from tests.servers import free_port, say
from workers.queue import dead
from workers.queue.connect import Redis
from workers.queue.message import Message

LEASE = 1.5
RECLAIM = LEASE * 4 / 3 + 1 + 5
"""The lease, the clock's third of it, a blocking read, and what two busy cores may add: stock never came back."""


def batch(kind: Literal["sleep", "once", "die", "fail", "spin"], seconds: float = 0, name: str = "x") -> Message:
    return Message(stage="upsert", run=1, source="demo", batch=f"1:{kind}-{seconds}-{name}")


async def nothing_left(redis: Redis) -> bool:
    return await left(redis) == NOTHING


async def reads(redis: Redis, workers: int) -> bool:
    """Whether so many clients are blocked in a read: the workers are up."""
    return (await redis.info("clients"))["blocked_clients"] >= workers


async def dead_letters(redis: Redis, count: int) -> bool:
    return await dead.count(redis) == count


class Journal:
    """What the workers' tasks wrote."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def lines(self) -> list[tuple[str, str, int]]:
        if not self.file.exists():
            return []
        return [(what, batch, int(pid)) for what, batch, pid in map(str.split, self.file.read_text().splitlines())]

    def of(self, what: str) -> Counter[str]:
        return Counter(batch for said, batch, _ in self.lines() if said == what)

    def pids(self, what: str, message: Message) -> list[int]:
        return [pid for said, batch, pid in self.lines() if said == what and batch == message.batch]


class Worker:
    """One worker process; `start` again is its respawn, under the same name."""

    def __init__(self, url: str, journal: Journal, consumer: str, **options: float) -> None:
        self._command = [sys.executable, "-m", "tests.crash.queue.worker_main", url, str(journal.file)]
        self._command += ["--consumer", consumer]
        for name, value in options.items():
            self._command += [f"--{name.replace('_', '-')}", str(value)]
        self._log = journal.file.with_name(f"{consumer}.log")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def log(self) -> str:
        return self._log.read_text()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    async def terminate(self, limit: float) -> None:
        self.process.terminate()
        await until(lambda: not self.alive, limit)


class Server:
    """A Redis of one kind; without `folder` it forgets everything when it is killed."""

    def __init__(self, program: Sequence[str], folder: Path | None = None) -> None:
        self.port = free_port()
        self._command = [*program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._command += ["--loglevel", "warning"]
        if folder is not None:
            self._command += ["--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        await until(self._answers)

    def _answers(self) -> bool:
        try:
            return say(self.port, "PING").startswith(b"+PONG")
        except OSError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)
