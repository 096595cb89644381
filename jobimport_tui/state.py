"""What the console knows at one moment: frozen, replaced as a whole, and each part with the time it was true.

Moments are seconds since the epoch, UTC, by the console's own clock. None for `at` means: not known yet.
"""

from typing import Literal

import msgspec

from workers.model import Run
from workers.model.health import Health

LinkState = Literal["connecting", "up", "down"]
Service = Literal["redis", "mongodb"]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """The way to one server. `since` is when it became what it is; `reason` and `retry_at` belong to "down".

    `back_at` is when it last came back after it was down.
    """

    service: Service
    address: str = ""
    state: LinkState = "connecting"
    since: float | None = None
    reason: str = ""
    retry_at: float | None = None
    back_at: float | None = None
    rtt_ms: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether the last thing asked of it was answered."""
        return self.state == "up"


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One lane. Rates are messages a second over the last 30 s, None where the server cannot tell."""

    queue: str  # the name of the first designs: "job-import", "high-priority-imports"
    lane: str
    waiting: int
    running: int
    delayed: int | None
    dead: int | None
    oldest_s: float | None
    paused: bool
    in_rate: float | None = None
    out_rate: float | None = None
    history: tuple[float, ...] = ()  # out/s, a value a few seconds

    @property
    def drain_s(self) -> float | None:
        """Seconds until it is empty at these rates; infinity where it grows, None where nothing is known."""
        if self.in_rate is None or self.out_rate is None:
            return None
        if not self.waiting:
            return 0.0
        gain = self.out_rate - self.in_rate
        return self.waiting / gain if gain > 0.05 else float("inf")


class Queues(msgspec.Struct, frozen=True, kw_only=True):
    """All lanes."""

    lanes: tuple[Lane, ...] = ()
    delayed: int = 0
    dead: int = 0
    at: float | None = None
    skew_s: float = 0.0  # how far this machine's clock is ahead of Redis's


class Sample(msgspec.Struct, frozen=True):
    """How far a run was at a moment."""

    at: float
    listings: int
    batches: int


class Flight(msgspec.Struct, frozen=True, kw_only=True):
    """An active run, with enough of its past to tell how fast it goes."""

    run: Run
    bytes: int = 0  # read by its fetch so far
    samples: tuple[Sample, ...] = ()

    @property
    def rate(self) -> float | None:
        """Listings a second over the samples."""
        if len(self.samples) < 2:
            return None
        first, last = self.samples[0], self.samples[-1]
        return (last.listings - first.listings) / (last.at - first.at) if last.at > first.at else None

    @property
    def share(self) -> float | None:
        """Batches settled of all; None while the fetch goes on and nobody knows how many there will be."""
        batches = self.run.batches
        if batches.total is None:
            return None
        return 1.0 if not batches.total else (batches.done + batches.dead) / batches.total

    def share_of(self, expected: int | None) -> float | None:
        """Listings of those that the source had last time: a guess, never the whole, while the feed is read."""
        if not expected or not self.run.stats.total:
            return None
        return min(0.99, self.run.stats.total / expected)

    def eta_of(self, expected: int | None) -> float | None:
        """Seconds until as many listings are settled as the source had last time: a guess."""
        if not expected or not self.rate or expected <= self.run.stats.total:
            return None
        return (expected - self.run.stats.total) / self.rate

    @property
    def eta_s(self) -> float | None:
        """Seconds until its last batch is settled, at the rate of the samples."""
        batches = self.run.batches
        if batches.total is None or len(self.samples) < 2:
            return None
        left = batches.total - batches.done - batches.dead
        first, last = self.samples[0], self.samples[-1]
        gone, took = last.batches - first.batches, last.at - first.at
        if not left:
            return 0.0
        return left * took / gone if gone > 0 and took > 0 else None


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """What is being imported, oldest first, and what was, newest first."""

    flights: tuple[Flight, ...] = ()
    recent: tuple[Run, ...] = ()
    at: float | None = None


class EventLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the overview's events. `mark` names a glyph: a run's state, "dead", "action" or "news"."""

    at: float
    mark: str
    source: str
    text: str


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker process; `beat_at` by the console's clock."""

    id: str
    host: str
    pid: int
    lanes: str
    busy: int
    slots: int
    done: int
    failed: int
    rss_bytes: int
    started: float
    beat_at: float
    current: str = ""
    order: Literal["working", "quiet", "stopping"] = "working"
    version: str = ""  # "" where it is this console's


class Workers(msgspec.Struct, frozen=True, kw_only=True):
    """Every worker heard of in the last hour."""

    rows: tuple[Worker, ...] = ()
    at: float | None = None


class Dead(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter."""

    id: str
    at: float
    lane: str
    source: str
    run: int
    batch: str
    reason: str
    kind: str
    error: str
    attempts: int
    deliveries: int
    worker: str
    payload: str = ""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The newest dead letters, and how many there are in all."""

    rows: tuple[Dead, ...] = ()
    total: int = 0
    at: float | None = None


class SourceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A source: its file, and what its runs left behind. `state` is "on", "off", "paused" or "broken"."""

    name: str
    state: Literal["on", "off", "paused", "broken"]
    kind: str = ""
    format: str = ""
    schedule: str = ""
    url: str = ""
    next_due: float | None = None
    failures: int = 0
    last: Run | None = None
    health: Health | None = None
    strip: tuple[str, ...] = ()  # states of its last runs, the newest last
    problem: str = ""

    @property
    def is_suspended(self) -> bool:
        """Whether its schedule leaves it alone for a while: then it is not due, whatever its cron fields say."""
        return self.health is not None and self.health.state == "suspended"


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Every source of the configuration folder."""

    rows: tuple[SourceLine, ...] = ()
    folder: str = ""
    at: float | None = None


class WatchLine(msgspec.Struct, frozen=True, kw_only=True):
    """One of the operator's saved searches. `new` is None where counting took too long; `more` says it has a bound."""

    name: str
    query: str
    asks: str  # the query for what is new
    looked_at: float
    new: int | None = 0
    more: bool = False

    @property
    def shown(self) -> str:
        """How many are new."""
        return "?" if self.new is None else f"{self.new:,}{'+' if self.more else ''}"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the sections show by themselves; details and searches are asked for one by one."""

    redis: Link = Link(service="redis")
    mongodb: Link = Link(service="mongodb")
    queues: Queues = Queues()
    runs: Runs = Runs()
    events: tuple[EventLine, ...] = ()  # newest first
    workers: Workers = Workers()
    failed: Failed = Failed()
    sources: Sources = Sources()
    watches: tuple[WatchLine, ...] = ()

    @property
    def new_listings(self) -> int:
        """How many listings are new in all watches, those that several find counted for each."""
        return sum(watch.new or 0 for watch in self.watches)

    def expected(self, source: str) -> int | None:
        """How many listings a source had when it was last read in full; None where that is not known."""
        ended = (run for run in self.runs.recent if run.source == source and run.state in ("succeeded", "partial"))
        return next((run.stats.total for run in ended if run.stats.total), None)

    def says_more_than(self, before: "Snapshot") -> bool:
        """Whether anything but moments, round trips and beats is another than before."""
        return self._told() != before._told()

    def _told(self) -> tuple[object, ...]:
        links = tuple((link.state, link.reason) for link in (self.redis, self.mongodb))
        known = tuple(part.at is None for part in (self.queues, self.runs, self.workers, self.failed, self.sources))
        lanes, runs = self.queues.lanes, (self.runs.flights, self.runs.recent)
        workers = tuple(worker.id for worker in self.workers.rows)
        return links, known, lanes, runs, self.events, workers, self.failed.rows, self.sources.rows

    @property
    def down(self) -> tuple[Link, ...]:
        """The servers that do not answer."""
        return tuple(link for link in (self.redis, self.mongodb) if link.state == "down")
