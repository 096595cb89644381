"""`jobimport doctor`: is everything set up and running as it should be; each line says what to do if not.

Exit 1 if a check fails, 3 if a server does not answer.
"""

import os
import re
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec

from jobimport_tui.cli import reach
from jobimport_tui.cli.config import unknown_variables
from jobimport_tui.cli.flags import Args, Parser, settings, wants_json
from jobimport_tui.cli.show import line, span
from jobimport_tui.cli.tables import table
from jobimport_tui.cli.workers import SILENT
from jobimport_tui.display.format import counted
from workers.errors import Unreachable
from workers.model import Run, Source
from workers.queue import depth, registry
from workers.queue.connect import now_ms
from workers.settings import FILE_NAME, Config
from workers.sources import load_each
from workers.store import copies, migrations, runs, source_state
from workers.store.connect import Database
from workers.store.indexes import INDEXES
from workers.store.source_state import SourceState

REDIS_LEAST = (6, 2)
SKEW = 5.0
"""Seconds by which this machine's clock and Redis's may differ: leases and slots compare times."""

WAITS_LONG = 600.0
ODD_SHOWN = 20
Level = Literal["ok", "warn", "fail"]


class Check(msgspec.Struct, frozen=True):
    """One line: what was looked at, how it is, and what to do."""

    name: str
    level: Level
    text: str
    advice: str = ""


Checks = AsyncGenerator[Check]


def describe(parser: Parser) -> None:
    """No flags of its own."""
    parser.set_defaults(run=run)


def run(args: Args) -> int:
    """Look at everything, whatever fails on the way."""
    config = settings(args)
    checks, is_unreachable = reach.run(partial(examine, config))
    if wants_json(args):
        for check in checks:
            line(check)
    else:
        rows = [(one.name, one.level, one.text, one.advice) for one in checks]
        table(("CHECK", "STATE", "FOUND", "DO"), rows, wrap=("FOUND", "DO"))
    if is_unreachable:
        return 3
    return int(any(check.level == "fail" for check in checks))


async def examine(config: Config) -> tuple[list[Check], bool]:
    """Every check, and whether a server did not answer."""
    checks = [*of_files(config)]
    is_unreachable = False
    for name, part in (("mongodb", of_mongo), ("redis", of_redis)):
        try:
            checks += [check async for check in part(config)]
        except Unreachable as error:
            is_unreachable = True
            advice = f"start it, or say where it is: JOBIMPORT_{'MONGO' if name == 'mongodb' else 'REDIS'}_URL"
            checks.append(Check(name, "fail", str(error), advice))
    return checks, is_unreachable


def of_files(config: Config) -> list[Check]:
    """The settings were read, or we would not be here; the sources, and what they refer to."""
    file = config.folder / FILE_NAME
    text = str(file.absolute()) if file.exists() else f"{file.absolute()} is absent: every setting has its default"
    checks = [Check("settings", "ok", text)]
    checks += [
        Check("settings", "warn", text, "correct its name or unset it") for text in unknown_variables(os.environ)
    ]
    sources, errors = load_each(config.sources)
    checks += [Check("sources", "fail", str(error), "correct the file") for error in errors]
    if sources:
        enabled = sum(source.enabled for source in sources.values())
        checks.append(Check("sources", "ok", f"{len(sources)} in {config.sources}, {enabled} enabled"))
    elif not errors:
        checks.append(Check("sources", "warn", f"none in {config.sources}", "add a NAME.toml with a url"))
    checks += [check for source in sources.values() for check in _of_references(source)]
    if "set fetch.user_agent" in config.settings.fetch.user_agent:
        text = "the User-Agent names no contact"
        checks.append(Check("settings", "warn", text, f"set fetch.user_agent in {file}"))
    return checks


def _of_references(source: Source) -> list[Check]:
    """References to secrets that this process could not resolve; a worker may have another environment."""
    checks: list[Check] = []
    for key, value in (*source.headers.items(), *source.query.items(), *source.basic.items()):
        kind, _, name = value.partition(":")
        missing = (kind == "env" and name not in os.environ) or (kind == "file" and not Path(name).is_file())
        if missing:
            text = f"{source.name}: {key} refers to {value}, which is not there"
            checks.append(Check("sources", "warn", text, "give it to the workers"))
    return checks


