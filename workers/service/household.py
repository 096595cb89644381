"""A worker process's household: its connections, its actors bound to their lanes, and its background work.

One root task holds all of it in a task group from start-up to shut-down, so that nothing outlives the process's
loop and a failure of any part ends the process (the manager starts another).
"""

import asyncio
import logging
import os
import resource
import signal
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated

import anyio
from taskiq import Context, TaskiqDepends, TaskiqEvents, TaskiqState

from workers.actors import counting, linker, reconciler
from workers.actors.burial import bury
from workers.actors.closer import close
from workers.actors.desk import Desk
from workers.actors.fetcher import fetch
from workers.actors.progress import Progress
from workers.actors.upserter import upsert
from workers.errors import Deferred
from workers.queue import registry
from workers.queue.broker import JobStreamBroker
from workers.queue.connect import Trouble as RedisTrouble
from workers.queue.connect import open_redis
from workers.queue.dead import DeadLetter
from workers.queue.lanes import STAGES, Stage
from workers.queue.message import Message
from workers.service.lifeline import STUCK_EXIT, Watchdog
from workers.settings import Config
from workers.store import batches, fulltext, migrations, runs
from workers.store.connect import Database, describe, is_unreachable, open_database, ping, unhung
from workers.store.connect import Trouble as MongoTrouble
from workers.version import VERSION

log = logging.getLogger(__name__)

WAIT_SECONDS = 60.0
"""Longer than one attempt at a MongoDB that does not answer (20 s), renewed with each."""

READ_SECONDS = 1.2
"""The longest read of the lanes (intake.BLOCK_MS): a worker that is to be quiet says so when the last one is over."""

PREPARE_SECONDS = 120.0
"""What making the indexes of a store that is already large may take."""

CIRCUIT_SECONDS = 5.0
"""While MongoDB is away the upsert and close lanes are left unread this long, then one message tries again."""


@dataclass
class Household:
    """What one process owns. `desk` is there once MongoDB has answered; until then the lanes are left unread."""

    config: Config
    broker: JobStreamBroker
    desk: Desk | None = None
    started: float = field(default_factory=time.time)
    done: int = 0
    failed: int = 0
    state: registry.WorkerState = "working"
    root: asyncio.Task[None] | None = None

    async def open(self, _state: TaskiqState) -> None:
        """Start everything, and wait for nothing: taskiq looks at stop signals only after its start-up."""
        self._leave_lanes_unread(WAIT_SECONDS)
        self.root = asyncio.create_task(self._live(), name="household")
        self.root.add_done_callback(_ended)

    def _leave_lanes_unread(self, seconds: float) -> None:
        for stage in STAGES:
            self.broker.hold(stage, seconds)

    async def shut(self, _state: TaskiqState) -> None:
        """Stop everything, in reverse order."""
        if self.root is not None:
            self.root.remove_done_callback(_ended)
            self.root.cancel()
            await asyncio.gather(self.root, return_exceptions=True)

    @asynccontextmanager
    async def at_desk(self) -> AsyncGenerator[Desk]:
        """The desk, and the circuit: a MongoDB that is away burns no attempts and stops the reading."""
        if self.desk is None:
            raise Deferred("the worker is starting", 1.0)
        try:
            yield self.desk
        except MongoTrouble as error:
            if not is_unreachable(error):
                raise
            log.warning("MongoDB is unreachable (%s): upsert and close lanes are left unread", describe(error))
            self.broker.hold("upsert", CIRCUIT_SECONDS)
            self.broker.hold("close", CIRCUIT_SECONDS)
            raise Deferred(f"MongoDB: {describe(error)}", CIRCUIT_SECONDS) from error

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[Desk]:
        """The desk for a message, which is counted as done or failed; one that is only put off is neither."""
        try:
            async with self.at_desk() as desk:
                yield desk
        except Deferred:
            raise
        except Exception:
            self.failed += 1
            raise
        self.done += 1

    async def _live(self) -> None:
        settings = self.config.settings
        async with (
            open_database(settings.mongo, app_name="jobimport worker") as db,
            open_redis(settings.redis) as redis,
        ):
            worker = self.broker.consumer_name
            progress = Progress(db, redis, worker)
            desk = Desk(db, redis, self.config, worker, progress)
            await self._until_mongo(db)
            self.desk = desk
            self._leave_lanes_unread(0)
            watchdog = Watchdog()
            watchdog.start()
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(progress.run)
                    tasks.start_soon(reconciler.run, desk)
                    tasks.start_soon(counting.run, desk)
                    tasks.start_soon(linker.run, desk)
                    tasks.start_soon(self._beat, desk)
                    tasks.start_soon(_show_life, watchdog)
            finally:
                watchdog.stop()
                # Redis away is no reason to hide why the work ended.
                with anyio.move_on_after(2, shield=True), suppress(*RedisTrouble):
                    await registry.leave(redis, worker)

    async def _until_mongo(self, db: Database) -> None:
        """Try for ever, backing off to five seconds, and leave the lanes to others meanwhile; says so once."""
        wait = 0.5
        while True:
            try:
                await ping(db)  # which tells of a server that is away sooner
                with unhung(PREPARE_SECONDS):
                    await migrations.ready(db, self.config.settings.retention)
                    await fulltext.want(db, self.config.settings.search.index_descriptions)
                    if old := await migrations.sentence(db):
                        log.warning("%s", old)
                break
            except MongoTrouble as error:
                if wait == 0.5:
                    log.warning("waiting for MongoDB: %s", describe(error))
                self._leave_lanes_unread(WAIT_SECONDS)
                await anyio.sleep(wait)
                wait = min(5.0, wait * 2)
        if wait > 0.5:
            log.info("MongoDB is there")

    async def _beat(self, desk: Desk) -> None:
        """Tell the registry that this process lives, every lease/3, and do what an operator wants of it."""
        every = max(1.0, self.config.settings.queue.lease / 3)
        while True:
            try:
                order = await registry.beat(desk.redis, self._about(desk.worker))
                if self._obey(order):
                    await anyio.sleep(READ_SECONDS)
                    await registry.beat(desk.redis, self._about(desk.worker))
            except RedisTrouble as error:
                log.debug("not in the registry for now: %s", type(error).__name__)
            await anyio.sleep(every)

    def _obey(self, order: registry.Order | None) -> bool:
        """Work, take nothing new, or end; True where that is news. Who is ending does not turn back."""
        wanted: dict[registry.Order | None, registry.WorkerState] = {"quiet": "quiet", "stop": "stopping"}
        state = wanted.get(order, "working")
        if self.state in (state, "stopping"):
            return False
        log.info("an operator wants this worker %s", state)
        self.state = state
        self.broker.be_quiet(state != "working")
        if state == "stopping":
            os.kill(os.getpid(), signal.SIGTERM)  # as any other stop: what runs is finished or handed back
        return True

    def _about(self, worker: str) -> registry.WorkerBeat:
        return registry.WorkerBeat(
            id=worker,
            host=socket.gethostname(),
            pid=os.getpid(),
            lanes=[str(lane) for lane in self.broker.lanes],
            slots=self.broker.capacity,
            busy=self.broker.busy,
            done=self.done,
            failed=self.failed,
            rss_bytes=resident_bytes(),
            started=self.started,
            current=self.broker.current(),
            state=self.state,
            version=VERSION,
        )


