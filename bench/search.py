"""Every query the console issues, over a million listings and a million runs.

    python -m bench.search [--jobs 1000000] [--runs 1000000] [--times 40] [--cache 4.0] [--data DIR] [--only PART...]

Parts: shapes (p50 and p95 of each query, with what it is meant to stay under), sizes (bytes of index a listing),
console (its memory, over nothing, over little, and over all this). What the search index costs an import is
bench.ingestion. Builds its data itself (see bench.listings); --data keeps them, and finds them the next time. --cache
is MongoDB's in GB: 4 hold all that is read here, with 1 most listings come from the disk's cache. A page is the
console's. The last two columns are CPU in ms that a query costs, in MongoDB and in this process: on a machine that is
shared, believe those.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import anyio
from pymongo.errors import PyMongoError

from bench.listings import Words, write_listings, write_runs
from bench.million import Mongo, filled, say
from bench.ptys import Tty, median, percentile
from bench.shapes import Shape, shapes
from workers.errors import JobImportError
from workers.settings import RetentionSettings
from workers.store import indexes, search, terms
from workers.store.connect import Database

PARTS = ("shapes", "sizes", "console")
FEW_LISTINGS, FEW_RUNS = 4_000, 40_000
WARM = 2  # queries of a shape before it is measured


async def measure(server: Mongo, db: Database, times: int, only: str) -> None:
    """A row a shape. What a shape raises is its row; the others go on."""
    rng, words = random.Random(3), Words()
    await db.jobs.count_documents({"description": "none"})  # reads them all: as much as the cache holds is in it
    say(f"\n{'shape':<40} {'p50 ms':>8} {'p95 ms':>8} {'worst':>8} {'mongod':>8} {'python':>8}   goal p95")
    for shape in shapes(db, words):
        if only in shape.name:
            try:
                say(await _row(server, shape, rng, times))
            except (JobImportError, PyMongoError, OSError) as error:
                say(f"{shape.name:<40} {type(error).__name__}: {str(error)[:120]}")


async def _row(server: Mongo, shape: Shape, rng: random.Random, times: int) -> str:
    took: list[float] = []
    slow = 0
    cpu, own = 0.0, 0.0
    for n in range(-WARM, times):
        if n == 0:
            cpu, own = server.cpu(), time.process_time()
        began = time.perf_counter()
        try:
            await shape.ask(rng)
        except search.SearchTooSlow:
            slow += n >= 0
        if n >= 0:
            took.append((time.perf_counter() - began) * 1000)
    spent = ((server.cpu() - cpu) / times * 1000, (time.process_time() - own) / times * 1000)
    p95 = percentile(took, 0.95)
    verdict = "-" if shape.goal is None else f"< {shape.goal:.0f}  {'ok' if p95 < shape.goal else 'MISS'}"
    gave_up = f"  {slow} of {times} given up" if slow else ""
    figures = (median(took), p95, max(took), *spent)
    return f"{shape.name:<40} {' '.join(f'{figure:>8.1f}' for figure in figures)}   {verdict}{gave_up}"


async def sizes(db: Database) -> None:
    """Bytes a listing, in the collection and in each index."""
    stats = await db.command("collStats", "jobs")
    count = stats["count"]
    say(f"\n{count:,} listings: {stats['avgObjSize']:,} B each, {stats['storageSize'] / count:,.0f} B on disk")
    for name, size in sorted(stats["indexSizes"].items(), key=lambda pair: -pair[1]):
        say(f"  index {name:<24} {size / count:>8.1f} B a listing {size / 1e6:>10,.1f} MB")
    words = await db.command("collStats", "terms")
    say(f"  dictionary: {words['count']:,} terms, {(words['storageSize'] + words['totalIndexSize']) / 1e6:,.1f} MB")


async def console(server: Mongo, db: Database) -> None:
    """How soon the lists open, and memory after a search, thirty pages of listings, and thirty of runs.

    Over nothing, over little more than what is shown, and over all.
    """
    empty, few = (db.client.get_database(f"bench_{name}") for name in ("empty", "few"))
    for other in (empty, few):
        await other.client.drop_database(other.name)
        await indexes.prepare(other, RetentionSettings())
    await write_listings(few, FEW_LISTINGS)
    await write_runs(few, FEW_RUNS)
    await terms.recount(few)
    say("\nconsole's memory, after a search, 30 pages of listings and 30 of runs")
    for over in (empty, empty, few, db):  # twice: the very first makes byte code, and keeps what that took
        url = server.url.replace(f"/{db.name}?", f"/{over.name}?")
        first, last, opened = await anyio.to_thread.run_sync(_walk, url)
        held = f"{await over.jobs.estimated_document_count():,} listings"
        held += f", {await over.import_logs.estimated_document_count():,} runs"
        say(f"  over {held:<34} {first:>6.1f} MB at the start, {last:>6.1f} MB at the end; {opened}")
    for other in (empty, few):
        await other.client.drop_database(other.name)


def _walk(url: str) -> tuple[float, float, str]:
    with tempfile.TemporaryDirectory() as folder:
        redis = ("--redis", "redis://127.0.0.1:1/0")
        argv = [sys.executable, "-m", "jobimport_tui.cli.main", "--config", folder, *redis, "--mongo", url]
        with Tty(argv, (80, 24), watched=True, HOME=folder, XDG_CONFIG_HOME=folder) as tty:
            tty.until_quiet(1.5, 20)
            first, opened = tty.memory(), list[str]()
            for name, key, shown in (("listings", "4", "LISTINGS 1-50"), ("runs", "2", "RUNS 1-200")):
                tty.send(key.encode())
                try:
                    opened.append(f"{name} open in {tty.until_shown(shown, 2) * 1000:.0f} ms")
                except AssertionError:
                    opened.append(f"no {name}")
                tty.until_quiet(0.5, 5)
            for keys in ("4", "/engineer\r", *["G", "j"] * 30, "2", *["G", "j"] * 30):
                tty.send(keys.encode())
                tty.until_quiet(0.2, 5)
            return first, tty.memory(), ", ".join(opened)


async def main(args: argparse.Namespace) -> None:
    folder = Path(args.data) if args.data else Path(tempfile.mkdtemp(prefix="bench-search-"))
    parts = args.only or PARTS
    try:
        async with filled(folder, args.jobs, args.runs, args.cache) as (server, db):
            say(f"{args.jobs:,} listings, {args.runs:,} runs, cache {args.cache} GB, {args.times} queries a shape")
            if "sizes" in parts:
                await sizes(db)
            if "shapes" in parts:
                await measure(server, db, args.times, args.shape)
            if "console" in parts:
                await console(server, db)
    finally:
        if not args.data:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--cache", type=float, default=4.0)
    parser.add_argument("--data", default="")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=[])
    parser.add_argument("--shape", default="", help="only shapes whose names hold this")
    anyio.run(main, parser.parse_args())
