"""Writing listings, without a feed and without a queue: new, unchanged, 1 % changed, all changed.

    python -m bench.upsert [--jobs 10000] [--batch 500] [--in-flight 2] [--rounds 3] [--url mongodb://...]

Starts an embedded MongoDB unless --url names one (a database of its own name is made and dropped). Items are about
2 KB; the normaliser here only copies fields, so that what is measured is the store. Prints the median jobs/s of the
rounds, and the spread.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import anyio

from workers.model import Counts, Job, JobMetadata, RawItem
from workers.service.embedded import MongoServer
from workers.settings import MongoSettings, RetentionSettings
from workers.store import indexes, jobs
from workers.store.connect import Database, open_database
from workers.store.terms import Known

SOURCE = "bench"
WORDS = [
    f"{a}{b}" for a in ("plat", "serv", "data", "cust", "grow", "des") for b in ("form", "ice", "ing", "ern", "th")
]
LANES: tuple[tuple[str, Callable[[int], bool]], ...] = (
    ("new", lambda n: True),
    ("unchanged", lambda n: False),
    ("1 % changed", lambda n: n % 100 == 0),
    ("all changed", lambda n: True),
)


def feed(count: int, edition: Callable[[int], int]) -> list[RawItem]:
    """`count` items; the edition of an item stands in its title and its hashes."""
    rng = random.Random(7)
    items: list[RawItem] = []
    for n in range(count):
        fields = {
            "title": [f"{rng.choice(WORDS)} {rng.choice(WORDS)} engineer {edition(n)}"],
            "company": [f"{rng.choice(WORDS)} GmbH"],
            "description": [" ".join(rng.choices(WORDS, k=240))],
        }
        items.append(RawItem(str(n), n, fields, blake2b(repr(fields).encode(), digest_size=16).digest()))
    return items


def normalise(item: RawItem) -> Job:
    title, company = item.fields["title"][0], item.fields["company"][0]
    return Job(
        source=SOURCE,
        external_id=item.external_id,
        title=title,
        company=company,
        locations=["Berlin"],
        url=f"https://bench.example/{item.external_id}",
        description=item.fields["description"][0],
        search_terms=f"{title} {company} berlin".lower().split(),
        content_hash=item.raw_hash,
        metadata=JobMetadata(source=SOURCE, source_url="https://bench.example/feed"),
    )


async def write(
    db: Database,
    run: int,
    items: list[RawItem],
    batch: int,
    in_flight: int,
    *,
    to_job: jobs.Normalise = normalise,
    known: Known | None = None,
) -> tuple[Counts, float]:
    """Write a feed as a worker does; returns its counts and the seconds it took."""
    known = known or Known()
    waiting = [items[i : i + batch] for i in range(0, len(items), batch)]
    counts: list[Counts] = []

    async def work() -> None:
        while waiting:
            result = await jobs.upsert(db, run, SOURCE, waiting.pop(0), to_job, datetime.now(UTC), known=known)
            counts.append(result.counts)

    began = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(in_flight):
            tasks.start_soon(work)
    return sum(counts, Counts()), time.perf_counter() - began


@asynccontextmanager
async def server(url: str) -> AsyncGenerator[str]:
    """The server that the URL names, or an embedded one."""
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        embedded = MongoServer(Path(folder))
        await embedded.start()
        try:
            yield embedded.url
        finally:
            await embedded.stop()


async def main(args: argparse.Namespace) -> None:
    rates: dict[str, list[float]] = {name: [] for name, _ in LANES}
    async with server(args.url) as url, open_database(MongoSettings(url=url), app_name="bench") as root:
        for n in range(args.rounds):
            db = root.client.get_database(f"bench_upsert_{n}")
            await indexes.prepare(db, RetentionSettings())
            editions = [0] * args.jobs
            for run, (name, moves) in enumerate(LANES, start=1):
                editions = [edition + moves(i) for i, edition in enumerate(editions)]
                items = feed(args.jobs, editions.__getitem__)
                counts, seconds = await write(db, run, items, args.batch, args.in_flight)
                rates[name].append(args.jobs / seconds)
                if n == 0:
                    print(f"{name:12} {counts}")
            await root.client.drop_database(db.name)
    print(f"\n{args.jobs} jobs, batches of {args.batch}, {args.in_flight} in flight, median of {args.rounds} rounds")
    for name, found in rates.items():
        spread = f"{min(found):,.0f} to {max(found):,.0f}"
        print(f"{name:12} {statistics.median(found):>10,.0f} jobs/s   {spread}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--in-flight", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--url", default="")
    anyio.run(main, parser.parse_args())
