"""`jobimport workers list|quiet|resume|stop`: the worker processes heard of in the last hour."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, Verbs, settings, wants_json
from jobimport_tui.cli.show import iso, line, plain, say, size, span
from jobimport_tui.cli.tables import table
from workers import control
from workers.errors import ConfigError
from workers.queue.registry import Order, WorkerInfo
from workers.queue.registry import workers as heard_of
from workers.settings import Config
from workers.store.connect import open_database

SILENT = 20.0
"""Seconds without a beat (three are missed) after which a worker is called silent."""


def describe(parser: Parser) -> None:
    """List, quiet, resume, stop."""
    verbs = Verbs(parser)
    verbs.add("list", list_workers, "worker processes, what they do, and when they last spoke")
    orders: tuple[tuple[str, Order | None, str], ...] = (
        ("quiet", "quiet", "finish what is in hand, take nothing new"),
        ("resume", None, "let a quiet worker work again"),
        ("stop", "stop", "finish or hand back what is in hand, then end; no other is started in its place"),
    )
    for name, order, summary in orders:
        verb = verbs.add(name, partial(_give, order=order), summary)
        names = "as `workers list` shows it; without its last part: every process of that `jobimport worker`"
        verb.add_argument("id", nargs="+", metavar="ID", help=names)


def list_workers(args: Args) -> int:
    """Print the workers."""
    return reach.run(partial(_list, settings(args), is_json=wants_json(args)))


async def _list(config: Config, *, is_json: bool) -> int:
    async with reach.queues(config) as redis:
        found = await heard_of(redis)
    if is_json:
        for worker in found:
            line(as_object(worker))
        return 0
    titles = ("WORKER", "STATE", "BUSY", "DONE", "FAILED", "MEMORY", "STARTED", "BEAT", "DOING")
    table(
        titles,
        [_row(worker) for worker in found],
        right=("BUSY", "DONE", "FAILED", "MEMORY", "BEAT"),
        wrap=("DOING",),
        drop=("STARTED", "MEMORY"),
    )
    if not found:
        say("no workers (start one: `jobimport worker`)")
    return 0


def _give(args: Args, *, order: Order | None) -> int:
    """Tell workers what to do."""
    return reach.run(partial(_order, settings(args), args.id, order, is_json=wants_json(args)))


async def _order(config: Config, names: list[str], order: Order | None, *, is_json: bool) -> int:
    async with (
        reach.queues(config) as redis,
        open_database(config.settings.mongo, app_name="jobimport", fast=True) as db,
    ):
        found = await heard_of(redis)
        chosen = [worker for name in dict.fromkeys(names) for worker in _named(found, name)]
        for worker in {worker.id: worker for worker in chosen}.values():
            is_news = await control.order(redis, worker.id, order, reach.user(), db=db)
            if is_json:
                line({"worker": worker.id, "order": order, "changed": is_news})
            else:
                told = {"quiet": "is to take nothing new", "stop": "is to end", None: "is to work"}[order]
                print(f"{worker.id}: {told}" + ("" if is_news else " already"))
    return 0


def _named(found: list[WorkerInfo], name: str) -> list[WorkerInfo]:
    """The worker of a name, or all whose name goes on after it. Raises ConfigError where there is none."""
    named = [worker for worker in found if worker.id == name or worker.id.startswith(f"{name}:")]
    if not named:
        raise ConfigError("worker", "", name, "the id of a worker (see `jobimport workers list`)")
    return named


def state_of(worker: WorkerInfo) -> str:
    """Whether it speaks, and whether it works."""
    if worker.beat_age_s > SILENT:
        return "silent"
    if worker.state != "working":
        return worker.state
    return "busy" if worker.busy else "idle"


def as_object(worker: WorkerInfo) -> dict[str, Any]:
    """A worker, with its state and the time it started."""
    return {**plain(worker), "started": iso(started(worker)), "state": state_of(worker)}


def started(worker: WorkerInfo) -> datetime:
    """When the process began."""
    return datetime.fromtimestamp(worker.started, UTC)


def _row(worker: WorkerInfo) -> list[object]:
    doing = ", ".join(f"{one.stage} {one.batch or one.run} {one.source} {span(one.seconds)}" for one in worker.current)
    return [
        worker.id,
        state_of(worker),
        f"{worker.busy}/{worker.slots}",
        f"{worker.done:,}",
        f"{worker.failed:,}",
        size(worker.rss_bytes),
        started(worker),
        span(worker.beat_age_s),
        doing or "-",
    ]
