"""The whole of it on one machine: Redis, MongoDB, the demo's feeds if asked for, workers and scheduler.

    async with stack(data_dir, config=load(), demo=True) as up:
        up.redis_url, up.mongo_url, up.config_folder, up.env

Every part is a process of its own that writes to data_dir/logs (the servers to data_dir), is started again when it
dies, and is stopped in reverse order at the end. If this process is killed, the kernel ends them all.
"""

import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import anyio
import platformdirs

from workers.errors import Unreachable
from workers.service.child import Child, alongside, last_line
from workers.service.demo_config import write_demo_config
from workers.service.embedded import HOST, answers, choose_port, embedded_mongo, embedded_redis
from workers.settings import Config

_PAUSE_MIN, _PAUSE_MAX = 0.5, 15.0
_HEALTHY_SECONDS = 30  # who ran this long may start again at once
_READY_SECONDS = 20


class Stack(NamedTuple):
    """What runs, and how other processes find it: `env` holds the JOBIMPORT_* variables."""

    redis_url: str
    mongo_url: str
    config_folder: Path
    env: dict[str, str]
    demo_url: str = ""


def default_data_dir() -> Path:
    """Where the servers keep their data if nobody says otherwise."""
    return platformdirs.user_data_path("jobimport")


@asynccontextmanager
async def stack(
    data_dir: Path,
    *,
    config: Config,
    demo: bool = False,
    processes: int | None = None,
    redis_port: int = 0,
    mongo_port: int = 0,
) -> AsyncGenerator[Stack]:
    """Run everything over a data folder; yields when both servers answer. Ports of 0: the last ones, or any.

    With `demo` the sources are the demo's own, in data_dir/demo, and not those of `config`.
    Raises ConfigError (folder in use, program missing), Unreachable (a server does not start).
    """
    async with AsyncExitStack() as parts:
        redis_url = await parts.enter_async_context(embedded_redis(data_dir, redis_port))
        mongo_url = await parts.enter_async_context(embedded_mongo(data_dir, mongo_port))
        folder, demo_url = config.folder, ""
        if demo:
            folder = data_dir / "demo"
            demo_url = await parts.enter_async_context(_demo(data_dir, folder, config))
        spoken = {"JOBIMPORT_REDIS_URL": redis_url, "JOBIMPORT_MONGO_URL": mongo_url}
        if folder.is_dir():
            spoken["JOBIMPORT_CONFIG"] = str(folder.resolve())
        if processes is not None:
            spoken["JOBIMPORT_WORKER_PROCESSES"] = str(processes)
        env = {**os.environ, **spoken}
        grace = float(config.settings.worker.stop_grace) + 6
        await parts.enter_async_context(Service("worker", data_dir, env).running(grace))
        await parts.enter_async_context(Service("scheduler", data_dir, env).running(grace=5))
        yield Stack(redis_url, mongo_url, folder, spoken, demo_url)


@asynccontextmanager
async def _demo(data_dir: Path, folder: Path, config: Config) -> AsyncGenerator[str]:
    """Serve the demo's feeds and write the sources that name them; yields the server's address."""
    port = choose_port(data_dir / "demo.port")
    address = f"http://{HOST}:{port}"
    write_demo_config(folder, config, address)
    feeds = Service("demo_server", data_dir, os.environ, (str(folder), str(port)))
    async with feeds.running(grace=2):
        if not await answers(port, within=_READY_SECONDS):
            said = f"{feeds.log} ends with {last_line(feeds.log)!r}"
            raise Unreachable("the demo's feed server", address, f"no answer in {_READY_SECONDS} s; {said}")
        yield address


class Service:
    """A module of workers.service run as a process, and run again when it fails: it ends with 0 when told to."""

    def __init__(self, module: str, data_dir: Path, env: Mapping[str, str], args: tuple[str, ...] = ()) -> None:
        self.log = data_dir / "logs" / f"{module}.log"
        # -P: a folder named workers where the command was given is not ours.
        self._argv = [sys.executable, "-P", "-m", f"workers.service.{module}", *args]
        self._env = env
        self._child: Child | None = None

    @asynccontextmanager
    async def running(self, grace: float) -> AsyncGenerator[None]:
        """Keep it running during a block; at the end SIGTERM, and SIGKILL after `grace` seconds."""
        try:
            async with alongside(self._keep):
                yield
        finally:
            if self._child is not None:
                await self._child.stop(grace)

    async def _keep(self) -> None:
        pause = _PAUSE_MIN
        while True:
            began = anyio.current_time()
            self._child = Child(self._argv, self.log, env=self._env)
            code = await self._child.ended()
            if code == 0:
                self._note("ended as it was told to")
                return
            pause = _PAUSE_MIN if anyio.current_time() - began > _HEALTHY_SECONDS else min(pause * 2, _PAUSE_MAX)
            self._note(f"ended with {code}, starts again in {pause:.0f} s")
            await anyio.sleep(pause)

    def _note(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"jobimport: {self._argv[3]} {text}\n")
