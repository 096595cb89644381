"""Which workers live, what they do, and what an operator wants of them. News, not truth: no work depends on it."""

from typing import Any, Literal, cast

import msgspec
from redis.exceptions import ResponseError

from workers.queue.connect import Redis, ask_time, now_ms, to_ms
from workers.queue.lanes import FIRST, GROUP, LANES, WORKERS, Partition, order_key, worker_key
from workers.queue.scripts import PRUNE

KEPT_SECONDS = 3600
"""A silent worker is shown, with its age, for an hour; then it and its consumer are forgotten."""

Order = Literal[
    "quiet",  # finish what is in hand, take nothing new
    "stop",  # the same, then end, and start no other process in its place
]
WorkerState = Literal["working", "quiet", "stopping"]


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
    state: WorkerState = "working"
    version: str = ""


class WorkerInfo(WorkerBeat, frozen=True, kw_only=True):
    """A worker as last heard of, `beat_age_s` ago by Redis's clock."""

    beat_age_s: float


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(WorkerBeat)


async def beat(redis: Redis, worker: WorkerBeat) -> Order | None:
    """Say that a worker lives, and hear what it is to do; None to work. Raises Trouble."""
    now = await now_ms(redis)
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zadd(WORKERS, {worker.id: now})
        pipe.set(worker_key(worker.id), _encoder.encode(worker), ex=KEPT_SECONDS)
        pipe.zremrangebyscore(WORKERS, "-inf", now - KEPT_SECONDS * 1000)
        # An order lasts as long as the worker that it is for.
        pipe.expire(order_key(worker.id), KEPT_SECONDS)
        pipe.get(order_key(worker.id))
        order = (await pipe.execute())[-1]
    return cast("Order", order.decode()) if order in (b"quiet", b"stop") else None


async def give_order(redis: Redis, worker: str, order: Order | None) -> bool:
    """Tell a worker what to do from its next beat on, within five seconds; None lets it work again.

    False where it wanted that already. A Redis that loses its data forgets orders: the worker works. Raises Trouble.
    """
    before: Any = await redis.get(order_key(worker))
    if order is None:
        await redis.delete(order_key(worker))
        return before is not None
    await redis.set(order_key(worker), order, ex=KEPT_SECONDS)
    return before != order.encode()


async def leave(redis: Redis, worker: str) -> None:
    """A worker ended in good order. Raises Trouble."""
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zrem(WORKERS, worker)
        pipe.delete(worker_key(worker), order_key(worker))
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
