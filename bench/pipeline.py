"""The whole pipeline, end to end: a feed of N items imported, imported again with 1 % changed, and killed half-way.

    python -m bench.pipeline [--items 10000] [--processes 2] [--kill]

Prints one line a run: counts, seconds, jobs/s, peak memory of the worker processes, Redis memory.
"""

import argparse
import gzip
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anyio

from tests.feed_server import FeedServer, Reply
from tests.listings import Listing, listings, rss
from tests.plant import Plant, Workers, new_plant
from workers.model import Run
from workers.queue.connect import open_redis
from workers.service.embedded import MongoServer, RedisServer
from workers.settings import MongoSettings, RetentionSettings
from workers.store import indexes
from workers.store.connect import open_database

WORDS = ("platform", "service", "team", "customers", "data", "reliability", "linux", "on-call", "growth", "review")


def body(rng: random.Random, size: int) -> str:
    """Plausible text of about `size` characters."""
    text = ""
    while len(text) < size:
        text += f"<li>{' '.join(rng.choices(WORDS, k=12))}</li>"
    return text


def feed(count: int, size: int) -> list[Listing]:
    rng = random.Random(7)
    return [item.changed(body=body(rng, size)) for item in listings(count)]


def packed(items: list[Listing]) -> Reply:
    """The feed, compressed beforehand: the server shares our two cores."""
    return Reply(gzip.compress(rss(items), 6), headers={"Content-Encoding": "gzip"})


def peak_mb(pids: list[int]) -> float:
    """Highest resident memory that any of these processes ever had."""
    peaks: list[int] = []
    for pid in pids:
        status = Path(f"/proc/{pid}/status")
        if status.exists():
            line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), "VmHWM: 0")
            peaks.append(int(line.split()[1]))
    return max(peaks, default=0) / 1024


def report(name: str, run: Run, seconds: float, crew: Workers, redis_mb: float) -> None:
    stats = run.stats
    rate = stats.total / seconds if seconds else 0.0
    print(
        f"{name:14} {run.state:10} total {stats.total} new {stats.new} updated {stats.updated}"
        f" unchanged {stats.unchanged} failed {stats.failed}  {seconds:6.2f} s  {rate:8.0f} jobs/s"
        f"  worker peak {peak_mb(crew.children()):.0f} MB  redis {redis_mb:.1f} MB  log {len(run.error_log)}"
        f"  ms: wait {run.timing.queue} fetch {run.timing.fetch} rest {run.timing.upsert} close {run.timing.close}"
    )


async def timed(plant: Plant) -> tuple[Run, float]:
    """Import and take the time from the request to the run's end."""
    began = time.monotonic()
    run = await plant.run("bench", limit=300)
    return run, time.monotonic() - began


async def killed(plant: Plant, crew: Workers) -> tuple[Run, float]:
    """Import, and kill -9 a worker process when a third of the batches are done."""
    began = time.monotonic()
    run = await plant.request("bench")
    await plant.under_way(run.id, 6)
    at = time.monotonic()
    os.kill(crew.children()[0], signal.SIGKILL)
    run = await plant.ended(run.id, limit=300)
    print(f"killed after {at - began:.2f} s; the run ended {time.monotonic() - at:.2f} s later")
    return run, time.monotonic() - began


async def main(args: argparse.Namespace) -> None:
    folder = Path(tempfile.mkdtemp(prefix="jobimport-bench-"))
    redis_server, mongo_server = RedisServer(folder / "redis"), MongoServer(folder / "mongo")
    await redis_server.start()
    await mongo_server.start()
    try:
        with FeedServer() as server:
            items = feed(args.items, args.size)
            rng = random.Random(11)
            changed = set(rng.sample(range(args.items), args.items // 100))
            again = [item.changed(title="Principal") if n in changed else item for n, item in enumerate(items)]
            server.on("/feed", packed(items), packed(again))
            server.on("/kill", packed(items))
            url = mongo_server.url
            async with (
                open_database(MongoSettings(url=url), app_name="bench") as db,
                open_redis(redis_server.url) as redis,
            ):
                await indexes.prepare(db, RetentionSettings())
                plant = new_plant(folder / "config", db, redis, redis_url=redis_server.url, mongo_url=url)
                plant.source("bench", server.url("/feed"), kind="snapshot")
                async with plant.workers(processes=args.processes) as crew:
                    await anyio.sleep(3)
                    for name in ("first import", "1 % changed"):
                        run, seconds = await timed(plant)
                        memory = (await redis.info("memory"))["used_memory_peak"] / 2**20
                        report(name, run, seconds, crew, memory)
                    plant.source("bench", server.url("/kill"), kind="snapshot")
                    await db["jobs"].delete_many({})
                    await db["source_state"].delete_many({})
                    run, seconds = await killed(plant, crew)
                    report("kill -9", run, seconds, crew, 0.0)
    finally:
        await redis_server.stop()
        await mongo_server.stop()
        subprocess.run(["/bin/rm", "-rf", str(folder)], check=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=1_500)
    parser.add_argument("--processes", type=int, default=2)
    anyio.run(main, parser.parse_args(sys.argv[1:]))
