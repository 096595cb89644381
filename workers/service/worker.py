"""The worker: taskiq's process manager over N processes, each an event loop at its own desk.

A child dies with its manager (PR_SET_PDEATHSIG), ends itself when its loop is silent for ten seconds, and after
SIGTERM finishes or hands back what runs within the grace that the settings give. Dead children are respawned, but for
those that an operator stopped.
"""

import gc
import logging
import os
import socket
import sys
import time
from functools import partial
from multiprocessing import current_process

import msgspec
from taskiq.cli.common_args import LogLevel
from taskiq.cli.worker.args import WorkerArgs
from taskiq.cli.worker.run import start_listen

from workers.errors import ConfigError
from workers.queue.connect import client
from workers.queue.lanes import STAGES, Stage
from workers.service.dismissal import DISMISSED_EXIT, Manager
from workers.service.household import furnish
from workers.service.lifeline import die_with_parent
from workers.service.logs import configure_logging
from workers.settings import Config, load
from workers.store.connect import check_url

log = logging.getLogger(__name__)


class Plan(msgspec.Struct, frozen=True):
    """What one `jobimport worker` is to run."""

    config: Config
    processes: int
    concurrency: int
    stages: tuple[Stage, ...] = STAGES
    high_only: bool = False


def run(
    config: Config,
    *,
    processes: int | None = None,
    concurrency: int | None = None,
    stages: tuple[Stage, ...] = STAGES,
    high_only: bool = False,
) -> int:
    """Run workers until SIGTERM or SIGINT; returns the exit code."""
    settings = config.settings.worker
    plan = Plan(config, processes or settings.processes, concurrency or settings.concurrency, stages, high_only)
    _check(plan)
    configure_logging(config.settings.log)
    args = WorkerArgs(
        broker="",
        modules=[],
        configure_logging=False,
        log_level=LogLevel.WARNING,
        workers=plan.processes,
        max_async_tasks=plan.concurrency,
        max_prefetch=0,
        wait_tasks_timeout=float(settings.stop_grace),
    )
    # Stable over respawns of a child, and never shared: a shared name ran work twice (evidence P19).
    stem = f"{socket.gethostname()}:{os.getpid()}:{int(time.time())}"
    manager = Manager(args, worker_function=partial(_child, plan=plan, stem=stem, manager=os.getpid()))
    many = "1 process" if plan.processes == 1 else f"{plan.processes} processes"
    log.info("manager %d starts %s for %s", os.getpid(), many, ", ".join(plan.stages))
    status = manager.start() or 0
    _see_out(manager, settings.stop_grace + 5)
    return status


def _check(plan: Plan) -> None:
    """Refuse here, with one sentence, what would end every child at its start, or lock it. Raises ConfigError."""
    settings = plan.config.settings
    client(settings.redis.url)
    check_url(settings.mongo.url)
    if plan.concurrency < 2 and {"fetch", "upsert"} <= set(plan.stages):
        # A fetch waits for the upserts of its batches while the lane is full: with one slot, for ever.
        raise ConfigError("worker", "concurrency", plan.concurrency, "2 or more where one worker fetches and upserts")


def _see_out(manager: Manager, seconds: float) -> None:
    """Wait for the stopped children; what has not left in time is killed, and its entries are reclaimed."""
    deadline = time.monotonic() + seconds
    for child in manager.workers:
        child.join(max(0.0, deadline - time.monotonic()))
        if child.is_alive():
            log.error("%s did not stop within %.0f s: killed", child.name, seconds)
            child.kill()
            child.join()


def _child(args: WorkerArgs, *, plan: Plan, stem: str, manager: int) -> None:
    """One worker process, from fork to exit."""
    die_with_parent(manager)
    consumer = f"{stem}:{current_process().name}"
    # Listings are many small objects without cycles: fewer collections save 15 to 40 % of an import's CPU (measured).
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    # Made here and not by name: the broker carries the child's name.
    household = furnish(plan.config, plan.stages, consumer, plan.concurrency, high_only=plan.high_only)
    args.broker = household.broker  # pyright: ignore[reportAttributeAccessIssue]
    start_listen(args)
    if household.state == "stopping":
        sys.exit(DISMISSED_EXIT)


def main() -> int:
    """Run workers as the environment says: what the embedded stack starts."""
    return run(load())


if __name__ == "__main__":
    from workers.service.worker import main as entry  # under its own name, which its log lines carry

    raise SystemExit(entry())