async def _show_life(watchdog: Watchdog) -> None:
    """Each second. Beside the registry, not with it: a Redis that is silent for 10 s is no loop that is stuck."""
    while True:
        watchdog.beat()
        await anyio.sleep(1)


def resident_bytes() -> int:
    """Memory of this process that is in RAM; 0 where /proc does not tell."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _ended(root: asyncio.Task[None]) -> None:
    """The household ended by itself: a process without it is no use."""
    if not root.cancelled() and root.exception():
        log.critical("the worker cannot go on: %r", root.exception(), exc_info=root.exception())
    logging.shutdown()
    os._exit(STUCK_EXIT)


def furnish(
    config: Config, stages: tuple[Stage, ...], consumer: str, concurrency: int, *, high_only: bool
) -> Household:
    """A household, its actors bound to their lanes; made in the child, since the broker's name is the child's."""
    broker = JobStreamBroker(
        config.settings.redis,
        consumer=consumer,
        capacity=concurrency,
        stages=stages,
        high_only=high_only,
        settings=config.settings.queue,
    )
    household = Household(config, broker)
    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, household.open)
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, household.shut)
    _bind(broker, household)
    return household


def _bind(broker: JobStreamBroker, household: Household) -> None:
    """Each lane's actor, as a taskiq task."""

    async def fetch_task(run: int, context: Annotated[Context, TaskiqDepends()]) -> None:
        attempt = int(context.message.labels.get("attempt", 1))
        async with household.at_work() as at:
            await fetch(at, run, last_attempt=attempt >= household.config.settings.queue.attempts)

    async def upsert_task(run: int, batch: str) -> None:
        del run
        async with household.at_work() as at:
            await upsert(at, batch)

    async def close_task(run: int) -> None:
        async with household.at_work() as at:
            await close(at, run)

    async def on_dead(letter: DeadLetter) -> None:
        async with household.at_desk() as at:
            with unhung():
                await bury(at, letter)

    async def on_delayed(message: Message, due_ms: int) -> None:
        async with household.at_desk() as at:
            with unhung():
                if message.batch:
                    await batches.set_rung(at.db, [message.batch], due_ms)
                else:
                    await runs.set_rung(at.db, message.run, due_ms)

    broker.register_task(fetch_task, task_name="job-import.fetch")
    broker.register_task(upsert_task, task_name="job-import.upsert")
    broker.register_task(close_task, task_name="job-import.close")
    broker.on_dead = on_dead
    broker.on_delayed = on_delayed
