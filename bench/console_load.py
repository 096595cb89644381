"""What goes on behind the console while it is measured: `python -m bench.console_load live|burst|runs REDIS MONGO`.

live    three lanes change and a run moves, once a second, until SIGTERM; then lanes and run are gone
burst   10,000 events a second for ten seconds
runs    2,000 ended runs in the history
"""

import os
import random
import signal
import sys
import time
from datetime import timedelta

import anyio

from workers.events.publish import publish
from workers.events.schema import CAP, encode
from workers.model import BatchTotals, Event, Stats, Timing
from workers.queue.connect import Redis, open_redis
from workers.queue.lanes import BY_NAME, EVENTS
from workers.settings import MongoSettings, RetentionSettings
from workers.store import indexes, runs
from workers.store.connect import Database, open_database
from workers.store.documents import utc_now

LANES = ("fetch", "upsert", "upsert:high")


async def live(redis: Redis, db: Database) -> None:
    run, _ = await runs.open_run(
        db, source="live", trigger="cli", requested_by="bench", priority="normal", app_version="0"
    )
    with anyio.open_signal_receiver(signal.SIGTERM) as ended:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(move, redis, run.id)
            async for _ in ended:
                tasks.cancel_scope.cancel()
    await redis.delete(*(BY_NAME[name].key for name in LANES))
    await db.import_logs.delete_one({"_id": run.id})


async def move(redis: Redis, run: int) -> None:
    rng, total, kept = random.Random(3), 0, dict[str, list[bytes]]()
    while True:
        for name in LANES:
            key, ids = BY_NAME[name].key, kept.setdefault(name, [])
            for _ in range(rng.randint(20, 60)):
                ids.append(await redis.xadd(key, {"data": b"x"}))
            gone = [ids.pop(0) for _ in range(min(len(ids), rng.randint(20, 58)))]
            if gone:
                await redis.xdel(key, *gone)
        total += 500
        stats = Stats(total=total, new=total // 2, updated=total - total // 2)
        done = BatchTotals(total=None, done=total // 500)
        await publish(
            redis,
            Event(kind="run", at=time.time(), run=run, source="live", state="importing", stats=stats, batches=done),
        )
        await anyio.sleep(1)


async def burst(redis: Redis, db: Database) -> None:
    began = time.monotonic()
    for second in range(100):
        async with redis.pipeline(transaction=False) as pipe:
            for i in range(1000):
                number = second * 1000 + i
                event = Event(
                    kind="run",
                    at=time.time(),
                    run=9_000_000 + number % 50,
                    source=f"burst-{number % 50}",
                    state="importing",
                    stats=Stats(total=number, new=number),
                    batches=BatchTotals(total=100_000, done=number),
                )
                pipe.xadd(EVENTS, encode(event), maxlen=CAP, approximate=True)
            await pipe.execute()
        await anyio.sleep(max(0.0, began + (second + 1) * 0.1 - time.monotonic()))
    print(f"{100_000 / (time.monotonic() - began):.0f}", flush=True)


async def history(redis: Redis, db: Database) -> None:
    del redis
    await indexes.prepare(db, RetentionSettings())
    now, rows = utc_now(), 2000
    for i in range(rows):
        source = f"board-{i % 40}"
        run, _ = await runs.open_run(
            db, source=source, trigger="schedule", requested_by="", priority="normal", app_version="0"
        )
        await runs.finish(
            db,
            run.id,
            state="succeeded",
            stats=Stats(total=1000 + i, new=i, unchanged=1000),
            batches=BatchTotals(total=2, done=2),
            timing=Timing(fetch=900 + i),
        )
        await db.import_logs.update_one({"_id": run.id}, {"$set": {"queued_at": now - timedelta(minutes=rows - i)}})


async def main(what: str, redis_url: str, mongo_url: str) -> None:
    async with open_redis(redis_url) as redis, open_database(MongoSettings(mongo_url), app_name="bench") as db:
        await {"live": live, "burst": burst, "runs": history}[what](redis, db)


if __name__ == "__main__":
    os.nice(5)
    anyio.run(main, *sys.argv[1:4])
