"""A MongoDB with a million listings and a million runs in a folder: built once, found there the next time."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.listings import write_listings, write_runs
from bench.ptys import TICKS
from workers.service.embedded import MongoServer
from workers.settings import MongoSettings, RetentionSettings
from workers.store import indexes, terms
from workers.store.connect import Database, open_database


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Mongo(MongoServer):
    """The embedded server, with a cache of another size."""

    cache = "1.0"

    def cpu(self) -> float:
        """Seconds of CPU so far. A busy machine changes them much less than the time."""
        assert self._child is not None
        return cpu_of(self._child.pid)

    def _flags(self) -> list[str]:
        flags = super()._flags()
        flags[flags.index("--wiredTigerCacheSizeGB") + 1] = self.cache
        return flags


def say(text: str) -> None:
    print(text, flush=True)


@asynccontextmanager
async def filled(folder: Path, jobs: int, runs: int, cache: float) -> AsyncGenerator[tuple[Mongo, Database]]:
    """A server with the data, and a cache of so many GB; built unless the folder has them already."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Mongo(folder)
    server.cache = str(cache)
    await server.start()
    try:
        async with open_database(MongoSettings(url=server.url), app_name="bench") as db:
            if await db.jobs.estimated_document_count() != jobs:
                await _build(db, jobs, runs)
            await indexes.prepare(db, RetentionSettings())
            yield server, db
    finally:
        await server.stop()


async def _build(db: Database, jobs: int, runs: int) -> None:
    await db.client.drop_database(db.name)
    for name, part in (("listings", write_listings(db, jobs)), ("runs", write_runs(db, runs))):
        began = time.perf_counter()
        await part
        say(f"{name} written in {time.perf_counter() - began:,.0f} s")
    began = time.perf_counter()
    await indexes.prepare(db, RetentionSettings())
    say(f"indexes built in {time.perf_counter() - began:,.0f} s")
    say(f"dictionary counted in {await terms.recount(db):,.1f} s")
