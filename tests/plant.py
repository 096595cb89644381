"""A plant for tests: configuration, sources, real worker processes, and an operator's hand on it.

plant.source("board", url, kind="snapshot")
async with plant.workers(): run = await plant.run("board")
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio

from workers.actors.desk import Desk
from workers.actors.progress import Progress
from workers.control import request_import
from workers.model import Run, Source
from workers.queue.connect import Redis
from workers.queue.depth import snapshot
from workers.settings import Config, load
from workers.sources import load_one, save
from workers.store import batches, runs
from workers.store.connect import Database

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T | None]], limit: float = 30.0) -> T:
    """The first answer that is not None or False; AssertionError after `limit` seconds."""
    with anyio.move_on_after(limit):
        while True:
            found = await look()
            if found:
                return found
            await anyio.sleep(0.02)
    raise AssertionError(f"nothing within {limit} s")


async def are_gone(pids: Iterable[int]) -> bool:
    """Whether none of these processes is there any more."""
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


ALLOWED = '[fetch]\nallow_hosts = ["127.0.0.1"]\n'


def new_plant(
    folder: Path, db: Database, redis: Redis, *, redis_url: str, mongo_url: str, settings: str = ALLOWED
) -> "Plant":
    """A plant in a new folder, over servers that are there; `settings` is its jobimport.toml."""
    (folder / "sources").mkdir(parents=True)
    (folder / "jobimport.toml").write_text(settings)
    env = {"CONFIG": str(folder), "REDIS_URL": redis_url, "MONGO_URL": mongo_url}
    return Plant(folder, db, redis, {**os.environ, **{f"JOBIMPORT_{name}": value for name, value in env.items()}})


@dataclass
class Plant:
    """One test's plant. `env` is what its processes get."""

    folder: Path
    db: Database
    redis: Redis
    env: dict[str, str]

    @property
    def config(self) -> Config:
        return load(self.folder, environ=self.env)

    def source(self, name: str, url: str, *, schedule: str = "", **settings: Any) -> Source:
        source = Source(name=name, url=url, schedule=schedule, **settings)
        save(self.folder / "sources", source)
        return source

    def desk(self, worker: str = "test") -> Desk:
        """A desk in this process, to call actors by hand."""
        return Desk(self.db, self.redis, self.config, worker, Progress(self.db, self.redis, worker))

    async def request(self, name: str, **asked: Any) -> Run:
        source = load_one(self.folder / "sources", name)
        requested = await request_import(self.db, self.redis, source, trigger="cli", user="test", **asked)
        assert requested.run is not None
        return requested.run

    async def under_way(self, run_id: int, least: int = 3) -> None:
        """Wait until so many of a run's batches are done."""

        async def are_done() -> bool:
            return (await batches.totals(self.db, run_id)).done >= least

        await eventually(are_done)

    async def ended(self, run_id: int, limit: float = 40.0) -> Run:
        async def look() -> Run | None:
            run = await runs.get(self.db, run_id)
            return run if run and not run.active else None

        try:
            return await eventually(look, limit)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{await self._state(run_id)}") from None

    async def _state(self, run_id: int) -> str:
        """What there is to know when a run does not end."""
        run, rows = await runs.get(self.db, run_id), await batches.totals(self.db, run_id)
        depths = await snapshot(self.redis)
        logs = "".join(file.read_text()[-4000:] for file in self.folder.glob("*.log"))
        return f"{run}\n{rows}\n{depths}\n{logs}"

    async def run(self, name: str, limit: float = 40.0, **asked: Any) -> Run:
        """Import a source and wait for the run's end."""
        return await self.ended((await self.request(name, **asked)).id, limit)

    @asynccontextmanager
    async def workers(self, processes: int = 1, **env: str) -> AsyncGenerator["Workers", None]:
        """`jobimport worker`, until the block ends."""
        crew = Workers(self, processes, env)
        crew.start()
        try:
            yield crew
        finally:
            crew.stop()

    @contextmanager
    def scheduler(self) -> Generator["subprocess.Popen[bytes]"]:
        """`jobimport scheduler`, until the block ends; slots are due at once."""
        env = {**self.env, "JOBIMPORT_IMPORT_SCHEDULE_JITTER": "0s"}
        with (self.folder / "scheduler.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "workers.service.scheduler"], env=env, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(10)


class Workers:
    """A process manager and its children."""

    def __init__(self, plant: Plant, processes: int, env: dict[str, str]) -> None:
        self._plant = plant
        self._env = {**plant.env, **env, "JOBIMPORT_WORKER_PROCESSES": str(processes)}
        self._process: subprocess.Popen[bytes] | None = None
        self.log = plant.folder / "worker.log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers.service.worker"], env=self._env, stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def kill_child(self) -> int:
        """Kill -9 of one worker process; the manager starts another."""
        pid = self.children()[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill(self) -> None:
        """Kill -9 of the manager."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self, limit: float = 35.0) -> float:
        """SIGTERM; returns the seconds until the exit."""
        assert self._process is not None
        began = time.monotonic()
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(limit)
        return time.monotonic() - began
