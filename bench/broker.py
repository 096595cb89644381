"""Tasks a second: our broker against taskiq-redis's RedisStreamBroker, in one interleaved run on one machine.

    python -m bench.broker [--tasks 10000] [--rounds 3] [--concurrency 100]

Each measurement is one worker process (taskiq's receiver, uvloop, hiredis for both) over a lane that holds all the
messages already; the clock runs from the first task to the last. Read the ratio, not the figures.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import uvloop
from redis.asyncio import Redis
from taskiq import AsyncBroker
from taskiq.receiver import Receiver
from taskiq_redis import RedisStreamBroker

from workers.queue.broker import JobStreamBroker
from workers.queue.connect import open_redis
from workers.queue.depth import snapshot
from workers.queue.message import Message
from workers.queue.ring import ring
from workers.service.embedded import RedisServer

SYSTEMS = ("stock", "ours")
STOCK_KEY = "bench"


def messages(count: int) -> Iterable[Message]:
    return (Message(stage="upsert", run=1, source="bench", batch=f"1:{n:05d}") for n in range(count))


def broker_of(system: str, url: str, concurrency: int) -> AsyncBroker:
    if system == "ours":
        return JobStreamBroker(url, consumer="bench:1:1:worker-0", capacity=concurrency)
    return RedisStreamBroker(url, queue_name=STOCK_KEY, consumer_id="0")


async def work(system: str, url: str, tasks: int, concurrency: int) -> dict[str, float]:
    """Run in the worker's process: until all tasks are done."""
    broker = broker_of(system, url, concurrency)
    broker.is_worker_process = True
    stop, done, began, burned = asyncio.Event(), 0, 0.0, 0.0

    async def upsert(run: int, batch: str) -> None:
        nonlocal done, began, burned
        del run, batch
        if not done:
            began, burned = time.perf_counter(), time.process_time()
        done += 1
        if done == tasks:
            stop.set()

    broker.register_task(upsert, task_name="job-import.upsert")
    await Receiver(broker, max_async_tasks=concurrency, max_prefetch=0).listen(stop)
    await broker.shutdown()
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - burned}


async def fill(redis: Redis, system: str, tasks: int) -> None:
    await redis.flushall()
    if system == "ours":
        await ring(redis, messages(tasks))
        return
    async with redis.pipeline(transaction=False) as pipe:
        for message in messages(tasks):
            pipe.xadd(STOCK_KEY, {b"data": message.encode()})
        await pipe.execute()


async def measure(tasks: int, rounds: int, concurrency: int) -> None:
    rates: dict[str, list[float]] = {system: [] for system in SYSTEMS}
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        await server.start()
        try:
            async with open_redis(server.url) as redis:
                for number in range(rounds):
                    for system in SYSTEMS:
                        await fill(redis, system, tasks)
                        command = [sys.executable, "-m", "bench.broker", "--worker", system, "--url", server.url]
                        command += ["--tasks", str(tasks), "--concurrency", str(concurrency)]
                        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
                        rates[system].append(tasks / found["seconds"])
                        cpu_ms = found["cpu"] * 1000 / tasks
                        said = f"{rates[system][-1]:>8,.0f} tasks/s{cpu_ms:>7.2f} CPU ms each"
                        print(f"round {number + 1} {system:<6}{said}", flush=True)
                        if system == "ours":
                            depths = await snapshot(redis)
                            assert not any(lane.waiting or lane.running for lane in depths.lanes), depths
        finally:
            await server.stop()
    middle = {system: statistics.median(rates[system]) for system in SYSTEMS}
    ratio = statistics.median(ours / stock for stock, ours in zip(rates["stock"], rates["ours"], strict=True))
    print(
        f"median: stock {middle['stock']:,.0f}/s, ours {middle['ours']:,.0f}/s, of a round's ratios {ratio:.2f}"
        f"  ({tasks} no-op tasks, concurrency {concurrency}, 1 process)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--worker", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        found = uvloop.run(work(args.worker, args.url, args.tasks, args.concurrency))
        print(json.dumps(found))
        return
    asyncio.run(measure(args.tasks, args.rounds, args.concurrency))


if __name__ == "__main__":
    main()