async def of_mongo(config: Config) -> Checks:
    """Version, replica set, indexes, and runs that do not move."""
    async with reach.database(config) as db:
        hello = await db.command("hello")
        build: dict[str, Any] = await db.command("buildInfo")
        yield Check("mongodb", "ok", f"{build.get('version', '?')} answers, database {db.name}")
        if "setName" in hello or hello.get("msg") == "isdbgrid":
            yield Check("mongodb", "ok", f"replica set {hello.get('setName', '(sharded)')}")
        else:
            yield Check("mongodb", "warn", "a single server: no fail-over", "make it a replica set: rs.initiate()")
        yield await _indexes(db)
        yield await _migrations(db)
        waiting = await copies.due(db, limit=1)
        active = await runs.active(db)
        yield Check("runs", "ok", f"{len(active)} active")
        states = await source_state.all(db)
        last = await runs.last_of_sources(db)
    for check in of_linking(waiting):
        yield check
    sources = load_each(config.sources)[0]
    for check in (*of_health(sources, states), *of_states(states.values(), last.values())):
        yield check


def of_health(sources: Mapping[str, Source], states: Mapping[str, SourceState]) -> list[Check]:
    """How each source does by its own history; those that are disabled are nobody's worry."""
    judged = {name: states[name].health for name in sources if sources[name].enabled and name in states}
    odd = {name: health for name, health in judged.items() if health is not None and health.state != "ok"}
    checks = [
        Check("health", "warn", f"{name} is {health.state}: {health.text}", f"jobimport runs list --source {name}")
        for name, health in sorted(odd.items())[:ODD_SHOWN]
    ]
    if len(odd) > ODD_SHOWN:
        more = counted(len(odd) - ODD_SHOWN, "more source")
        checks.append(Check("health", "warn", f"and {more}", "jobimport sources list"))
    if judged and not odd:
        are = "is" if len(judged) == 1 else "are"
        checks.append(Check("health", "ok", f"{counted(len(judged), 'source')} {are} as usual"))
    return checks


def of_linking(waiting: Iterable[Run]) -> list[Check]:
    """Runs whose listings should long have been compared with those of other sources; the oldest is enough."""
    now = datetime.now(UTC)
    ages = {run.id: (now - run.finished_at).total_seconds() for run in waiting if run.finished_at}
    texts = [
        f"run {id} has waited {span(age)} for its copies to be linked" for id, age in ages.items() if age > WAITS_LONG
    ]
    return [Check("copies", "warn", text, "see the workers' log") for text in texts]


def of_states(states: Iterable[SourceState], last: Iterable[Run]) -> list[Check]:
    """Sources that have moved, and whose last run waits for an operator's word."""
    checks: list[Check] = []
    for state in states:
        if state.permanent_url:
            text = f"{state.source} has moved for good to {state.permanent_url}"
            checks.append(Check("sources", "warn", text, "put it into the source's file"))
    held = [run for run in last if run.held]
    checks += [Check("runs", "warn", f"{run.source}: {run.held}", f"jobimport runs approve {run.id}") for run in held]
    return checks


async def _indexes(db: Database) -> Check:
    missing = await migrations.missing_indexes(db)
    if not missing:
        return Check("mongodb", "ok", f"{len(INDEXES)} indexes")
    if len(missing) == len(INDEXES):
        return Check("mongodb", "warn", "no indexes yet", "start a worker: it makes them")
    return Check("mongodb", "fail", f"without {', '.join(missing)}", "start a worker, or `jobimport migrate`")


async def _migrations(db: Database) -> Check:
    left = [step for step in await migrations.pending(db) if step.name != "indexes"]
    if not left:
        return Check("mongodb", "ok", "nothing to migrate")
    names = ", ".join(step.name for step in left)
    return Check("mongodb", "warn", f"of an older version, and it works; to migrate: {names}", "jobimport migrate")


