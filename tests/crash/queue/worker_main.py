"""A worker process for the crash tests: our broker under taskiq's own start_listen, as service/worker.py runs it.

Its upsert task writes "start BATCH PID" and "end BATCH PID" lines into a file. A batch's name says what it does:
"1:sleep-2-x" sleeps 2 s, "1:once-30-x" sleeps 30 s the first time only, "1:die-0-x" kills its process, "1:fail-0-x"
raises, "1:spin-9-x" computes for 9 s without a breath, which `--silence` seconds of a watchdog end.
"""

import argparse
import asyncio
import logging
import os
import signal
import time
from pathlib import Path

from taskiq import TaskiqEvents, TaskiqState
from taskiq.cli.common_args import LogLevel
from taskiq.cli.worker.args import WorkerArgs
from taskiq.cli.worker.run import start_listen

from workers.queue.broker import JobStreamBroker
from workers.service.lifeline import Watchdog
from workers.settings import QueueSettings, RedisSettings, Seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("journal", type=Path)
    parser.add_argument("--consumer", required=True)
    parser.add_argument("--capacity", type=int, default=4)
    parser.add_argument("--lease", type=float, default=1.5)
    parser.add_argument("--max-deliveries", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=1)
    parser.add_argument("--backoff", type=float, default=2)
    parser.add_argument("--silence", type=float, default=0)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format=f"{args.consumer} %(message)s")
    settings = QueueSettings(
        lease=Seconds(args.lease), max_deliveries=args.max_deliveries, backoff_base=Seconds(args.backoff)
    )
    redis = RedisSettings(url=args.url, partitions=args.partitions)
    broker = JobStreamBroker(redis, consumer=args.consumer, capacity=args.capacity, settings=settings)
    journal = args.journal

    def note(what: str, batch: str) -> None:
        with journal.open("a") as file:
            file.write(f"{what} {batch} {os.getpid()}\n")

    async def upsert(run: int, batch: str) -> None:
        del run
        kind, seconds, _ = batch.partition(":")[2].split("-")
        again = journal.exists() and f"start {batch} " in journal.read_text()
        note("start", batch)
        if kind == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "fail":
            raise ConnectionError("no route")
        if kind == "spin":
            ends = time.monotonic() + float(seconds)
            while time.monotonic() < ends:
                pass
        elif kind == "sleep" or not again:
            await asyncio.sleep(float(seconds))
        note("end", batch)

    async def live(watchdog: Watchdog) -> None:
        while True:
            watchdog.beat()
            await asyncio.sleep(args.silence / 5)

    async def watch(state: TaskiqState) -> None:
        watchdog = Watchdog(args.silence)
        watchdog.start()
        state.life = asyncio.create_task(live(watchdog))

    if args.silence:
        broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, watch)
    broker.register_task(upsert, task_name="job-import.upsert")
    start_listen(
        WorkerArgs(
            broker=broker,  # pyright: ignore[reportArgumentType]
            modules=[],
            configure_logging=False,
            log_level=LogLevel.WARNING,
            max_async_tasks=args.capacity,
            max_prefetch=0,
            wait_tasks_timeout=1.0,
        )
    )


if __name__ == "__main__":
    main()
