"""Redis in every way that a URL can name: one server, Sentinels, a cluster; and how each of them fails.

`fail` kills what serves now: the only server, or a master that has a replica. `heal` starts all that is dead and
waits until the deployment could bear a failure again.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.plant import eventually
from tests.servers import CERTIFICATE, Process, debian_redis, free_port
from workers.service.embedded import HOST
from workers.service.libraries import valkey_server
from workers.settings import RedisSettings

SERVICE = "jobs"
DOWN_MS = 1000
"""A node that is silent for so long is down: what a fail-over takes is mostly this."""

NODE_TIMEOUT_MS = 1500

TLS = {
    "tls-cert-file": str(CERTIFICATE),
    "tls-key-file": str(CERTIFICATE),
    "tls-ca-cert-file": str(CERTIFICATE),
    "tls-auth-clients": "no",
    "tls-replication": "yes",
    "tls-cluster": "yes",
}


def flagged(flags: dict[str, str]) -> list[str]:
    return [part for key, value in flags.items() for part in (f"--{key}", value)]


class Deployment(ABC):
    """Several processes in one folder. `partitions` is what the workers are told."""

    partitions: ClassVar[int] = 1
    remembers: bool = True
    """Whether what Redis had accepted is there after a failure."""

    def __init__(self, folder: Path, program: Sequence[str], *, tls: bool = False) -> None:
        self.folder, self.program, self.tls = folder, list(program), tls
        self.processes: list[Process] = []

    @property
    def settings(self) -> RedisSettings:
        return RedisSettings(url=self.url, partitions=self.partitions)

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    async def heal(self) -> None: ...

    @abstractmethod
    async def fail(self) -> None: ...

    @property
    def scheme(self) -> str:
        return "rediss" if self.tls else "redis"

    @property
    def query(self) -> str:
        return f"ssl_ca_certs={CERTIFICATE}" if self.tls else ""

    def add(self, flags: dict[str, str]) -> Process:
        """One more server, not started."""
        port = free_port()
        place = self.folder / str(port)
        place.mkdir()
        common = {"bind": HOST, "dir": str(place), "save": "", "loglevel": "notice"}
        ports = {"port": "0", "tls-port": str(port), **TLS} if self.tls else {"port": str(port)}
        command = [*self.program, *flagged({**common, **ports, **flags})]
        self.processes.append(Process(command, port, place / "log"))
        return self.processes[-1]

    def node(self, process: Process) -> Redis:
        """A client of one process, for its setting-up."""
        tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": str(CERTIFICATE)} if self.tls else {}
        return Redis(host=HOST, port=process.port, socket_timeout=5, protocol=2, decode_responses=True, **tls)

    async def ask(self, process: Process, *command: str | int) -> Any:
        async with self.node(process) as redis:
            return await redis.execute_command(*command)

    async def info(self, process: Process, section: str) -> dict[str, Any]:
        """INFO of a process; {} while it does not answer."""
        try:
            async with self.node(process) as redis:
                return await redis.info(section)
        except (RedisError, OSError):
            return {}

    async def start_all(self) -> None:
        async with anyio.create_task_group() as tasks:
            for process in self.processes:
                tasks.start_soon(process.start)

    def close(self) -> None:
        for process in self.processes:
            process.kill()


class OneServer(Deployment):
    """One server, whose failure is a restart."""

    def __init__(self, folder: Path, program: Sequence[str], *, appendonly: bool) -> None:
        super().__init__(folder, program)
        self.remembers = appendonly
        self.add({"appendonly": "yes" if appendonly else "no", "appendfsync": "always"})

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.processes[0].port}/0"

    async def heal(self) -> None:
        await self.start_all()

    async def fail(self) -> None:
        self.processes[0].kill()
        await self.processes[0].start()


class Sentinels(Deployment):
    """A master, its replica, and three Sentinels that watch them."""

    def __init__(self, folder: Path, program: Sequence[str], *, tls: bool = False) -> None:
        super().__init__(folder, program, tls=tls)
        self.servers = [self.add({}), self.add({})]
        self.servers[1].command += flagged({"replicaof": f"{HOST} {self.servers[0].port}"})
        self.sentinels: list[Process] = []
        for _ in range(3):
            sentinel = self.add({})
            self.sentinels.append(sentinel)
            sentinel.command = [*self._without_flags(sentinel), str(self._write(sentinel.port)), "--sentinel"]

    def _without_flags(self, process: Process) -> list[str]:
        return process.command[: process.command.index("--bind")]

    def _write(self, port: int) -> Path:
        file = self.folder / str(port) / "sentinel.conf"
        lines = [f"bind {HOST}", f"dir {file.parent}"]
        lines += [f"port 0\ntls-port {port}", *(f"{k} {v}" for k, v in TLS.items())] if self.tls else [f"port {port}"]
        lines += [
            f"sentinel monitor {SERVICE} {HOST} {self.servers[0].port} 2",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_MS}",
            f"sentinel failover-timeout {SERVICE} 5000",
        ]
        file.write_text("\n".join(lines) + "\n")
        return file

    @property
    def url(self) -> str:
        hosts = ",".join(f"{HOST}:{sentinel.port}" for sentinel in self.sentinels)
        return f"{self.scheme}+sentinel://{hosts}/0?service={SERVICE}&{self.query}".rstrip("&")

    async def heal(self) -> None:
        await self.start_all()
        await eventually(self._is_whole)

    async def _is_whole(self) -> bool:
        """One master, a replica in step with it, and Sentinels that know both and each other."""
        for sentinel in self.sentinels:
            async with self.node(sentinel) as redis:
                state = await redis.execute_command("SENTINEL", "MASTER", SERVICE)
            fields = state if isinstance(state, dict) else dict(zip(state[::2], state[1::2], strict=True))
            if int(fields["num-other-sentinels"]) != 2 or not int(fields["num-slaves"]) or fields["flags"] != "master":
                return False
        roles = [await self.info(server, "replication") for server in self.servers]
        return sorted((role.get("role"), role.get("master_link_status")) for role in roles if role) == sorted(
            [("master", None), ("slave", "up")], key=str
        )

    async def fail(self) -> None:
        for server in self.servers:
            if (await self.info(server, "replication")).get("role") == "master":
                server.kill()


class Cluster(Deployment):
    """Three masters with a third of the slots each, and a replica of each of them."""

    partitions = 3

    def __init__(self, folder: Path, program: Sequence[str], *, tls: bool = False, replicas: bool = True) -> None:
        super().__init__(folder, program, tls=tls)
        self._is_new = True
        self.replicas = replicas
        for _ in range(6 if replicas else 3):
            flags = {"cluster-enabled": "yes", "cluster-node-timeout": str(NODE_TIMEOUT_MS)}
            # Its bus is elsewhere by 10,000, which may be beyond all ports.
            flags |= {"cluster-port": str(free_port()), "cluster-require-full-coverage": "no"}
            self.add({**flags, "cluster-replica-validity-factor": "0"})

    @property
    def url(self) -> str:
        hosts = ",".join(f"{HOST}:{process.port}" for process in self.processes[:2])
        return f"{self.scheme}+cluster://{hosts}/0?{self.query}".rstrip("?")

    async def heal(self) -> None:
        await self.start_all()
        if self._is_new:
            await self._found()
            self._is_new = False
        await eventually(self._is_whole)

    async def _found(self) -> None:
        """Slots, acquaintance, replicas: what redis-cli --cluster create does."""
        masters, replicas = self.processes[:3], self.processes[3:]
        for i, master in enumerate(masters):
            await self.ask(master, "CLUSTER", "ADDSLOTSRANGE", 16384 * i // 3, 16384 * (i + 1) // 3 - 1)
        for i, process in enumerate(self.processes):
            await self.ask(process, "CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            bus = process.command[process.command.index("--cluster-port") + 1]
            await self.ask(self.processes[0], "CLUSTER", "MEET", HOST, process.port, bus)
        await eventually(self._all_met)
        for master, replica in zip(masters, replicas, strict=False):
            await self.ask(replica, "CLUSTER", "REPLICATE", await self.ask(master, "CLUSTER", "MYID"))

    async def _all_met(self) -> bool:
        infos = [await self.ask(process, "CLUSTER", "INFO") for process in self.processes]
        known = [info["cluster_known_nodes"] if isinstance(info, dict) else _field(info) for info in infos]
        return all(int(count) == len(self.processes) for count in known)

    async def _is_whole(self) -> bool:
        """Three masters, each with a replica in step; every node sees every other."""
        roles = [await self.info(process, "replication") for process in self.processes]
        masters = [role for role in roles if role.get("role") == "master"]
        links = [role.get("master_link_status") for role in roles if role.get("role") == "slave"]
        if len(masters) != 3 or (
            self.replicas and (links != ["up"] * 3 or not all(m["connected_slaves"] for m in masters))
        ):
            return False
        nodes = [str(await self.ask(process, "CLUSTER", "NODES")) for process in self.processes]
        return not any("fail" in text or "handshake" in text for text in nodes)

    async def fail(self) -> None:
        """Kill the master that has the first partition, and with it events and workers."""
        slots = await self.ask(self.processes[-1], "CLUSTER", "SLOTS")
        for process in self.processes:
            mine = str(await self.ask(process, "CLUSTER", "MYID"))
            if any(len(slot) > 2 and slot[2][2] == mine for slot in _of_first_partition(slots)):
                process.kill()
                return
        raise AssertionError(f"nobody has the first partition: {slots}")


FIRST_SLOT = 3254
"""CLUSTER KEYSLOT {jobimport:0}"""


def _of_first_partition(slots: Any) -> list[Any]:
    if isinstance(slots, dict):
        return [[start, end, [*slot["primary"]]] for (start, end), slot in slots.items() if start <= FIRST_SLOT <= end]
    return [slot for slot in slots if slot[0] <= FIRST_SLOT <= slot[1]]


def _field(info: str) -> str:
    return next(line.partition(":")[2] for line in info.splitlines() if line.startswith("cluster_known_nodes"))


def deploy(name: str, folder: Path) -> Deployment:
    """Make a deployment by its name; nothing is started yet."""
    valkey, redis = [valkey_server()], debian_redis()
    match name:
        case "valkey" | "redis7":
            return OneServer(folder, valkey if name == "valkey" else redis, appendonly=True)
        case "valkey-forgetful" | "redis7-forgetful":
            return OneServer(folder, valkey if name.startswith("valkey") else redis, appendonly=False)
        case "sentinel":
            return Sentinels(folder, valkey)
        case _:
            return Cluster(folder, valkey)


NAMES = ("valkey", "valkey-forgetful", "redis7", "redis7-forgetful", "sentinel", "cluster")
