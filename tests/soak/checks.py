"""What must hold when the adversary has gone and the plant has come to rest."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from tests.plant import Plant
from tests.soak.drivers import Driver, last_runs
from tests.soak.site import Site
from tests.soak.waiting import until
from workers.model import Run
from workers.queue import registry
from workers.queue.connect import open_redis
from workers.queue.lanes import DELAYED, GROUP, LANES, NOBODY
from workers.settings import MongoSettings, RetentionSettings
from workers.store import closing, indexes
from workers.store.connect import Database, open_database
from workers.store.verifying import verify

STAMPS = {"first_run": 0, "changed_run": 0, "closed_run": 0}
TIMES = {"metadata.first_seen": 0, "metadata.last_updated": 0, "metadata.closed_at": 0}
HISTORY = {"changes": 0}
SHOWN = 5


async def check(site: Site, drivers: list[Driver]) -> None:
    """Everything but the calm import."""
    runs = await last_runs(site)
    await _runs(site, runs)
    await _sums(site, runs, drivers)
    await _rows(site)
    await _lanes(site)
    await _consumers(site)
    for driver in drivers:
        await _known(site, driver)


async def _runs(site: Site, runs: list[Run]) -> None:
    """Every run has ended, and its row agrees with what is in the store, as far as that can still be told."""
    for run in runs:
        name = f"source {run.source}: run {run.id} ({run.state})"
        if run.active:
            site.violated(f"{name} has not ended: {run}")
            continue
        verified = await verify(site.plant.db, run, run.stats)
        if not verified.ok:
            site.violated(f"{name}: verify: {verified.sentence()}; rows {await _rows_of(site.plant.db, run.id)}")
        stamps = await closing.recount(site.plant.db, run.id, run.source)
        born = await site.plant.db.jobs.count_documents({"source": run.source, "first_run": run.id})
        if born != run.stats.new or stamps.updated > run.stats.updated:
            told = f"{run.stats.new} new, {run.stats.updated} updated"
            site.violated(f"{name} counted {told}; the stamps say {born} new, {stamps.updated} still updated")


async def _rows_of(db: Database, run: int) -> list[str]:
    rows = db.import_batches.find({"run": run}, {"items": 0, "seen": 0}).sort("_id", 1)
    return [f"{row['_id']} {row['state']} {row.get('size')} {row.get('counts')}" async for row in rows]


async def _sums(site: Site, runs: list[Run], drivers: list[Driver]) -> None:
    """What all runs of a source brought is what there is of it."""
    for driver in drivers:
        name = driver.board.name
        brought = sum(run.stats.new for run in runs if run.source == name)
        there = await site.plant.db.jobs.count_documents({"source": name})
        if brought != there:
            site.violated(f"source {name}: its runs brought {brought} listings, and there are {there}")


async def _rows(site: Site) -> None:
    """No row waits or is being worked on."""
    states = Counter[str]()
    async for row in site.plant.db.import_batches.find({}, {"state": 1}):
        states[row["state"]] += 1
        if row["state"] not in ("done", "dead", "dropped"):
            site.violated(f"row {row['_id']} is stranded as {row['state']}")
    site.journal.say(f"rows: {dict(states)}")


async def _lanes(site: Site) -> None:
    """No message waits, is worked on or is put off."""
    redis = site.plant.redis

    async def left() -> dict[str, int]:
        found = {str(lane): int(await redis.xlen(lane.key)) for lane in LANES}
        for lane in LANES:
            summary: Any = await redis.xpending(lane.key, GROUP)
            found[f"{lane} pending"] = int(summary["pending"])
        found["delayed"] = int(await redis.zcard(DELAYED))
        return {name: count for name, count in found.items() if count}

    # Messages that say again what is done may outlive the runs by as long as a lease: they end by themselves.
    async def clean() -> bool:
        return not await left()

    if not await until(clean, site.plan.lease * 2 + 30):
        found = await left()
        site.violated(f"left in Redis: {found}")


async def _consumers(site: Site) -> None:
    """Consumers are the living and nobody; the dead hold nothing, and are forgotten when it is time."""
    redis = site.plant.redis
    living = {worker.id.encode() for worker in await registry.workers(redis) if worker.beat_age_s < site.plan.lease}
    expected = len(site.crews) * site.plan.processes
    if len(living) != expected:
        site.violated(f"{len(living)} living workers in the registry, {expected} expected: {sorted(living)}")
    for lane in LANES:
        consumers: Any = await redis.xinfo_consumers(lane.key, GROUP)
        for consumer in consumers:
            if consumer["name"] not in living and consumer["pending"]:
                site.violated(f"{lane}: consumer {consumer['name']!r} is gone and holds {consumer['pending']} messages")
    # The living renew their idle time with every read, once a second; a dead one has an hour in real life.
    await registry.prune(redis, silent_ms=10_000)
    for lane in LANES:
        consumers = await redis.xinfo_consumers(lane.key, GROUP)
        if over := {consumer["name"] for consumer in consumers} - living - {NOBODY.encode()}:
            site.violated(f"{lane}: consumers left over: {sorted(over)}")


async def _known(site: Site, driver: Driver) -> None:
    """Each listing is stored in the version, and open or closed, as the runs one after the other made it."""
    name, board, wrong = driver.board.name, driver.board, list[str]()
    stored: dict[int, tuple[str, bool]] = {}
    async for row in site.plant.db.jobs.find({"source": name}, {"external_id": 1, "title": 1, "status": 1}):
        number = int(row["external_id"].rpartition("=")[2])
        stored[number] = (row["title"], row["status"] == "open")
    for number, known in driver.oracle.known.items():
        meant = (f"{board.title(number, known.version)} {number}", known.open)
        if stored.get(number) != meant:
            wrong.append(f"{number} is {stored.get(number)} and not {meant}")
    wrong += [f"{number} is nobody's" for number in stored.keys() - driver.oracle.known.keys()]
    if wrong:
        site.violated(f"source {name}: {len(wrong)} listings are wrong: {'; '.join(wrong[:SHOWN])}")


async def compare(site: Site, drivers: list[Driver], calm: Database) -> int:
    """Compare with a calm import of the last generations, document for document; how many there were."""
    fields = {**STAMPS, **TIMES, **HISTORY}
    compared = 0
    for driver in drivers:
        name, wrong = driver.board.name, list[str]()
        ours = {row["_id"]: row async for row in site.plant.db.jobs.find({"source": name}, fields)}
        async for row in calm.jobs.find({"source": name}, fields):
            compared += 1
            mine = ours.pop(row["_id"], None)
            if mine != row:
                differing = [key for key in {**row, **(mine or {})} if mine is None or mine.get(key) != row.get(key)]
                wrong.append(f"{row['_id']}: {'missing' if mine is None else differing}")
        present = driver.board.generation.versions
        for id, row in ours.items():
            # What the calm import cannot know has gone from the feed before.
            if int(id.rpartition("=")[2]) in present or (driver.board.kind == "snapshot" and row["status"] == "open"):
                wrong.append(f"{id}: only in the soaked database")
        if wrong:
            site.violated(
                f"source {name}: {len(wrong)} documents differ from a calm import: {'; '.join(wrong[:SHOWN])}"
            )
    return compared


@asynccontextmanager
async def calm_plant(site: Site, database: str = "calm") -> AsyncGenerator[Plant]:
    """The same sources and servers, another database in each."""
    url, redis_url = site.replica.url(database), site.redis_server.url.removesuffix("/0") + "/1"
    settings = MongoSettings(url=url)
    async with open_database(settings, app_name="soak calm") as db, open_redis(redis_url) as redis:
        await indexes.prepare(db, RetentionSettings())
        env = {**site.plant.env, "JOBIMPORT_MONGO_URL": url, "JOBIMPORT_REDIS_URL": redis_url}
        yield Plant(site.plant.folder, db, redis, env)


async def calm_import(site: Site, drivers: list[Driver]) -> int:
    """Import the last generations once, in peace, and see that they come out the same; how many listings there were."""
    async with calm_plant(site) as plant, plant.workers(processes=site.plan.processes):
        for board in site.boards:
            run = await plant.run(board.name, limit=120)
            if run.state not in ("succeeded", "partial"):
                site.violated(f"source {board.name}: the calm import ended as {run.state}: {run.error_log}")
        return await compare(site, drivers, plant.db)
