"""Every query the console issues, over a million listings and a million runs.

    python -m bench.search [--jobs 1000000] [--runs 1000000] [--times 40] [--cache 1.0] [--data DIR] [--only PART...]

Parts: shapes (p50 and p95 of each query, with what it is meant to stay under), sizes (bytes of index a listing),
ingestion (new listings with and without the search index, and with descriptions indexed too, interleaved), console (its
memory, over all this and over nothing). Builds its data itself (see bench.listings); --data keeps them, and finds them
the next time. --cache is MongoDB's in GB: less than the data, so that some reads come from the disk's cache. A page is
the console's. "cpu ms" is what a query costs here and in MongoDB: on a machine that is shared, believe that column.
"""

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec

from bench.listings import NOW, SOURCES, Words, listing, write_listings, write_runs
from bench.ptys import TICKS, Tty, median, percentile
from bench.upsert import write
from jobimport_tui.gateway.protocol import LISTINGS_PAGE, PAGE
from workers.feeds.normalise import normalise
from workers.model import Job, RawItem, Reject, Source
from workers.query import parse
from workers.service.embedded import MongoServer
from workers.settings import MongoSettings, RetentionSettings
from workers.store import daily, fulltext, history, indexes, search, terms
from workers.store.connect import Database, open_database
from workers.store.terms import Known

PARTS = ("shapes", "sizes", "ingestion", "console")
SEARCH_INDEXES = ("terms_newest",)
FAST, CHARTS = 50.0, 100.0  # ms, the goals for 95 of 100
Ask = Callable[[random.Random], Awaitable[Any]]


class Mongo(MongoServer):
    """The embedded server, with a cache of another size."""

    cache = "1.0"

    def cpu(self) -> float:
        """Seconds of CPU: its own and ours. What a busy machine does not change much."""
        assert self._child is not None
        fields = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS + time.process_time()

    def _flags(self) -> list[str]:
        flags = super()._flags()
        flags[flags.index("--wiredTigerCacheSizeGB") + 1] = self.cache
        return flags


@dataclass
class Shape:
    """One kind of query; `ask` draws its own words."""

    name: str
    ask: Ask
    goal: float | None = FAST


def say(text: str) -> None:
    print(text, flush=True)


# --- shapes


