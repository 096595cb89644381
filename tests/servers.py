"""Real servers for tests: our own embedding, Debian's redis-server from its packages, and processes to kill."""

import fcntl
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

import anyio

from workers.service import libraries
from workers.service.child import Child, last_line
from workers.service.embedded import HOST

CERTIFICATE = Path(__file__).parent / "unit" / "fetching" / "loopback.pem"
"""Key and certificate for 127.0.0.1, its own authority."""


def say(port: int, *command: str) -> bytes:
    """One command to a Redis, without a client: the first bytes of its answer."""
    with socket.create_connection((HOST, port), timeout=10) as link:
        link.sendall((" ".join(command) + "\r\n").encode())
        return link.recv(4096)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def debian_redis() -> list[str]:
    """Command that starts Debian's redis-server (7.0, with TLS), fetched without root into the cache."""
    # The program looks at its own name: as the file that Debian's link leads to it would be redis-check-rdb.
    *environment, program = _debian("redis-server")
    return [*environment, str(Path(program).with_name("redis-server"))]


def debian_redis_cli() -> list[str]:
    """Command that starts Debian's redis-cli."""
    return _debian("redis-cli")


def _debian(program: str) -> list[str]:
    root = libraries.cache() / "debian-redis"
    root.parent.mkdir(parents=True, exist_ok=True)
    binary = root / "usr" / "bin" / program
    with root.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists() or libraries.missing(str(binary), root):
            libraries.fetch(["redis-server", "redis-tools"], root, wanted_by="tests")
    return ["/usr/bin/env", f"LD_LIBRARY_PATH={libraries.library_path(root)}", str(binary)]


class Process:
    """A server that a test starts, kills, freezes and starts again; it cannot outlive the tests."""

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self.command, self.port, self.log = list(command), port, log
        self._child: Child | None = None
        self._killed = False

    @property
    def running(self) -> bool:
        # What was killed a moment ago may not have died yet.
        return self._child is not None and not self._killed and self._child.running

    async def start(self) -> None:
        """Start it, unless it runs, and wait until it listens."""
        if self.running:
            return
        if self._child is not None:
            await self._child.ended()
        self._child, self._killed = Child(self.command, self.log), False
        with anyio.fail_after(30):
            while not self._listens():
                assert self._child.running, f"{self.command[0]} ended: {last_line(self.log)}"
                await anyio.sleep(0.02)

    def _listens(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), timeout=5).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        self._killed = True
        if self._child is not None:
            self._child.kill()

    def freeze(self) -> None:
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGSTOP)
