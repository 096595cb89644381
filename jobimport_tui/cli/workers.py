"""`jobimport workers list`: the worker processes heard of in the last hour."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, Verbs, settings, wants_json
from jobimport_tui.cli.show import clock, iso, line, plain, say, size, span, table
from workers.queue.registry import WorkerInfo
from workers.queue.registry import workers as heard_of
from workers.settings import Config

SILENT = 20.0
"""Seconds without a beat (three are missed) after which a worker is called silent."""


def describe(parser: Parser) -> None:
    """List."""
    Verbs(parser).add("list", list_workers, "worker processes, what they do, and when they last spoke")


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
    table(titles, [_row(worker) for worker in found], right=("BUSY", "DONE", "FAILED", "MEMORY", "BEAT"))
    if not found:
        say("no workers (start one: `jobimport worker`)")
    return 0


def state_of(worker: WorkerInfo) -> str:
    """Whether it speaks, and whether it works."""
    if worker.beat_age_s > SILENT:
        return "silent"
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
        clock(started(worker)),
        span(worker.beat_age_s),
        doing or "-",
    ]