def shapes(db: Database, words: Words) -> list[Shape]:
    """What the console asks, with words drawn as often as listings hold them."""

    def one(values: Sequence[str], rng: random.Random) -> str:
        return rng.choice(values)

    def query(make: Callable[[random.Random], str], *, is_deep: bool = False) -> Ask:
        async def ask(rng: random.Random) -> Any:
            asked = parse(make(rng))
            after = None
            if is_deep:
                at = NOW - timedelta(seconds=rng.randrange(150 * 86_400))
                after = (at if asked.sort == "posted" else rng.randrange(60_000, 150_000), "board-100")
            return await search.search(db, asked, limit=LISTINGS_PAGE, after=after)

        return ask

    def counted(make: Callable[[random.Random], str]) -> Ask:
        return lambda rng: search.count(db, parse(make(rng)))

    def role(rng: random.Random) -> str:
        return words.roles.one().split()[-1]

    def phrase(rng: random.Random) -> str:
        return one([role for role in words.roles.values if " " in role], rng)

    def company(rng: random.Random) -> str:
        return words.companies.one().split()[0]

    def start(size: int) -> Callable[[random.Random], str]:
        return lambda rng: (
            one([role(rng), company(rng), words.skills.one(), words.cities.one()], rng).split()[0][:size] + "*"
        )

    def lower(text: str) -> str:
        return text.split()[0]

    day = timedelta(days=1)
    found = [
        Shape("nothing typed, newest", query(lambda rng: "")),
        Shape("nothing typed, any page", query(lambda rng: "", is_deep=True)),
        Shape("a role's word", query(lambda rng: f"{role(rng)} ")),
        Shape("a role's word, any page", query(lambda rng: f"{role(rng)} ", is_deep=True)),
        Shape("a company's word", query(lambda rng: f"{company(rng)} ")),
        Shape("two words", query(lambda rng: f"senior {role(rng)} ")),
        Shape("role, skill", query(lambda rng: f"{role(rng)} {words.skills.one()} ")),
        Shape("role, skill, any page", query(lambda rng: f"{role(rng)} {words.skills.one()} ", is_deep=True)),
        Shape("role, place", query(lambda rng: f"{role(rng)} location:{lower(words.cities.one())} ")),
        Shape("role, place, remote", query(lambda rng: f"{role(rng)} {lower(words.cities.one())} remote:true ")),
        Shape("company, role", query(lambda rng: f"company:{company(rng)} {role(rng)} ")),
        Shape("no such word", query(lambda rng: "zzyzx ")),
        Shape("words that never meet", query(lambda rng: "physician kubernetes ")),
        Shape("prefix of 2", query(start(2))),
        Shape("prefix of 2, any page", query(start(2), is_deep=True)),
        Shape("prefix of 3", query(start(3))),
        Shape("prefix of 5", query(start(5))),
        Shape("word and prefix of 2", query(lambda rng: f"{role(rng)} {start(2)(rng)}")),
        Shape("word and prefix of 3", query(lambda rng: f"senior {start(3)(rng)}")),
        Shape("source", query(lambda rng: f"source:{words.sources.one()}")),
        Shape("source, any page", query(lambda rng: f"source:{words.sources.one()}", is_deep=True)),
        Shape("source, word", query(lambda rng: f"source:{one(SOURCES, rng)} {role(rng)} ")),
        Shape("source, word that few have", query(lambda rng: f"source:{SOURCES[-1]} {words.skills.values[-1]} ")),
        Shape("source, 7 days", query(lambda rng: f"source:{words.sources.one()} posted:<7d")),
        Shape("source, closed", query(lambda rng: f"source:{one(SOURCES, rng)} status:closed")),
        Shape("closed", query(lambda rng: "status:closed")),
        Shape("closed, word", query(lambda rng: f"status:closed {role(rng)} ")),
        Shape("remote", query(lambda rng: "remote:true")),
        Shape("type", query(lambda rng: "type:contract,intern")),
        Shape(
            "type, remote, place", query(lambda rng: f"type:contract remote:true location:{lower(words.cities.one())}")
        ),
        Shape("place", query(lambda rng: f"location:{lower(words.cities.one())}")),
        Shape("phrase", query(lambda rng: f'"{phrase(rng)}"')),
        Shape("phrase in title", query(lambda rng: f'title:"{phrase(rng)}"')),
        Shape("phrase that is rare", query(lambda rng: '"senior glaciologist"')),
        Shape("phrase of words that are apart", query(lambda rng: '"engineer senior"'), None),
        Shape("not a word", query(lambda rng: "-senior")),
        Shape("word, not another", query(lambda rng: f"{role(rng)} -senior")),
        Shape("not what most are", query(lambda rng: "-type:full_time -source:board-000")),
        Shape("a day", query(lambda rng: f"posted:{(NOW - rng.randrange(1, 190) * day):%Y-%m-%d}")),
        Shape("a month", query(lambda rng: f"posted:{NOW - 90 * day:%Y-%m-%d}..{NOW - 60 * day:%Y-%m-%d}")),
        Shape(
            "word, a month",
            query(lambda rng: f"{role(rng)} posted:{NOW - 90 * day:%Y-%m-%d}..{NOW - 60 * day:%Y-%m-%d}"),
        ),
        Shape("salary above", query(lambda rng: f"salary:>{rng.randrange(60, 150)}k")),
        Shape("salary that few have", query(lambda rng: "salary:>178k")),
        Shape("sort:salary", query(lambda rng: "sort:salary")),
        Shape("sort:salary, any page", query(lambda rng: "sort:salary", is_deep=True)),
        Shape("sort:salary, a role", query(lambda rng: f"{role(rng)} sort:salary")),
        Shape("sort:salary, a rare word", query(lambda rng: "glaciologist sort:salary")),
        Shape("sort:salary, a source", query(lambda rng: f"source:{one(SOURCES, rng)} sort:salary")),
        Shape("seen:<1d", query(lambda rng: "seen:<1d")),
        Shape("new:<1d", query(lambda rng: "new:<1d")),
        Shape("new:run", query(lambda rng: f"new:run:{rng.randrange(1, 1_000_000)}")),
        Shape("changed:run", query(lambda rng: f"changed:run:{rng.randrange(1, 1_000_000)}")),
        Shape("quality:<50", query(lambda rng: "quality:<50")),
        Shape("quality:<1", query(lambda rng: "quality:<1")),
        Shape("copies:hide", query(lambda rng: f"{role(rng)} copies:hide")),
        Shape("id, beginning", query(lambda rng: f"id:{one(SOURCES, rng)}:{rng.randrange(10**4)}*")),
        Shape("count: a role", counted(lambda rng: f"{role(rng)} ")),
        Shape("count: role, skill", counted(lambda rng: f"{role(rng)} {words.skills.one()} ")),
        Shape("count: prefix of 2", counted(start(2))),
        Shape("count: salary above", counted(lambda rng: "salary:>80k")),
        Shape("suggestion while typing", lambda rng: terms.beginning(db, start(2)(rng)[:2].lower(), 2)),
    ]
    return found + history_shapes(db)


