"""Which workers live, and what they do. News, not truth: nothing is decided by it."""

from typing import Any

import msgspec
from redis.exceptions import ResponseError

from workers.queue.connect import Redis, ask_time, now_ms, to_ms
from workers.queue.lanes import FIRST, GROUP, LANES, WORKERS, Partition, worker_key
from workers.queue.scripts import PRUNE

KEPT_SECONDS = 3600
"""A silent worker is shown, with its age, for an hour; then it and its consumer are forgotten."""


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """One message that a worker has in hand, and for how long."""

    stage: str
    run: int
    source: str
    batch: str = ""
    attempt: int = 1
    seconds: float = 0.0


class WorkerBeat(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker process says of itself. `started` is seconds since the epoch."""

    id: str
    host: str
    pid: int
    lanes: list[str]
    slots: int
    busy: int
    done: int = 0
    failed: int = 0
    rss_bytes: int = 0
    started: float = 0.0
    current: list[Doing] = []


class WorkerInfo(WorkerBeat, frozen=True, kw_only=True):
    """A worker as last heard of, `beat_age_s` ago by Redis's clock."""

    beat_age_s: float


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(WorkerBeat)


async def beat(redis: Redis, worker: WorkerBeat) -> None:
    """Say that a worker lives. Raises Trouble."""
    now = await now_ms(redis)
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zadd(WORKERS, {worker.id: now})
        pipe.set(worker_key(worker.id), _encoder.encode(worker), ex=KEPT_SECONDS)
        pipe.zremrangebyscore(WORKERS, "-inf", now - KEPT_SECONDS * 1000)
        await pipe.execute()


async def leave(redis: Redis, worker: str) -> None:
    """A worker ended in good order. Raises Trouble."""
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zrem(WORKERS, worker)
        pipe.delete(worker_key(worker))
        await pipe.execute()


async def workers(redis: Redis) -> list[WorkerInfo]:
    """Every worker heard of in the last hour, by id. Raises Trouble."""
    async with redis.pipeline(transaction=False) as pipe:
        ask_time(pipe)
        pipe.zrange(WORKERS, 0, -1, withscores=True)
        time, scored = await pipe.execute()
    now, beats = to_ms(time), [(name.decode(), int(at)) for name, at in scored]
    if not beats:
        return []
    told: Any = await redis.mget([worker_key(name) for name, _ in beats])
    infos: list[WorkerInfo] = []
    for (_, at), blob in zip(beats, told, strict=True):
        try:
            said = _decoder.decode(blob or b"")
        except msgspec.DecodeError:
            continue  # expired between the two reads, or from a version that says other things
        infos.append(WorkerInfo(**msgspec.structs.asdict(said), beat_age_s=max(0.0, (now - at) / 1000)))
    return sorted(infos, key=lambda info: info.id)


async def prune(redis: Redis, partition: Partition = FIRST, *, silent_ms: int = KEPT_SECONDS * 1000) -> int:
    """Forget consumers of a partition that hold nothing and were silent for an hour: how many. Raises Trouble."""
    pruned = 0
    for lane in LANES:
        try:
            consumers: Any = await redis.xinfo_consumers(partition.lane(lane), GROUP)
        except ResponseError:
            continue  # no such stream, or no group: nobody to forget
        for consumer in consumers:
            if consumer["pending"] == 0 and consumer["idle"] >= silent_ms:
                pruned += int(await PRUNE(redis, [partition.lane(lane)], [GROUP, consumer["name"]]))
    return pruned
