"""Both servers, each with a loop of its own that reconnects, and the snapshot that they keep up to date.

Three facts shape it. The drivers cost half a second to load: they are loaded in a thread, after the first paint.
Nothing that a server does may end a loop: whatever is raised becomes the link's reason, and it is tried again. And
an event is news, never truth: after a gap, or an end, MongoDB is asked.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import msgspec

from jobimport_tui import reducer
from jobimport_tui.gateway import source_files
from jobimport_tui.gateway.acts import Acts
from jobimport_tui.gateway.asks import Asks
from jobimport_tui.gateway.protocol import Publish, Refused
from jobimport_tui.gateway.source_acts import SourceActs
from jobimport_tui.gateway.source_files import Past
from jobimport_tui.gateway.watching import Watching
from jobimport_tui.state import Link, Queues, Snapshot, Sources
from workers.errors import JobImportError
from workers.model import ACTIVE_STATES, Event
from workers.settings import Config
from workers.user import user

if TYPE_CHECKING:
    from jobimport_tui.gateway.drivers import Drivers
    from jobimport_tui.gateway.mongo_side import MongoSide
    from jobimport_tui.gateway.redis_side import RedisSide
    from workers.queue.connect import Redis

RETRY_SECONDS = 1.0
ANSWER_SECONDS = 4.0
"""A server that has not answered by then is frozen."""

RUNS_SECONDS = 2.0
SOURCES_SECONDS = 5.0
WATCHES_SECONDS = 15.0
SLOW_EVERY = 3
"""Workers and dead letters are read at every third look at the queues."""

QUIET_AFTER, QUIET_SECONDS = 10.0, 3.0
"""Where nothing has happened for the first, the servers are looked at every second: an event wakes both at once. With
four seconds what is shown is old before it is read again, and half the CPU goes into saying so (bench.console)."""

THOROUGH_SECONDS = 30.0
"""A quiet MongoDB is read in full at least so often; between, one glance tells whether a run began or ended."""

PAST_EVENTS = 100
FASTEST_LOOK, SLOWEST_LOOK = 0.25, 60.0


class LiveGateway(Asks, Acts, SourceActs, Watching):
    """The gateway of a real console."""

    def __init__(self, config: Config, *, clock: Callable[[], float]) -> None:
        settings = config.settings
        self.config, self.clock = config, clock
        self.snapshot = Snapshot(
            redis=Link(service="redis", address=address(settings.redis.url)),
            mongodb=Link(service="mongodb", address=address(settings.mongo.url)),
        )
        self._drivers: Drivers | None = None
        self._redis: RedisSide | None = None
        self._mongo: MongoSide | None = None
        self._past = Past()
        self._changed, self._urgent = anyio.Event(), anyio.Event()
        self._look_at_queues, self._look_at_runs, self._look_at_sources = anyio.Event(), anyio.Event(), anyio.Event()
        self._look_at_watches = anyio.Event()
        self._wants_totals = True
        self.every = settings.console.refresh
        self._moved_at = clock()

    async def run(self, publish: Publish) -> None:
        """Connect, watch and publish until cancelled."""
        self._changed.set()
        self._drivers = await anyio.to_thread.run_sync(_load_drivers)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._publishing, publish)
            tasks.start_soon(self._watch_redis)
            tasks.start_soon(self._watch_mongo)
            tasks.start_soon(self._watch_sources)

    # --- the loops

    async def _publishing(self, publish: Publish) -> None:
        """Publish what has changed, at most once a refresh; a server's coming or going at once."""
        while True:
            await self._changed.wait()
            self._changed, self._urgent = anyio.Event(), anyio.Event()
            publish(self.snapshot)
            with anyio.move_on_after(self.every):
                await self._urgent.wait()

    async def _watch_redis(self) -> None:
        drivers = self._ready()
        try:
            settings = self.config.settings.redis
            async with drivers.open_redis(settings, fast=True) as redis, drivers.open_redis(settings) as patient:
                self._redis = drivers.RedisSide(redis, self.clock)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._poll_queues, self._redis)
                    tasks.start_soon(self._follow_events, self._redis, patient)
        except JobImportError as error:  # the URL cannot be used at all
            self._link("redis", "down", reason=str(error))

    async def _poll_queues(self, side: "RedisSide") -> None:
        look = 0
        while True:
            started = self.clock()
            try:
                with anyio.fail_after(ANSWER_SECONDS):
                    queues = await side.queues(in_full=not self._is_quiet)
                    facts: dict[str, Any] = {"queues": queues}
                    if look % SLOW_EVERY == 0 or queues.dead != self.snapshot.queues.dead:
                        facts |= {"workers": await side.workers(), "failed": await side.failed()}
            except Exception as error:  # noqa: BLE001 (whatever it is, it is why Redis cannot be used now)
                reason = self._ready().redis_reason(error, self.config.settings.redis.url)
                look = 0
                self._link("redis", "down", reason=reason, retry_at=self.clock() + RETRY_SECONDS)
                await anyio.sleep(RETRY_SECONDS)
                continue
            if _counts(queues) != _counts(self.snapshot.queues):
                self._moved_at = self.clock()
            if not self.snapshot.redis.is_up:
                self._wants_totals = True  # events were missed
                self._look_at_runs.set()
            look += 1
            self._set(**facts)
            self._link("redis", "up", rtt_ms=(self.clock() - started) * 1000)
            self._look_at_queues = await _wait(self._look_at_queues, self._unhurried(self.every))
            look = 0 if look >= SLOW_EVERY else look

    async def _follow_events(self, side: "RedisSide", patient: "Redis") -> None:
        """Follow from the last event seen, whatever happens between; a console that is new tells the last hundred."""
        drivers = self._ready()
        after = ""
        while True:
            try:
                if not after:
                    past = await drivers.latest(side.redis, PAST_EVENTS)
                    self.snapshot = reducer.retold(self.snapshot, [event for _, event in past])
                    after = past[-1][0] if past else await drivers.last_id(side.redis)
                async for heard in drivers.follow(patient, after):
                    if isinstance(heard, tuple):
                        after = heard[0]
                        self._hear(heard[1])
                    elif isinstance(heard, drivers.Gap):
                        self._missed()
            except Exception:  # noqa: BLE001 (the poller says what is wrong with Redis; here it is only waited for)
                self._look_at_queues.set()
                await anyio.sleep(RETRY_SECONDS)
                if after and not await self._still_there(side, after):
                    after = ""

    async def _still_there(self, side: "RedisSide", after: str) -> bool:
        """Whether the stream still knows our place: a Redis that lost its data begins with smaller ids."""
        try:
            newest = await self._ready().last_id(side.redis)
        except Exception:  # noqa: BLE001 (not back yet)
            return True
        return _order(newest) >= _order(after)

    def _missed(self) -> None:
        text = "more happened than the stream keeps: read again from MongoDB"
        line = Event(kind="worker", at=self.clock(), text=text)
        self.snapshot = reducer.heard(self.snapshot, line)
        self._wants_totals = True
        self._look_at_runs.set()

    def _hear(self, event: Event) -> None:
        is_end = event.kind == "run" and event.state not in ACTIVE_STATES
        if event.kind == "run" and (is_end or not reducer.knows(self.snapshot, event.run or 0)):
            self._look_at_runs.set()
        if self._is_quiet:
            self._look_at_queues.set()
        self._moved_at = self.clock()
        self.snapshot = reducer.heard(self.snapshot, event)
        self._changed.set()

    @property
    def _is_quiet(self) -> bool:
        return self.clock() - self._moved_at > QUIET_AFTER

    def _unhurried(self, seconds: float) -> float:
        """How long until the next look."""
        return max(seconds, QUIET_SECONDS) if self._is_quiet else seconds

    async def _watch_mongo(self) -> None:
        drivers = self._ready()
        try:
            async with drivers.open_database(self.config.settings.mongo, app_name="jobimport-console", fast=True) as db:
                self._mongo = drivers.MongoSide(db)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._poll_runs, self._mongo)
                    tasks.start_soon(self._poll_watches, self._mongo)
        except JobImportError as error:  # the URL cannot be used at all
            self._link("mongodb", "down", reason=str(error))

    async def _poll_runs(self, side: "MongoSide") -> None:
        glance: object = None
        read_at = 0.0
        while True:
            try:
                with anyio.fail_after(ANSWER_SECONDS):
                    before = glance
                    glance, rtt = await side.glance()
                    if glance == before and self._is_quiet and self._is_read(read_at):
                        self._saw_no_change(rtt)
                        self._look_at_runs = await _wait(self._look_at_runs, QUIET_SECONDS)
                        continue
                    active, recent = await side.active(), await side.recent()
                    if self._wants_totals:
                        active = await side.with_totals(active)
                    self._past = await side.past()
            except Exception as error:  # noqa: BLE001 (whatever it is, it is why MongoDB cannot be used now)
                reason = self._ready().mongo_reason(error)
                self._link("mongodb", "down", reason=reason, retry_at=self.clock() + RETRY_SECONDS)
                await anyio.sleep(RETRY_SECONDS)
                continue
            self._wants_totals = False
            if not self.snapshot.mongodb.is_up:
                await self._tell_of_migrations(side)
            read_at = self.clock()
            self.snapshot = reducer.loaded(self.snapshot, active, recent, self.clock())
            self._link("mongodb", "up", rtt_ms=rtt)
            self._look_at_sources.set()
            self._look_at_runs = await _wait(self._look_at_runs, RUNS_SECONDS)

    async def _tell_of_migrations(self, side: "MongoSide") -> None:
        """Say once a connection that the database is an older version's; it works all the same."""
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                text = await side.of_an_older_version()
        except Exception:  # noqa: BLE001 (the next look says what is wrong with MongoDB)
            return
        if text:
            self.snapshot = reducer.heard(self.snapshot, Event(kind="worker", at=self.clock(), text=text))

    def _is_read(self, at: float) -> bool:
        """Whether what was read in full then may stand."""
        is_idle = self.snapshot.mongodb.is_up and not self.snapshot.runs.flights
        return is_idle and not self._wants_totals and self.clock() - at < THOROUGH_SECONDS

    def _saw_no_change(self, rtt: float) -> None:
        self._set(runs=msgspec.structs.replace(self.snapshot.runs, at=self.clock()))
        self._link("mongodb", "up", rtt_ms=rtt)

    async def _poll_watches(self, side: "MongoSide") -> None:
        """Count what is new in the operator's watches."""
        while True:
            try:
                watches = await side.watches(user())
            except Exception:  # noqa: BLE001 (the poller of runs says what is wrong with MongoDB; here it is waited for)
                await anyio.sleep(RETRY_SECONDS)
                continue
            if watches != self.snapshot.watches:
                self._set(watches=watches)
            self._look_at_watches = await _wait(self._look_at_watches, WATCHES_SECONDS)

    async def _watch_sources(self) -> None:
        """Read the source files again and again; who edits one sees it here."""
        schedule = self.config.settings.imports.default_schedule
        folder = self.config.sources
        files: source_files.Files | None = None
        read_at = 0.0
        while True:
            if files is None or self.clock() - read_at >= SOURCES_SECONDS:
                try:
                    files = await anyio.to_thread.run_sync(source_files.read, folder, schedule, files)
                except OSError as error:
                    self._set(sources=Sources(folder=f"{folder} ({error.strerror})", at=self.clock()))
                read_at = self.clock()
            if files is not None:
                paused = self._past.paused | (self._redis.paused if self._redis else frozenset())
                past = msgspec.structs.replace(self._past, paused=paused)
                rows = source_files.lines(files, past, schedule)
                self._set(sources=Sources(rows=rows, folder=str(folder), at=self.clock()))
            self._look_at_sources = await _wait(self._look_at_sources, SOURCES_SECONDS)

    def pace(self, factor: float) -> float:
        """Look at the servers more often or less; returns the seconds between two looks."""
        self.every = min(SLOWEST_LOOK, max(FASTEST_LOOK, self.every * factor))
        return self.every

    def refresh(self) -> None:
        """Read everything again now."""
        self._wants_totals = True
        for look in (self._look_at_queues, self._look_at_runs, self._look_at_sources, self._look_at_watches):
            look.set()

    # --- small things

    def _ready(self) -> "Drivers":
        if self._drivers is None:
            raise Refused("still starting: the drivers are being loaded")
        return self._drivers

    def _set(self, **facts: Any) -> None:
        self.snapshot = msgspec.structs.replace(self.snapshot, **facts)
        self._changed.set()

    def _link(self, service: str, state: Any, **facts: Any) -> None:
        before: Link = getattr(self.snapshot, service)
        link = reducer.linked(before, state, self.clock(), **facts)
        self._set(**{service: link})
        if before.state != state:
            self._urgent.set()


def _load_drivers() -> "Drivers":
    """Import what costs half a second, and redis and pymongo with it. Runs in a thread."""
    from jobimport_tui.gateway.drivers import Drivers

    return Drivers()


async def _wait(event: anyio.Event, seconds: float) -> anyio.Event:
    """Wait for a wish to look at once, or until it is time anyway; returns the event for the next wish."""
    with anyio.move_on_after(seconds):
        await event.wait()
    return anyio.Event()


def _counts(queues: Queues) -> list[tuple[object, ...]]:
    """What moves when something happens; rates and ages move by themselves."""
    return [(lane.waiting, lane.running, lane.delayed, lane.dead, lane.paused) for lane in queues.lanes]


def _order(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number or 0)


def address(url: str) -> str:
    """The hosts of a URL, without its secrets."""
    return urlsplit(url).netloc.rpartition("@")[2] or urlsplit(url).path