def history_shapes(db: Database) -> list[Shape]:
    """What the console asks of the runs."""
    since, until = NOW - timedelta(days=29), NOW

    def moment(rng: random.Random) -> datetime:
        return NOW - timedelta(seconds=rng.randrange(190 * 86_400))

    def source(rng: random.Random) -> str:
        return rng.choice(SOURCES)

    return [
        Shape("runs: newest 50", lambda rng: history.recent(db, limit=50)),
        Shape("runs: any page", lambda rng: history.recent(db, limit=PAGE, before=(moment(rng), 1 << 40))),
        Shape("runs: of a source", lambda rng: history.recent(db, limit=50, source=source(rng))),
        Shape("runs: failed", lambda rng: history.recent(db, limit=50, state="failed")),
        Shape("runs: failed of a source", lambda rng: history.recent(db, limit=50, source=source(rng), state="failed")),
        Shape(
            "runs: bad states, any page",
            lambda rng: history.recent(
                db, limit=50, state=("failed", "partial", "degraded"), before=(moment(rng), 1 << 40)
            ),
        ),
        Shape(
            "runs: of a day, failed",
            lambda rng: history.recent(
                db, limit=50, state="failed", since=(at := moment(rng)), until=at + timedelta(days=1)
            ),
        ),
        Shape("runs: last of each source", lambda rng: history.last_of_sources(db)),
        Shape("chart: 30 days, 200 sources, by day", lambda rng: daily.by_day(db, since, until), CHARTS),
        Shape("chart: 30 days, 200 sources, by source", lambda rng: daily.by_source(db, since, until), CHARTS),
        Shape("chart: 30 days of a source", lambda rng: daily.of_source(db, source(rng), since, until), CHARTS),
    ]


async def measure(server: Mongo, db: Database, times: int, only: str) -> None:
    rng, words = random.Random(3), Words()
    say(f"\n{'shape':<40} {'p50 ms':>8} {'p95 ms':>8} {'worst':>8} {'cpu ms':>8}   goal p95")
    for shape in shapes(db, words):
        if only and only not in shape.name:
            continue
        for _ in range(2):
            with suppress(search.SearchTooSlow):
                await shape.ask(rng)
        took: list[float] = []
        cpu = server.cpu()
        for _ in range(times):
            began = time.perf_counter()
            with suppress(search.SearchTooSlow):
                await shape.ask(rng)
            took.append((time.perf_counter() - began) * 1000)
        cpu = (server.cpu() - cpu) / times * 1000
        p95 = percentile(took, 0.95)
        verdict = "" if shape.goal is None else f"< {shape.goal:.0f}  {'ok' if p95 < shape.goal else 'MISS'}"
        say(f"{shape.name:<40} {median(took):>8.1f} {p95:>8.1f} {max(took):>8.1f} {cpu:>8.1f}   {verdict}")


# --- sizes


async def sizes(db: Database) -> None:
    stats = await db.command("collStats", "jobs")
    count = stats["count"]
    say(f"\n{count:,} listings: {stats['avgObjSize']:,} B each, {stats['storageSize'] / count:,.0f} B on disk")
    for name, size in sorted(stats["indexSizes"].items(), key=lambda pair: -pair[1]):
        say(f"  index {name:<24} {size / count:>8.1f} B a listing {size / 1e6:>10,.1f} MB")
    words = await db.command("collStats", "terms")
    say(f"  dictionary: {words['count']:,} terms, {(words['storageSize'] + words['totalIndexSize']) / 1e6:,.1f} MB")


# --- ingestion


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


VARIANTS = ("without", "with", "with descriptions")


