"""Redis and MongoDB without a machine prepared for them: Valkey from a wheel, mongod from PATH or a wheel.

    async with embedded_redis(data_dir) as redis_url, embedded_mongo(data_dir) as mongo_url: ...

Both keep their data in the data folder, listen on loopback, come back when they die, and end with us even
if we are killed. The port of the last time is taken again if it is free.
"""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import anyio
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from workers.errors import Unreachable
from workers.service import libraries
from workers.service.child import Child, Claim, alongside, last_line

HOST = "127.0.0.1"
REPLICA_SET = "rs0"
DATABASE = "jobimport"

_READY_SECONDS = 120  # a long append-only file or journal is read first
_STOP_SECONDS = 20
_PORT_TRIES = 3
_BACKOFF_MAX = 10.0
_POLL = 0.02
_NOT_INITIATED = 94  # NotYetInitialized


class Server:
    """One server process and its data: start, stop, kill; `keep` brings it back when it dies."""

    title: ClassVar[str]
    name: ClassVar[str]

    def __init__(self, data_dir: Path, port: int = 0) -> None:
        self.data_dir = data_dir.absolute()
        self.folder = self.data_dir / self.name
        self.log = self.data_dir / f"{self.name}.log"
        self.port = 0
        self._port_file = self.data_dir / f"{self.name}.port"
        self._wanted = port
        self._claim = Claim(self.data_dir / f"{self.name}.lock")
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """Process id, None while it does not run."""
        return self._child.pid if self._child is not None and self._child.running else None

    async def start(self) -> None:
        """Start and wait until it answers; after `kill` again, on the same port. Not while it runs.

        Raises ConfigError (the folder is in use, the program is missing), Unreachable (it does not start).
        """
        if self._child is not None:
            await self._child.ended()  # two over one folder would spoil it
        if self._claim.fd < 0:
            await self._claim.take()
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        program = await self._program()
        self.folder.mkdir(parents=True, exist_ok=True)
        for turn in range(_PORT_TRIES):
            self.port = self._wanted or choose_port(self._port_file, afresh=turn > 0)
            self._child = Child([*program, *self._flags()], self.log, keep=[self._claim.fd])
            if await self._answers(self._child):
                return
            if self._wanted or "in use" not in self.log.read_text("utf-8", "replace")[-4096:]:
                break
        raise Unreachable(self.title, f"{HOST}:{self.port}", self._why())

    async def _answers(self, child: Child) -> bool:
        with anyio.move_on_after(_READY_SECONDS):
            while child.running:
                if await self._ready():
                    return True
                await anyio.sleep(_POLL)
        return False

    def _why(self) -> str:
        code = self._child.exit_code if self._child else None
        state = f"it did not answer within {_READY_SECONDS} s" if code is None else f"it ended with {code}"
        return f"{state}; {self.log} ends with {last_line(self.log)!r}"

    async def stop(self) -> None:
        """End it in good order and give the folder back; nothing if it does not run."""
        if self._child is not None:
            await self._child.stop(_STOP_SECONDS)
            self._child = None
        self._claim.release()

    def kill(self) -> None:
        """SIGKILL; the folder stays ours."""
        if self._child is not None:
            self._child.kill()

    async def keep(self) -> None:
        """Bring it back whenever it dies, with a growing pause; ends only by being cancelled."""
        pause = 0.1
        while True:
            if self._child is not None:
                await self._child.ended()
            self._wanted = self.port  # those who are connected come back to this one
            try:
                await self._start()
                pause = 0.1
            except Unreachable:
                await anyio.sleep(pause)
                pause = min(pause * 2, _BACKOFF_MAX)

    @property
    def url(self) -> str:
        """Where clients find it."""
        raise NotImplementedError

    async def _program(self) -> list[str]:
        raise NotImplementedError

    def _flags(self) -> list[str]:
        raise NotImplementedError

    async def _ready(self) -> bool:
        raise NotImplementedError


class RedisServer(Server):
    """Valkey with the settings that design section 5 asks for: append-only file, no eviction."""

    title = "Redis"
    name = "redis"

    @property
    def url(self) -> str:
        """Address with the first database."""
        return f"redis://{HOST}:{self.port}/0"

    async def _program(self) -> list[str]:
        return [libraries.valkey_server()]

    def _flags(self) -> list[str]:
        flags = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",  # the append-only file has a snapshot as its base
            "loglevel": "warning",
        }
        return [part for key, value in flags.items() for part in (f"--{key}", value)]

    async def _ready(self) -> bool:
        return await _ask(self.port, b"PING\r\n") == b"+PONG\r\n"


