"""What the search index costs an import: new listings with it and without, rounds interleaved.

    python -m bench.ingestion [--count 10000] [--rounds 5] [--only store|import]

store   normalised and written, in this process: nothing of search; terms made and kept without their index; as it is;
        with descriptions indexed, too. import: the whole of it, from the feed's bytes by worker processes to the run's
        end, with the index and without. Each round writes its listings beside as many that are there already. Time and
        CPU are medians of the rounds; "slower" is the median of what each round took beyond its own "without".
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import anyio
import msgspec

from bench.listings import NOW, Words, listing
from bench.million import Mongo, cpu_of, say
from bench.pipeline import packed
from bench.upsert import write
from tests.feed_server import FeedServer, Reply
from tests.listings import Listing
from tests.plant import Plant, new_plant
from workers.feeds.normalise import normalise
from workers.model import Job, RawItem, Reject, Source
from workers.queue.connect import open_redis
from workers.service.embedded import RedisServer
from workers.settings import MongoSettings, RetentionSettings
from workers.store import fulltext, indexes
from workers.store.connect import Database, open_database
from workers.store.terms import Known

SEARCH_INDEX = "terms_newest"
WITHOUT, UNINDEXED, AS_IT_IS, TEXT = "without", "terms, no index", "as it is", "with descriptions"
GOAL = 0.15
Cost = tuple[float, float, float]
"""Seconds, and seconds of CPU of mongod and of Python."""


async def ready(db: Database, variant: str) -> None:
    """No listings, and the indexes of a variant."""
    await db.jobs.drop()
    await indexes.prepare(db, RetentionSettings())
    await fulltext.want(db, variant == TEXT)
    if variant in (WITHOUT, UNINDEXED):
        await db.jobs.drop_index(SEARCH_INDEX)


# --- store


def items(count: int, first: int) -> list[RawItem]:
    """Items whose titles, companies, places, tags and descriptions are those of the listings."""
    words = Words(first)
    made: list[RawItem] = []
    for n in range(first, first + count):
        job = listing(words, n)
        fields = {
            "title": [job["title"]],
            "company": [job["company"]],
            "locations": job["locations"],
            "tags": job["tags"] or ["none"],
            "description": [job["description"]],
            "posted_at": [job["posted_at"].isoformat()],
            "url": [job["url"]],
        }
        made.append(RawItem(str(n), n, fields, job["raw_hash"]))
    return made


async def store(server: Mongo, db: Database, count: int, rounds: int) -> None:
    source = Source(name="bench", url="https://bench.example/feed")

    def to_job(item: RawItem) -> Job | Reject:
        return normalise(item, source, feed_url=source.url, source_url=source.url, run_date=NOW)

    def without_terms(item: RawItem) -> Job | Reject:
        job = to_job(item)
        return msgspec.structs.replace(job, search_terms=[]) if isinstance(job, Job) else job

    there, new = items(count, 10**7), items(count, 2 * 10**7)
    found: defaultdict[str, list[Cost]] = defaultdict(list)
    variants = (WITHOUT, UNINDEXED, AS_IT_IS, TEXT)
    for n in range(rounds):
        for name in variants[:: -1 if n % 2 else 1]:
            await ready(db, name)
            known, made = Known(), without_terms if name == WITHOUT else to_job
            await write(db, 1, there, 500, 2, to_job=made, known=known)
            await db.client.admin.command("fsync")
            cpu, own = server.cpu(), time.process_time()
            _, seconds = await write(db, 2, new, 500, 2, to_job=made, known=known)
            found[name].append((seconds, server.cpu() - cpu, time.process_time() - own))
    say(f"\n{count:,} new listings beside as many, normalised and written, {rounds} rounds interleaved:")
    tell(found, count)


# --- import


def feed(count: int, seed: int) -> list[Listing]:
    """Listings of the same words, as a feed has them."""
    words = Words(seed)
    rows = (listing(words, n) for n in range(seed, seed + count))
    return [
        Listing(n, row["title"], company=row["company"], location=row["locations"][0], body=row["description"])
        for n, row in enumerate(rows, seed)
    ]


async def imports(server: Mongo, db: Database, count: int, rounds: int, folder: Path) -> None:
    redis_server = RedisServer(folder / "redis")
    await redis_server.start()
    try:
        with FeedServer() as feeds:
            replies = [packed(feed(count, seed)) for seed in (10**7, 2 * 10**7)]
            async with open_redis(redis_server.url) as redis:
                plant = new_plant(folder, db, redis, redis_url=redis_server.url, mongo_url=server.url)
                await _rounds(server, plant, feeds, replies, count, rounds)
    finally:
        await redis_server.stop()


async def _rounds(
    server: Mongo, plant: Plant, feeds: FeedServer, replies: list[Reply], count: int, rounds: int
) -> None:
    """Each round has sources of its own: what is known of one makes its next import another."""
    found: defaultdict[str, list[Cost]] = defaultdict(list)
    await indexes.prepare(plant.db, RetentionSettings())
    async with plant.workers(processes=2) as crew:
        for n in range(rounds):
            for name in (WITHOUT, AS_IT_IS)[:: -1 if n % 2 else 1]:
                await ready(plant.db, name)
                for part, reply in enumerate(replies):
                    slug = f"bench-{n}-{name.replace(' ', '-')}-{part}"
                    feeds.on(f"/{slug}", reply)
                    plant.source(slug, feeds.url(f"/{slug}"), kind="snapshot")
                    await plant.db.client.admin.command("fsync")
                    cpu, own, began = server.cpu(), _cpu(crew.children()), time.perf_counter()
                    run = await plant.run(slug, limit=300)
                    seconds = time.perf_counter() - began
                    assert run.stats.new == count, run
                    if part:
                        found[name].append((seconds, server.cpu() - cpu, _cpu(crew.children()) - own))
    say(f"\n{count:,} new listings beside as many, from the feed to the run's end, {rounds} rounds interleaved:")
    tell(found, count)


def _cpu(pids: Iterable[int]) -> float:
    return sum(map(cpu_of, pids))


def tell(found: dict[str, list[Cost]], count: int) -> None:
    for name in (WITHOUT, UNINDEXED, AS_IT_IS, TEXT):
        if name in found:
            seconds, mongod, python = (statistics.median(values) for values in zip(*found[name], strict=True))
            pairs = list(zip(found[name], found[WITHOUT], strict=True))
            slower = [each[0] / plain[0] - 1 for each, plain in pairs]
            more = statistics.median((each[1] + each[2]) / (plain[1] + plain[2]) - 1 for each, plain in pairs)
            verdict = f"   goal < {GOAL:.0%}  {'ok' if statistics.median(slower) < GOAL else 'MISS'}"
            cost = f"CPU us each: mongod {mongod / count * 1e6:>5,.0f}, python {python / count * 1e6:>5,.0f}"
            spread = (
                f"{statistics.median(slower):+.0%} time ({min(slower):+.0%} to {max(slower):+.0%}), {more:+.0%} CPU"
            )
            say(f"  {name:<18} {count / seconds:>7,.0f}/s, {cost}; {spread}{verdict if name == AS_IT_IS else ''}")


async def main(args: argparse.Namespace) -> None:
    for part in [args.only] if args.only else ["store", "import"]:
        with tempfile.TemporaryDirectory(prefix="bench-ingestion-") as folder:
            server = Mongo(Path(folder) / "mongo")
            await server.start()
            try:
                async with open_database(MongoSettings(url=server.url), app_name="bench") as db:
                    if part == "store":
                        await store(server, db, args.count, args.rounds)
                    else:
                        await imports(server, db, args.count, args.rounds, Path(folder) / "config")
            finally:
                await server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("store", "import"), default="")
    anyio.run(main, parser.parse_args())