async def ingestion(server: Mongo, root: Database, count: int, rounds: int) -> None:
    """New listings with the search index and dictionary, without, and with descriptions indexed too."""
    source = Source(name="bench", url="https://bench.example/feed")

    def to_job(item: RawItem) -> Job | Reject:
        return normalise(item, source, feed_url=source.url, source_url=source.url, run_date=NOW)

    def without_terms(item: RawItem) -> Job | Reject:
        job = to_job(item)
        return msgspec.structs.replace(job, search_terms=[]) if isinstance(job, Job) else job

    there, new = items(count, 10**7), items(count, 2 * 10**7)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in VARIANTS}
    for n in range(rounds):
        for name in VARIANTS[:: -1 if n % 2 else 1]:
            db = root.client.get_database("bench_ingestion")
            await root.client.drop_database(db.name)
            await indexes.prepare(db, RetentionSettings())
            await fulltext.want(db, name == "with descriptions")
            if name == "without":
                for index in SEARCH_INDEXES:
                    await db.jobs.drop_index(index)
            known, made = Known(), without_terms if name == "without" else to_job
            await write(db, 1, there, 500, 2, to_job=made, known=known)
            cpu = server.cpu()
            _, seconds = await write(db, 2, new, 500, 2, to_job=made, known=known)
            found[name].append((seconds, server.cpu() - cpu))
    await root.client.drop_database("bench_ingestion")
    say(f"\n{count:,} new listings beside as many, normalised and written, {rounds} rounds interleaved:")
    for name in VARIANTS:
        seconds, cpu = (statistics.median(values) for values in zip(*found[name], strict=True))
        pairs = zip(found[name], found["without"], strict=True)
        slower = statistics.median(each[0] / plain[0] - 1 for each, plain in pairs)
        more = statistics.median(
            each[1] / plain[1] - 1 for each, plain in zip(found[name], found["without"], strict=True)
        )
        verdict = "" if name != "with" else "   goal < 15 %  " + ("ok" if slower < 0.15 else "MISS")
        rate = f"{count / seconds:>7,.0f}/s, {cpu / count * 1e6:>6,.0f} us of CPU each"
        say(f"  {name:<18} {rate}; {slower:+.0%} time, {more:+.0%} CPU{verdict}")


# --- the console


async def console(full: str, empty: str) -> None:
    """Memory after the same keys: listings, a search, thirty pages, the runs and thirty pages of them."""
    say("\nconsole's memory, after a search, 30 pages of listings and 30 of runs")
    for name, url in (("over nothing", empty), ("over all this", full)):
        found = await anyio.to_thread.run_sync(_walk, url)
        say(f"  {name:<16} {found[0]:>6.1f} MB at the start, {found[1]:>6.1f} MB at the end")


def _walk(url: str) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        redis = ("--redis", "redis://127.0.0.1:1/0")
        argv = [sys.executable, "-m", "jobimport_tui.cli.main", "--config", folder, *redis, "--mongo", url]
        with Tty(argv, (80, 24), HOME=folder, XDG_CONFIG_HOME=folder) as tty:
            tty.until_quiet(1.5, 20)
            first = tty.memory()
            for keys in ("4", "/engineer\r", *["G", "j"] * 30, "2", *["G", "j"] * 30):
                tty.send(keys.encode())
                tty.until_quiet(0.2, 5)
            return first, tty.memory()


# --- all of it


@asynccontextmanager
async def filled(folder: Path, args: argparse.Namespace) -> AsyncIterator[tuple[Mongo, Database]]:
    """A server with the data; built unless the folder has them already."""
    server = Mongo(folder)
    server.cache = str(args.cache)
    await server.start()
    try:
        async with open_database(MongoSettings(url=server.url), app_name="bench") as db:
            if await db.jobs.estimated_document_count() != args.jobs:
                await build(db, args)
            await indexes.prepare(db, RetentionSettings())
            yield server, db
    finally:
        await server.stop()


async def build(db: Database, args: argparse.Namespace) -> None:
    await db.client.drop_database(db.name)
    for name, part in (("listings", write_listings(db, args.jobs)), ("runs", write_runs(db, args.runs))):
        began = time.perf_counter()
        await part
        say(f"{name} written in {time.perf_counter() - began:,.0f} s")
    began = time.perf_counter()
    await indexes.prepare(db, RetentionSettings())
    say(f"indexes built in {time.perf_counter() - began:,.0f} s")
    say(f"dictionary counted in {await terms.recount(db):,.1f} s")


async def main(args: argparse.Namespace) -> None:
    folder = Path(args.data) if args.data else Path(tempfile.mkdtemp(prefix="bench-search-"))
    folder.mkdir(parents=True, exist_ok=True)
    parts = args.only or PARTS
    try:
        async with filled(folder, args) as (server, db):
            say(f"{args.jobs:,} listings, {args.runs:,} runs, cache {args.cache} GB, {args.times} queries a shape")
            if "sizes" in parts:
                await sizes(db)
            if "shapes" in parts:
                await measure(server, db, args.times, args.shape)
            if "ingestion" in parts:
                await ingestion(server, db, args.ingest, args.rounds)
            if "console" in parts:
                empty = db.client.get_database("bench_empty")
                await indexes.prepare(empty, RetentionSettings())
                await console(server.url, server.url.replace(f"/{db.name}?", "/bench_empty?"))
    finally:
        if not args.data:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--cache", type=float, default=1.0)
    parser.add_argument("--data", default="")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=[])
    parser.add_argument("--shape", default="", help="only shapes whose names hold this")
    parser.add_argument("--ingest", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    anyio.run(main, parser.parse_args())