class MongoServer(Server):
    """A mongod as the only member of a replica set, so that majority writes and retries are the real ones."""

    title = "MongoDB"
    name = "mongo"

    @property
    def url(self) -> str:
        """Address with our database's name; by replica set, so that clients wait for its election."""
        return f"mongodb://{HOST}:{self.port}/{DATABASE}?replicaSet={REPLICA_SET}"

    async def _program(self) -> list[str]:
        return await libraries.mongod()

    def _flags(self) -> list[str]:
        flags = {
            "bind_ip": HOST,
            "port": str(self.port),
            "dbpath": str(self.folder),
            "replSet": REPLICA_SET,
            "wiredTigerCacheSizeGB": "0.25",
            "oplogSize": "256",  # MB
            "slowms": "1000",
        }
        switches = ["--quiet", "--nounixsocket", "--setParameter", "diagnosticDataCollectionEnabled=false"]
        return [*(part for key, value in flags.items() for part in (f"--{key}", value)), *switches]

    async def _ready(self) -> bool:
        if not await _ask(self.port, b""):
            return False
        direct = f"mongodb://{HOST}:{self.port}/?directConnection=true&timeoutMS=5000"
        try:
            async with AsyncMongoClient[dict[str, Any]](direct) as client:
                return await self._primary(client)
        except PyMongoError:
            return False

    async def _primary(self, client: AsyncMongoClient[dict[str, Any]]) -> bool:
        """Make it a set of one, or teach the set its new port; True once it takes writes."""
        hello = await client.admin.command("hello")
        if hello.get("isWritablePrimary") and hello.get("me") == f"{HOST}:{self.port}":
            return True
        member = {"_id": 0, "host": f"{HOST}:{self.port}"}
        try:
            config = (await client.admin.command("replSetGetConfig"))["config"]
        except OperationFailure as error:
            if error.code != _NOT_INITIATED:
                raise
            await client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            return False
        if [m["host"] for m in config["members"]] != [member["host"]]:
            config = {**config, "version": config["version"] + 1, "members": [member]}
            await client.admin.command("replSetReconfig", config, force=True)
        return False


async def _ask(port: int, request: bytes) -> bytes:
    """First answer of whoever listens on a port, b"" for nobody; b"ok" where nothing is asked."""
    try:
        async with await anyio.connect_tcp(HOST, port) as stream:
            if not request:
                return b"ok"
            await stream.send(request)
            return await stream.receive(64)
    except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
        return b""


async def answers(port: int, *, within: float) -> bool:
    """Whether somebody listens on a port of loopback, waiting up to so many seconds for it."""
    with anyio.move_on_after(within):
        while not await _ask(port, b""):  # noqa: ASYNC110 (another process's doing raises no event here)
            await anyio.sleep(_POLL)
        return True
    return False


def choose_port(file: Path, *, afresh: bool = False) -> int:
    """The port that a file remembers if it is free, else (or `afresh`) any free one, which it then remembers."""
    last = file.read_text("ascii").strip() if file.exists() and not afresh else ""
    port = next(filter(None, map(_free, (int(last) if last.isdigit() else 0, 0))), 0)
    file.write_text(f"{port}\n", "ascii")
    return port


def _free(port: int) -> int:
    """The port if it is free (0: any free one), else 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])


@asynccontextmanager
async def embedded_redis(data_dir: Path, port: int = 0) -> AsyncGenerator[str]:
    """Run a Redis over data_dir/redis; yields its URL. Raises what `Server.start` raises."""
    async with _kept(RedisServer(data_dir, port)) as server:
        yield server.url


@asynccontextmanager
async def embedded_mongo(data_dir: Path, port: int = 0) -> AsyncGenerator[str]:
    """Run a MongoDB over data_dir/mongo; yields its URL. Raises what `Server.start` raises."""
    async with _kept(MongoServer(data_dir, port)) as server:
        yield server.url


@asynccontextmanager
async def _kept(server: Server) -> AsyncGenerator[Server]:
    await server.start()
    try:
        async with alongside(server.keep):
            yield server
    finally:
        await server.stop()
