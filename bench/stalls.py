"""How long work stands still when a server fails over, and how long a worker takes to leave on SIGTERM.

    python -m bench.stalls [--rounds 5] [--only sentinel]

Three imports run on a deployment of tests/conformance; when a tenth of their batches is done, the server that serves
is killed with -9. A round's stall is the longest time in which one of the three finished no batch, from the kill on.
What a fail-over takes is mostly what the deployment waits before it calls a node dead (see the table's last column);
the rest is ours.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
from pymongo.errors import PyMongoError

from tests.conformance.deployments import DOWN_MS, NODE_TIMEOUT_MS, deploy
from tests.conformance.mongo import ELECTION_MS, ReplicaSet
from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import ALLOWED, Plant, eventually, new_plant
from workers.model import Run
from workers.queue.connect import open_redis
from workers.service.embedded import MongoServer
from workers.settings import MongoSettings, RetentionSettings
from workers.store import batches, indexes
from workers.store.connect import open_database

COUNT = 8_000
SOURCES = ("board", "alpha", "gamma")
"""One in each of three partitions."""

DEPLOYMENTS = {
    "redis restart": ("valkey", "none: kill -9 and start at once, AOF"),
    "sentinel": ("sentinel", f"down-after {DOWN_MS} ms"),
    "cluster": ("cluster", f"node-timeout {NODE_TIMEOUT_MS} ms"),
    "replica set": ("valkey", f"electionTimeout {ELECTION_MS} ms"),
}

Act = Callable[[], Coroutine[None, None, None]]


@asynccontextmanager
async def planted(name: str, folder: Path, server: FeedServer) -> AsyncGenerator[tuple[Plant, Act, Act]]:
    """A plant on a deployment, and what makes it fail and heal."""
    deployment = deploy(DEPLOYMENTS[name][0], folder)
    mongo = MongoServer(folder / "mongo")
    members = await anyio.to_thread.run_sync(ReplicaSet, folder) if name == "replica set" else None
    try:
        await deployment.heal()
        if members:
            await members.heal()
        else:
            await mongo.start()
        url = members.url("jobimport") if members else mongo.url
        async with (
            open_database(MongoSettings(url=url), app_name="bench") as db,
            open_redis(deployment.settings) as redis,
        ):
            await indexes.prepare(db, RetentionSettings())
            settings = f"{ALLOWED}connections_per_host = 8\n[import]\nbatch_size = 50\n"
            plant = new_plant(folder / "config", db, redis, redis_url=deployment.url, mongo_url=url, settings=settings)
            plant.env["JOBIMPORT_REDIS_PARTITIONS"] = str(deployment.partitions)
            for source in SOURCES:
                plant.source(source, server.url("/feed"))

            async def fail_primary() -> None:
                assert members is not None
                await anyio.to_thread.run_sync(members.fail)

            yield plant, fail_primary if members else deployment.fail, members.heal if members else deployment.heal
    finally:
        deployment.close()
        if members:
            members.close()
        await mongo.stop()


async def done(plant: Plant, requested: list[Run]) -> list[int] | None:
    """Batches done, by run; None while MongoDB has no primary."""
    try:
        totals = await batches.totals_many(plant.db, [run.id for run in requested])
    except PyMongoError:
        return None
    return [totals[run.id].done if run.id in totals else 0 for run in requested]


async def stalled(plant: Plant, fail: Act) -> float:
    """Seconds for which one of the imports stood still after the failure; the counts are checked."""
    for name in ("jobs", "source_state"):
        await plant.db[name].delete_many({})
    requested = [await plant.request(name) for name in SOURCES]
    each = COUNT // 50

    async def under_way() -> bool:
        counts = await done(plant, requested)
        return counts is not None and all(count > each // 10 for count in counts)

    await eventually(under_way)
    killed = time.monotonic()
    moved = [killed] * len(SOURCES)
    longest, last = 0.0, [0] * len(SOURCES)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fail)
        with anyio.fail_after(120):
            while any(count < each for count in last):
                counts, now = await done(plant, requested), time.monotonic()
                for i, count in enumerate(counts or last):
                    if count > last[i]:
                        longest = max(longest, now - moved[i])
                        moved[i], last[i] = now, count
                await anyio.sleep(0.02)
    for run in requested:
        ended = await plant.ended(run.id, 60)
        if (ended.stats.new, ended.stats.total) != (COUNT, COUNT):
            raise SystemExit(f"{ended.source}: {ended.stats} after the failure, expected {COUNT} new")
    return longest


async def fail_overs(name: str, rounds: int, server: FeedServer) -> None:
    with tempfile.TemporaryDirectory(prefix="jobimport-bench-") as folder:
        async with planted(name, Path(folder), server) as (plant, fail, heal):
            stalls: list[float] = []
            async with plant.workers(processes=2):
                for _ in range(rounds):
                    await heal()
                    stalls.append(await stalled(plant, fail))
        print(
            f"{name:14} stall median {statistics.median(stalls):5.2f} s  worst {max(stalls):5.2f} s"
            f"  of {rounds}; every count exact   ({DEPLOYMENTS[name][1]})",
            flush=True,
        )


async def leaving(rounds: int, server: FeedServer) -> None:
    """SIGTERM to the manager of two processes, with nothing to do and in the middle of three imports."""
    with tempfile.TemporaryDirectory(prefix="jobimport-bench-") as folder:
        async with planted("redis restart", Path(folder), server) as (plant, _, _):
            idle: list[float] = []
            busy: list[float] = []
            for _ in range(rounds):
                async with plant.workers(processes=2) as crew:
                    await plant.run("board", limit=120)  # all up, and at rest again
                    idle.append(await anyio.to_thread.run_sync(crew.stop))
                await plant.db["source_state"].delete_many({})
                async with plant.workers(processes=2) as crew:
                    run = await plant.request("board", force=True)

                    async def under_way(run: Run = run) -> bool:
                        return bool([n for n in await done(plant, [run]) or [] if n > COUNT // 50 // 10])

                    await eventually(under_way)
                    busy.append(await anyio.to_thread.run_sync(crew.stop))
                    crew.start()
                    await plant.ended(run.id, 120)
        for name, taken in (("idle", idle), ("busy", busy)):
            print(
                f"SIGTERM {name:6} exit median {statistics.median(taken):5.2f} s  worst {max(taken):5.2f} s of {rounds}"
            )


async def main(args: argparse.Namespace) -> None:
    feed = rss(listings(COUNT))
    with FeedServer() as server:
        server.on("/feed", Reply(feed))
        for name in DEPLOYMENTS:
            if args.only in ("", name):
                await fail_overs(name, args.rounds, server)
        if args.only in ("", "leaving"):
            await leaving(args.rounds, server)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", choices=["", *DEPLOYMENTS, "leaving"])
    with contextlib.suppress(KeyboardInterrupt):
        anyio.run(main, parser.parse_args(sys.argv[1:]))
