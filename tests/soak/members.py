"""A replica set of three on loopback. Its members know each other, and clients know them, by their proxies alone."""

from pathlib import Path
from typing import Any

import anyio
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from tests.soak.waiting import until
from workers.service.embedded import DATABASE, HOST, REPLICA_SET, MongoServer

ELECTION_MS = 2000
_ALREADY = 23  # AlreadyInitialized


class Member(MongoServer):
    """One mongod; it is ready when it answers, primary or not."""

    async def _ready(self) -> bool:
        try:
            async with _direct(self.port) as client:
                await client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    async def is_primary(self) -> bool:
        """Whether it believes to be the primary; False where it does not answer."""
        return bool((await self._hello()).get("isWritablePrimary"))

    async def is_member(self) -> bool:
        """Whether it takes part: as primary, or as a secondary that has caught up."""
        said = await self._hello()
        return bool(said.get("isWritablePrimary") or said.get("secondary"))

    async def _hello(self) -> dict[str, Any]:
        try:
            async with _direct(self.port) as client:
                return await client.admin.command("hello")
        except PyMongoError:
            return {}


class ReplicaSet:
    """Three members behind three proxied ports."""

    def __init__(self, folder: Path, ports: list[int], proxied: list[int]) -> None:
        self.members = [Member(folder / f"mongo{i}", port) for i, port in enumerate(ports)]
        self._hosts = [f"{HOST}:{port}" for port in proxied]

    def url(self, database: str = DATABASE) -> str:
        """Where clients find it: every member, by its proxy."""
        return f"mongodb://{','.join(self._hosts)}/{database}?replicaSet={REPLICA_SET}"

    async def start(self) -> None:
        """Start all and make them a set; the proxies must be there."""
        async with anyio.create_task_group() as tasks:
            for member in self.members:
                tasks.start_soon(member.start)
        config = {
            "_id": REPLICA_SET,
            "members": [{"_id": i, "host": host} for i, host in enumerate(self._hosts)],
            "settings": {"electionTimeoutMillis": ELECTION_MS, "heartbeatIntervalMillis": 500},
        }
        async with _direct(self.members[0].port, timeout=30_000) as client:
            try:
                await client.admin.command("replSetInitiate", config)
            except OperationFailure as error:
                if error.code != _ALREADY:
                    raise
        assert await until(self._has_primary, 60), "no primary was elected"

    async def _has_primary(self) -> bool:
        return await self.primary() is not None

    async def primary(self) -> int | None:
        """Number of the member that takes writes, None while there is none."""
        for i, member in enumerate(self.members):
            if member.pid is not None and await member.is_primary():
                return i
        return None

    async def stop(self) -> None:
        """End all at once: what they hold is thrown away."""
        for member in self.members:
            member.kill()
        for member in self.members:
            await member.stop()


def _direct(port: int, timeout: int = 1500) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(f"mongodb://{HOST}:{port}/?directConnection=true&timeoutMS={timeout}")
