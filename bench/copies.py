"""What finding copies across sources costs: the import with and without its block, the linking, and the worst block.

    python -m bench.copies [--jobs 6000] [--rounds 3] [--url mongodb://...]

The same listings are imported with and without a copy_key, in turn; a second source has a third of them too. Starts an
embedded MongoDB unless --url names one. Prints medians.
"""

import argparse
import statistics
import time
from datetime import UTC, datetime

import anyio
import msgspec

from bench.upsert import feed, normalise, server
from workers.analysis.copies import copy_key
from workers.model import Job, RawItem
from workers.settings import MongoSettings, RetentionSettings
from workers.store import copies, indexes, jobs
from workers.store.connect import Database, open_database

BATCH = 500


def keyed(item: RawItem) -> Job:
    job = normalise(item)
    title = f"{job.title} {int(item.external_id) % 100_000}"
    return msgspec.structs.replace(job, title=title, copy_key=copy_key(job.company, title))


def agency(item: RawItem) -> Job:
    job = normalise(item)
    return msgspec.structs.replace(job, company="Staff", title="Clerk", copy_key=copy_key("Staff", "Clerk"))


async def write(db: Database, run: int, source: str, items: list[RawItem], by: jobs.Normalise) -> float:
    began = time.perf_counter()
    for start in range(0, len(items), BATCH):
        await jobs.upsert(db, run, source, items[start : start + BATCH], by, datetime.now(UTC))
    return len(items) / (time.perf_counter() - began)


async def link(db: Database) -> tuple[float, int]:
    """Seconds, and links changed."""
    keys = {row["copy_key"] async for row in db.jobs.find({"copy_key": {"$gt": ""}}, {"copy_key": True})}
    began = time.perf_counter()
    moved = await copies.link(db, keys)
    return time.perf_counter() - began, moved


async def main(args: argparse.Namespace) -> None:
    without: list[float] = []
    with_key: list[float] = []
    linking: list[float] = []
    items = feed(args.jobs, lambda n: 0)
    async with server(args.url) as url, open_database(MongoSettings(url=url), app_name="bench") as root:
        for n in range(args.rounds):
            for by, rates in ((normalise, without), (keyed, with_key)):
                db = root.client.get_database(f"bench_copies_{n}_{by.__name__}")
                await indexes.prepare(db, RetentionSettings())
                rates.append(await write(db, 1, "one", items, by))
                if by is keyed:
                    await write(db, 2, "two", items[: args.jobs // 3], by)
                    seconds, moved = await link(db)
                    linking.append(args.jobs * 4 / 3 / seconds)
                    print(f"round {n}: {moved} links in {seconds:.1f} s")
                await root.client.drop_database(db.name)
        for size in (100, 1000, 2000, 4000):
            db = root.client.get_database(f"bench_copies_block_{size}")
            await indexes.prepare(db, RetentionSettings())
            for run, source in enumerate(("one", "two"), 1):
                await write(db, run, source, feed(size // 2, lambda n: 0), agency)
            seconds, moved = await link(db)
            print(f"one block of {size:,}: {moved} links in {seconds:.2f} s")
            await root.client.drop_database(db.name)
    ratio = statistics.median(a / b for a, b in zip(with_key, without, strict=True))
    print(f"first import: {statistics.median(without):,.0f} jobs/s without blocks, ratio with them {ratio:.2f}")
    print(f"linking: {statistics.median(linking):,.0f} listings/s, of which a quarter are copies")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=6_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--url", default="")
    anyio.run(main, parser.parse_args())