async def of_redis(config: Config) -> Checks:
    """Version, persistence, eviction, the clocks; then who works, and how long the oldest waits."""
    async with reach.queues(config) as redis:
        info: dict[str, Any] = await redis.info()
        for check in of_redis_info(info):
            yield check
        skew = abs(await now_ms(redis) / 1000 - time.time())
        if skew > SKEW:
            text = f"its clock and this machine's differ by {span(skew)}"
            yield Check("redis", "warn", text, "let NTP keep both")
        depths = await depth.snapshot(redis)
        heard = await registry.workers(redis)
    for check in (*of_workers(heard), *of_depths(depths)):
        yield check


def of_redis_info(info: dict[str, Any]) -> list[Check]:
    """What INFO says of version, persistence and eviction."""
    version = str(info.get("valkey_version") or info.get("redis_version") or "?")
    compatible = tuple(int(part) for part in re.findall(r"\d+", str(info.get("redis_version", "")))[:2])
    name = "Valkey" if "valkey_version" in info else "Redis"
    checks: list[Check] = []
    if compatible >= REDIS_LEAST:
        checks.append(Check("redis", "ok", f"{name} {version} answers"))
    else:
        checks.append(Check("redis", "fail", f"{name} {version}", "version 6.2 or later is needed"))
    if info.get("aof_enabled"):
        checks.append(Check("redis", "ok", "appendonly yes"))
    else:
        advice = "CONFIG SET appendonly yes, and in its configuration"
        checks.append(Check("redis", "warn", "appendonly no: a restart loses delayed messages and pauses", advice))
    if (policy := info.get("maxmemory_policy", "noeviction")) == "noeviction":
        checks.append(Check("redis", "ok", "maxmemory-policy noeviction"))
    else:
        advice = "CONFIG SET maxmemory-policy noeviction, and in its configuration"
        checks.append(Check("redis", "fail", f"maxmemory-policy {policy}: it may throw work away", advice))
    return checks


def of_workers(heard: list[registry.WorkerInfo]) -> list[Check]:
    """Who works."""
    alive = [worker for worker in heard if worker.beat_age_s <= SILENT]
    silent = [worker for worker in heard if worker.beat_age_s > SILENT]
    in_work = counted(sum(worker.busy for worker in alive), "message")
    checks = [
        Check("workers", "ok", f"{counted(len(alive), 'process', 'processes')}, {in_work} in work")
        if alive
        else Check("workers", "fail", "none is running", "start one: jobimport worker")
    ]
    if alive and all(worker.state == "quiet" for worker in alive):
        advice = f"jobimport workers resume {' '.join(worker.id for worker in alive)}"
        checks.append(Check("workers", "warn", "all are quiet: nothing new is begun", advice))
    for worker in silent:
        text = f"{worker.id} has been silent for {span(worker.beat_age_s)}"
        checks.append(Check("workers", "warn", text, "it died without a word: see its host's log"))
    return checks


def of_depths(depths: depth.QueueDepths) -> list[Check]:
    """What waits, what is held, what is dead."""
    ages = {lane.lane: (depths.at_ms - lane.oldest_ms) / 1000 for lane in depths.lanes if lane.oldest_ms is not None}
    waiting = sum(lane.waiting for lane in depths.lanes)
    checks = [Check("queues", "ok", f"{waiting:,} waiting, {depths.delayed:,} delayed")]
    if ages and max(ages.values()) > WAITS_LONG:
        lane = max(ages, key=lambda name: ages[name])
        text = f"the oldest of {lane} is {span(ages[lane])} old"
        checks.append(Check("queues", "warn", text, "more workers, or see `jobimport queues show`"))
    if depths.paused:
        held = ", ".join(sorted(depths.paused))
        checks.append(Check("queues", "warn", f"paused: {held}", "jobimport queues resume " + held.replace(",", "")))
    if depths.dead:
        checks.append(Check("failed", "warn", counted(depths.dead, "dead letter"), "jobimport failed list"))
    return checks
