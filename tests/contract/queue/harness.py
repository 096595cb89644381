"""A worker in this process: our broker under taskiq's own receiver, with tasks that the test gives."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
from taskiq.receiver import Receiver

from workers.queue.broker import JobStreamBroker
from workers.queue.connect import Redis
from workers.queue.delivery import current
from workers.queue.lanes import DELAYED, FAILED, GROUP, LANES, STAGES, Stage
from workers.queue.message import Message
from workers.settings import QueueSettings, RedisSettings, Seconds

QUICK = QueueSettings(lease=Seconds(1.5), backoff_base=Seconds(0.2), backoff_max=Seconds(0.5))

Task = Callable[..., Awaitable[None]]


async def until(condition: Callable[[], bool | Awaitable[bool]], limit: float = 60.0) -> None:
    """Wait for a condition; AssertionError names it when the limit is reached."""
    deadline = anyio.current_time() + limit
    while True:
        holds = condition()
        if inspect.isawaitable(holds):
            holds = await holds
        if holds:
            return
        assert anyio.current_time() < deadline, f"not within {limit} s: {inspect.getsource(condition).strip()}"
        await anyio.sleep(0.02)


async def stays(condition: Callable[[], bool], seconds: float) -> None:
    """Hold that something does not happen: the condition is true all the time."""
    ends = anyio.current_time() + seconds
    while anyio.current_time() < ends:
        assert condition(), f"not for {seconds} s: {inspect.getsource(condition).strip()}"
        await anyio.sleep(0.02)


def upsert_message(number: int = 1, *, run: int = 1, source: str = "demo", high: bool = False) -> Message:
    return Message(stage="upsert", run=run, source=source, batch=f"{run}:{number:04d}", high=high)


class Recorder:
    """An upsert task that remembers what it was called with, and does as the test says."""

    def __init__(self, *errors: BaseException | None) -> None:
        self.calls: list[str] = []
        self.attempts: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._errors = list(errors)

    @property
    def task(self):
        async def upsert(run: int, batch: str) -> None:
            del run
            self.calls.append(batch)
            delivery = current.get()
            assert delivery is not None and delivery.message is not None
            self.attempts.append(delivery.message.attempt)
            await self.gate.wait()
            if self._errors and (error := self._errors.pop(0)):
                raise error

        return upsert


def make_broker(
    target: str | RedisSettings,
    *,
    consumer: str = "host:1:1:worker-0",
    capacity: int = 4,
    settings: QueueSettings = QUICK,
    stages: tuple[Stage, ...] = STAGES,
    **tasks: Task,
) -> JobStreamBroker:
    broker = JobStreamBroker(target, consumer=consumer, capacity=capacity, stages=stages, settings=settings)
    broker.is_worker_process = True
    for stage, task in tasks.items():
        broker.register_task(task, task_name=f"job-import.{stage}")
    return broker


@asynccontextmanager
async def working(broker: JobStreamBroker, *, grace: float = 5.0) -> AsyncIterator[JobStreamBroker]:
    """Run a receiver over the broker for the block, then stop it as a worker process does on SIGTERM."""
    receiver = Receiver(broker=broker, max_async_tasks=broker.capacity, max_prefetch=0, wait_tasks_timeout=grace)
    stop = asyncio.Event()
    listening = asyncio.create_task(receiver.listen(stop))
    try:
        yield broker
    finally:
        stop.set()
        await asyncio.wait_for(listening, grace + 5)
        await asyncio.wait_for(broker.shutdown(), 5)


async def left(redis: Redis) -> dict[str, int]:
    """What lies where at one moment: entries of all lanes, pending ones, delayed ones, dead ones."""
    async with redis.pipeline(transaction=True) as pipe:
        for lane in LANES:
            pipe.xlen(lane.key)
        for lane in LANES:
            pipe.xpending(lane.key, GROUP)
        pipe.zcard(DELAYED)
        pipe.xlen(FAILED)
        replies = await pipe.execute(raise_on_error=False)
    count = len(LANES)
    summaries = [reply for reply in replies[count : 2 * count] if isinstance(reply, dict)]  # no group: an error
    return {
        "entries": sum(replies[:count]),
        "pending": sum(summary["pending"] for summary in summaries),
        "delayed": replies[-2],
        "dead": replies[-1],
    }


NOTHING = {"entries": 0, "pending": 0, "delayed": 0, "dead": 0}
