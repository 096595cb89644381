"""A soak from the first process to the last word."""

import os
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio

from tests.feed_server import FeedServer
from tests.plant import Plant
from tests.soak import watch
from tests.soak.adversary import Adversary
from tests.soak.checks import calm_import, check
from tests.soak.crew import Crew
from tests.soak.drivers import Driver, nothing_active
from tests.soak.feeds import boards
from tests.soak.members import ReplicaSet
from tests.soak.plan import Plan
from tests.soak.proxy import free_ports, proxied
from tests.soak.report import Ending, summary, tell
from tests.soak.site import Journal, Site, aloud
from tests.soak.waiting import until
from workers.queue import registry
from workers.queue.connect import open_redis
from workers.service.embedded import HOST, RedisServer
from workers.settings import MongoSettings, RetentionSettings
from workers.store import indexes
from workers.store.connect import open_database

UP_SECONDS = 30.0


async def soak(plan: Plan, keep: bool = False) -> bool:
    """Run it and print how it went; whether nothing was broken. What it wrote is kept where something was."""
    folder = Path(tempfile.mkdtemp(prefix="jobimport-soak-"))
    try:
        async with _site(plan, folder) as site:
            drivers = [Driver(site, board) for board in site.boards]
            aloud(f"soak of {plan.seconds:.0f} s, seed {plan.seed}, in {folder}")
            ending = await _run(site, drivers)
            aloud(summary(site, drivers, ending))
            broken = bool(site.violations)
    except BaseException:
        aloud(f"the soak broke down; its logs are in {folder}")
        raise
    if broken or keep:
        aloud(f"its logs are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return not broken


async def _run(site: Site, drivers: list[Driver]) -> Ending:
    async with anyio.create_task_group() as tasks:
        for crew in site.crews:
            tasks.start_soon(crew.keep)
        tasks.start_soon(tell, site, drivers)
        await _all_live(site)
        began = time.time()
        mended = await _break(site, drivers)
        if not await nothing_active(site, site.plan.drain_limit):
            site.violated(f"runs are active {site.plan.drain_limit:.0f} s after the last fault was mended")
        drained = time.time()
        site.journal.say("all runs have ended")
        stall = watch.longest_gap(await watch.moments(site), began, drained)
        watch.note_resumed(site, await watch.settled(site))
        await _last_round(drivers)
        await _all_live(site)
        await check(site, drivers)
        site.exits_idle += [seconds for crew in site.crews if (seconds := await crew.stop()) is not None]
        ending = Ending(drained - mended, await calm_import(site, drivers), stall)
        tasks.cancel_scope.cancel()
        return ending
    raise AssertionError("unreachable")


async def _break(site: Site, drivers: list[Driver]) -> float:
    """Import and break things for the plan's time; when the last fault was mended."""
    over, mended = anyio.Event(), 0.0
    async with anyio.create_task_group() as imports:
        for driver in drivers:
            imports.start_soon(driver.drive, over)
        await Adversary(site).run()
        mended = time.time()
        site.journal.say("the adversary has gone")
        over.set()
    return mended


async def _last_round(drivers: list[Driver]) -> None:
    """Once more, with feeds that behave: what an earlier run had lost would be counted as new or updated here."""
    for driver in drivers:
        driver.board.mood = "calm"
        if not driver.broken:
            await driver.once()


async def _all_live(site: Site) -> None:
    """Wait until every worker process has been heard of lately."""
    expected = len(site.crews) * site.plan.processes

    async def look() -> bool:
        living = [worker for worker in await registry.workers(site.plant.redis) if worker.beat_age_s < site.plan.lease]
        pids = {pid for crew in site.crews for pid in crew.children()}
        return len({worker.pid for worker in living} & pids) == expected

    if not await until(look, UP_SECONDS + site.plan.lease):
        site.violated("not every worker lives")


@asynccontextmanager
async def _site(plan: Plan, folder: Path) -> AsyncGenerator[Site]:
    """Start everything but the workers."""
    config = folder / "config"
    (config / "sources").mkdir(parents=True)
    (config / "jobimport.toml").write_text('[fetch]\nallow_hosts = ["127.0.0.1"]\n')
    redis_port, *mongo_ports = free_ports(8)
    mongo_ports, mongo_proxied, redis_proxied = mongo_ports[:3], mongo_ports[3:6], mongo_ports[6]
    redis_server = RedisServer(folder, redis_port)
    replica = ReplicaSet(folder, mongo_ports, mongo_proxied)
    routes = {"redis": (redis_proxied, redis_port)}
    routes |= {f"mongo{i}": (mongo_proxied[i], mongo_ports[i]) for i in range(3)}
    crews: list[Crew] = []
    async with AsyncExitStack() as parts:
        server = parts.enter_context(FeedServer())
        proxy = await parts.enter_async_context(proxied(routes))
        await redis_server.start()
        parts.push_async_callback(redis_server.stop)
        parts.push_async_callback(replica.stop)
        await replica.start()
        url = replica.url()
        db = await parts.enter_async_context(open_database(MongoSettings(url=url), app_name="soak"))
        redis = await parts.enter_async_context(open_redis(redis_server.url))
        await indexes.prepare(db, RetentionSettings())
        env = {
            **os.environ,
            **plan.env,
            "JOBIMPORT_CONFIG": str(config),
            "JOBIMPORT_REDIS_URL": f"redis://{HOST}:{redis_proxied}/0",
            "JOBIMPORT_MONGO_URL": url,
        }
        plant = Plant(config, db, redis, env)
        made = boards(plan, server)
        for board in made:
            plant.source(board.name, server.url(f"/{board.name}"), kind=board.kind)
        crews += [Crew(name, folder, env, plan.rng("crew", name)) for name in "abcdefgh"[: plan.crews]]
        for crew in crews:
            parts.callback(crew.kill)
        yield Site(plan, folder, plant, made, proxy, redis_server, replica, crews, Journal(folder / "journal.log"))
