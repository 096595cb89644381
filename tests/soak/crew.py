"""Worker processes as a machine's supervisor keeps them: a manager that ends is started again."""

import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import anyio

from tests.soak.waiting import until
from workers.service.child import Child


class Crew:
    """One `jobimport worker`: a manager and its children. Each start has a log of its own."""

    def __init__(self, name: str, folder: Path, env: Mapping[str, str], rng: random.Random) -> None:
        self.name = name
        self._folder, self._env, self._rng = folder, env, rng
        self._child: Child | None = None
        self._kept = True
        self.starts = 0
        self.endings: list[int] = []

    async def keep(self) -> None:
        """Run it until `stop`, with a short pause after each end."""
        while self._kept:
            self.starts += 1
            log = self._folder / f"worker-{self.name}-{self.starts:03}.log"
            self._child = Child([sys.executable, "-m", "workers.service.worker"], log, env=self._env)
            self.endings.append(await self._child.ended())
            if self._kept:
                await anyio.sleep(self._rng.uniform(0.1, 1.5))

    @property
    def pid(self) -> int | None:
        """The manager's process id, None while it does not run."""
        return self._child.pid if self._child is not None and self._child.running else None

    def children(self) -> list[int]:
        """Process ids of the workers."""
        pid = self.pid
        try:
            text = Path(f"/proc/{pid}/task/{pid}/children").read_text() if pid else ""
        except OSError:
            return []
        return [int(child) for child in text.split()]

    async def terminate(self, limit: float = 60.0) -> float | None:
        """SIGTERM to the manager; seconds until it has gone, None where there was none. It is started again."""
        child, pid = self._child, self.pid
        if child is None or pid is None:
            return None
        began = time.monotonic()
        os.kill(pid, signal.SIGTERM)

        async def gone() -> bool:
            return not child.running

        if not await until(gone, limit, every=0.01):
            raise TimeoutError
        return time.monotonic() - began

    async def stop(self) -> float | None:
        """SIGTERM, and no new start; seconds until it has gone."""
        self._kept = False
        return await self.terminate()

    def kill(self) -> None:
        """End it for good, at once."""
        self._kept = False
        if self._child is not None:
            self._child.kill()
