"""A process of ours that cannot outlive us, and a folder that only one of us uses at a time."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from workers.errors import ConfigError

# Runs in the child before the program: unlike a preexec_fn it is safe beside threads. The signal would be
# missed if we died before it was asked for, hence the look at the parent.
_LAUNCH = """
import ctypes, os, sys
parent, sign, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
ctypes.CDLL(None).prctl(1, sign, 0, 0, 0)  # 1: PR_SET_PDEATHSIG
if os.getppid() == parent:
    os.execv(program[0], program)
"""
_LOG_KEPT = 8 * 2**20  # bytes; a longer log starts anew, and the old one is kept once
_POLL = 0.02


class Child:
    """A program in a session of its own, killed by the kernel when the thread that started it ends.

    `argv[0]` is an absolute path. Output goes to the end of `log`. `keep` are file descriptors it inherits.
    A Ctrl-C at the terminal does not reach it: we stop our children ourselves, in order.
    """

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        keep: Sequence[int] = (),
    ) -> None:
        turn_log(log)
        launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), str(int(signal.SIGKILL))]
        with log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 (the programs are ours)
                [*launch, *argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                pass_fds=tuple(keep),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id, which is the session's as well."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None and not self._is_zombie()

    @property
    def exit_code(self) -> int | None:
        """What it ended with (minus the signal's number), None before `ended` or `stop` has seen it."""
        return self._process.returncode

    async def ended(self) -> int:
        """Wait for its end and end what it left in its session; the exit code. One waiter at a time."""
        if self._process.returncode is None:
            fd = os.pidfd_open(self.pid)
            try:
                await anyio.wait_readable(fd)
            finally:
                os.close(fd)
            self.kill()
        return self._process.wait()

    async def stop(self, grace: float) -> None:
        """End it: SIGTERM, after `grace` seconds SIGKILL."""
        if self.running:
            self._process.terminate()
        with anyio.move_on_after(grace, shield=True):
            await self.ended()
        self.kill()
        with anyio.CancelScope(shield=True):
            await self.ended()

    def kill(self) -> None:
        """SIGKILL to its whole session; see `ended` for waiting until it has worked."""
        if self._process.returncode is None:  # not reaped: the number cannot be a stranger's yet
            os.killpg(self.pid, signal.SIGKILL)

    def _is_zombie(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def turn_log(log: Path) -> None:
    """Make the log's folder, and put a long log aside as NAME.1."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_KEPT:
        log.replace(log.with_name(f"{log.name}.1"))


def last_line(log: Path) -> str:
    """Last line of a log that says something, for the sentence that reports its writer's death."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[-300:]


@asynccontextmanager
async def alongside(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None]:
    """Run something endless beside a block. What the block raises comes out as itself, not in a group."""
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            yield
            group.cancel_scope.cancel()
    except BaseExceptionGroup as errors:
        first, *others = errors.exceptions
        if others:
            raise
        raise first from first.__cause__


class Claim:
    """Sole use of a folder: a lock that the kernel frees when we and the servers that inherit `fd` are dead.

    A file left behind by kill -9 is therefore no obstacle; the process id in it only serves the message.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.fd = -1

    async def take(self, patience: float = 10) -> None:
        """Take it. Where its holder is dead, its servers may need a moment to follow: `patience` seconds.

        Raises ConfigError that names the folder and who uses it, or why it cannot be used.
        """
        folder = self._file.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError("data folder", "", str(folder), f"a folder to write to ({error.strerror})") from error
        deadline = anyio.current_time() + patience
        while not _locked(fd):
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
            if _alive(holder) or anyio.current_time() > deadline:
                os.close(fd)
                wanted = f"a folder that no other jobimport uses; process {holder or '?'} uses it"
                raise ConfigError("data folder", "", str(folder), wanted)
            await anyio.sleep(_POLL)
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        self.fd = fd

    def release(self) -> None:
        """Give it back."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(holder: str) -> bool:
    if not holder.isdigit():
        return False
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
