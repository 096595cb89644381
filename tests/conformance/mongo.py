"""MongoDB as a replica set of three, or with TLS and users."""

from pathlib import Path
from typing import Any

import anyio
import pymongo
from pymongo.errors import PyMongoError

from tests.plant import eventually
from tests.servers import CERTIFICATE, Process, free_port
from workers.service import libraries
from workers.service.embedded import HOST

SET = "jobs"
ELECTION_MS = 2000
"""10 s in production; what a fail-over takes is mostly this."""

ROOT = ("root", "toor")


class ReplicaSet:
    """`size` members. `secured`: TLS only, members by key file, people by name and password."""

    def __init__(self, folder: Path, size: int = 3, *, secured: bool = False) -> None:
        self.folder, self.secured = folder, secured
        mongod = anyio.run(libraries.mongod)
        self.members: list[Process] = []
        for _ in range(size):
            port = free_port()
            place = folder / str(port)
            place.mkdir()
            flags = ["--bind_ip", HOST, "--port", str(port), "--dbpath", str(place), "--replSet", SET]
            flags += ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64", "--quiet", "--nounixsocket"]
            flags += ["--setParameter", "diagnosticDataCollectionEnabled=false", *self._secrets()]
            self.members.append(Process([*mongod, *flags], port, place / "log"))

    def _secrets(self) -> list[str]:
        if not self.secured:
            return []
        key = self.folder / "key"
        key.write_text("only members know this\n")
        key.chmod(0o600)
        tls = ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(CERTIFICATE), "--tlsCAFile", str(CERTIFICATE)]
        return [*tls, "--tlsAllowConnectionsWithoutCertificates", "--keyFile", str(key)]

    def url(self, database: str, user: str = "") -> str:
        hosts = ",".join(f"{HOST}:{member.port}" for member in self.members)
        tls = f"&tls=true&tlsCAFile={CERTIFICATE}&authSource=admin" if self.secured else ""
        return f"mongodb://{user}{'@' if user else ''}{hosts}/{database}?replicaSet={SET}{tls}"

    def _direct(self, member: Process) -> pymongo.MongoClient[dict[str, Any]]:
        tls: dict[str, Any] = {"tls": True, "tlsCAFile": str(CERTIFICATE)} if self.secured else {}
        return pymongo.MongoClient(HOST, member.port, directConnection=True, timeoutMS=5000, **tls)

    async def heal(self) -> None:
        """Start what is dead, and wait for one primary that two thirds of the set follow."""
        async with anyio.create_task_group() as tasks:
            for member in self.members:
                tasks.start_soon(member.start)
        await eventually(self._is_whole, 60)

    async def _is_whole(self) -> bool:
        states = [self._hello(member) for member in self.members]
        if not any("setName" in state for state in states):
            self._initiate()
            return False
        primaries = [state for state in states if state.get("isWritablePrimary")]
        secondaries = [state for state in states if state.get("secondary")]
        return (len(primaries), len(secondaries)) == (1, len(self.members) - 1)

    def _hello(self, member: Process) -> dict[str, Any]:
        try:
            with self._direct(member) as client:
                return client.admin.command("hello")
        except PyMongoError:
            return {}

    def _initiate(self) -> None:
        members = [{"_id": i, "host": f"{HOST}:{member.port}"} for i, member in enumerate(self.members)]
        config = {"_id": SET, "members": members, "settings": {"electionTimeoutMillis": ELECTION_MS}}
        with self._direct(self.members[0]) as client:
            client.admin.command("replSetInitiate", config)

    def add_user(self, database: str, name: str, password: str) -> None:
        """One who may read and write one database, and keep its collections. Needs a set of one."""
        with self._direct(self.members[0]) as client:
            # The first user of all may be made from the same machine without being one.
            client.admin.command("createUser", ROOT[0], pwd=ROOT[1], roles=["root"])
        with pymongo.MongoClient[dict[str, Any]](self.url("admin", ":".join(ROOT))) as client:
            roles = [{"role": "readWrite", "db": database}, {"role": "dbAdmin", "db": database}]
            client.admin.command("createUser", name, pwd=password, roles=roles)

    def fail(self) -> None:
        """Kill the primary."""
        for member in self.members:
            if member.running and self._hello(member).get("isWritablePrimary"):
                member.kill()

    def close(self) -> None:
        for member in self.members:
            member.kill()
