"""What Prometheus may know: depth of the lanes, workers, runs, and how each source does.

Everything is read when it is asked for, at a cost that does not grow with what has piled up: no listing and no
finished run is counted. `jobimport_up` says which server answered; what the other would have said is left out, never
said to be zero. `*_total` of a source are sums of `import_daily`: they begin again at midnight UTC, which rate()
takes for what it is.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from workers.model import Run, Source
from workers.model.health import HealthState
from workers.model.run import ACTIVE_STATES
from workers.queue import depth, registry
from workers.queue.connect import Redis
from workers.store import daily, history, runs, source_state
from workers.store.connect import Database
from workers.store.source_state import SourceState
from workers.version import VERSION

PREFIX = "jobimport_"


class Given(Collector):
    """A collector of what a function returns, for prometheus_client's exposition and its server."""

    def __init__(self, gather: Callable[[], Iterable[Metric]]) -> None:
        self._gather = gather

    def collect(self) -> Iterable[Metric]:
        """Gather anew."""
        return self._gather()

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the servers."""
        return ()


def registry_of(gather: Callable[[], Iterable[Metric]]) -> CollectorRegistry:
    """Make a registry with nothing but ours: what a process of ours weighs is not what is asked."""
    made = CollectorRegistry()
    made.register(Given(gather))
    return made


def _gauge(name: str, text: str, labels: tuple[str, ...] = (), rows: Iterable[tuple[object, ...]] = ()) -> Metric:
    """A gauge; a row is its labels' values, then its own. Rows without a value are left out."""
    return _filled(GaugeMetricFamily(PREFIX + name, text, labels=labels), rows)


def _counter(name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Metric:
    return _filled(CounterMetricFamily(PREFIX + name, text, labels=labels), rows)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, rows: Iterable[tuple[object, ...]]) -> Metric:
    for *values, value in rows:
        if value is not None:
            family.add_metric([str(one) for one in values], float(value))  # pyright: ignore[reportArgumentType]
    return family


def of_servers(up: dict[str, bool]) -> list[Metric]:
    """Which of the servers answered, and who asks."""
    return [
        _gauge("build_info", "The version that gathered this.", ("version",), [(VERSION, 1)]),
        _gauge("up", "Whether the server answered within three seconds.", ("server",), up.items()),
    ]


async def of_redis(redis: Redis) -> list[Metric]:
    """Lanes and workers. Raises Trouble."""
    depths = await depth.snapshot(redis)
    added = await depth.added(redis)
    heard = await registry.workers(redis)
    return [*_lanes(depths, added), *_workers(heard)]


def _lanes(depths: depth.QueueDepths, added: dict[str, int]) -> Iterator[Metric]:
    lanes = depths.lanes
    states = [(lane.lane, "waiting", lane.waiting) for lane in lanes]
    states += [(lane.lane, "running", lane.running) for lane in lanes]
    yield _gauge("lane_messages", "Messages of a lane.", ("lane", "state"), states)
    ages = [(lane.lane, (depths.at_ms - lane.oldest_ms) / 1000 if lane.oldest_ms else 0.0) for lane in lanes]
    yield _gauge("lane_oldest_seconds", "Age of a lane's oldest message; 0 where there is none.", ("lane",), ages)
    yield _gauge("lane_paused", "Whether an operator holds the lane.", ("lane",), [(o.lane, o.paused) for o in lanes])
    yield _counter("lane_added", "Messages ever added, as Redis counts them.", ("lane",), added.items())
    yield _gauge("delayed_messages", "Messages that wait for their next attempt.", rows=[(depths.delayed,)])
    yield _gauge("dead_letters", "Messages that were given up.", rows=[(depths.dead,)])


def _workers(heard: Iterable[registry.WorkerInfo]) -> Iterator[Metric]:
    heard = list(heard)
    of = ("worker", "host")
    yield _gauge("worker_slots", "Messages a process may have in hand.", of, [(w.id, w.host, w.slots) for w in heard])
    yield _gauge("worker_busy", "Messages a process has in hand.", of, [(w.id, w.host, w.busy) for w in heard])
    yield _gauge(
        "worker_silent_seconds", "Since its last beat.", of, [(w.id, w.host, round(w.beat_age_s, 3)) for w in heard]
    )
    yield _gauge("worker_resident_bytes", "Resident memory.", of, [(w.id, w.host, w.rss_bytes) for w in heard])
    yield _counter("worker_messages_done", "Messages ended well.", of, [(w.id, w.host, w.done) for w in heard])
    yield _counter("worker_messages_failed", "Messages that raised.", of, [(w.id, w.host, w.failed) for w in heard])


async def of_mongo(db: Database, sources: dict[str, Source]) -> list[Metric]:
    """Runs and sources. Raises the driver's errors."""
    now = datetime.now(UTC)
    active = await runs.active(db)
    states = await source_state.all(db)
    last = await history.last_of_sources(db)
    sums = {totals.source: totals for totals in await daily.by_source(db, now, now)}
    successes = await history.finished(db, [state.last_complete_run for state in states.values()])
    listings = await db.jobs.estimated_document_count()
    return [
        _gauge("listings", "Listings in `jobs`, open and closed; an estimate of MongoDB's.", rows=[(listings,)]),
        _gauge(
            "runs_active",
            "Runs under way.",
            ("state",),
            [(state, sum(run.state == state for run in active)) for state in ACTIVE_STATES],
        ),
        *_sources(sources, states, successes),
        *_last(last[name] for name in sources if name in last),
        *_today([sums.get(name) or daily.Totals(source=name) for name in sources]),
    ]


def _sources(
    sources: dict[str, Source], states: dict[str, SourceState], successes: dict[int, datetime]
) -> Iterator[Metric]:
    enabled = [(name, source.enabled) for name, source in sources.items()]
    yield _gauge("source_enabled", "Whether its schedule starts imports.", ("source",), enabled)
    known = [(name, states[name]) for name in sources if name in states]
    judged = [(name, state.health.state) for name, state in known if state.health]
    yield _gauge(
        "source_health",
        "1 for the state it is in, by its own history.",
        ("source", "state"),
        [(name, one, one == state) for name, state in judged for one in get_args(HealthState)],
    )
    yield _gauge(
        "source_consecutive_failures",
        "Runs since the last one that read the whole feed.",
        ("source",),
        [(name, state.consecutive_failures) for name, state in known],
    )
    whole = [
        (name, successes[state.last_complete_run]) for name, state in known if state.last_complete_run in successes
    ]
    yield _gauge(
        "source_last_success_timestamp_seconds",
        "When a run last read the whole feed.",
        ("source",),
        [(name, at.timestamp()) for name, at in whole],
    )


def _last(last: Iterable[Run]) -> Iterator[Metric]:
    ended = [run for run in last if run.finished_at is not None]
    yield _gauge(
        "source_last_run_timestamp_seconds",
        "When its last run ended.",
        ("source", "state"),
        [(run.source, run.state, run.finished_at.timestamp()) for run in ended if run.finished_at],
    )
    yield _gauge(
        "source_last_run_duration_seconds",
        "From the request to the end.",
        ("source",),
        [(run.source, (run.finished_at - run.queued_at).total_seconds()) for run in ended if run.finished_at],
    )
    scored = [(run.source, run.quality) for run in ended if run.quality is not None]
    yield _gauge("source_last_run_quality", "Mean score (0 to 100) of the listings it read.", ("source",), scored)
    counted = ("new", "updated", "unchanged", "failed", "dropped", "closed")
    yield _gauge(
        "source_last_run_listings",
        "What became of its last run's listings.",
        ("source", "result"),
        [(run.source, name, getattr(run.stats, name)) for run in ended for name in counted],
    )


def _today(sums: list[daily.Totals]) -> Iterator[Metric]:
    """Gauges: what is retried or requeued moves from one result to another, and midnight begins anew."""
    counted = ("new", "updated", "failed", "closed")
    yield _gauge(
        "source_listings_today",
        "Listings of the runs asked for since midnight UTC.",
        ("source", "result"),
        [(day.source, name, getattr(day, name)) for day in sums for name in counted],
    )
    runs_today = [(day.source, day.runs) for day in sums]
    yield _gauge("source_runs_today", "Runs since midnight UTC.", ("source",), runs_today)
    failures = [(day.source, day.failures) for day in sums]
    yield _gauge("source_runs_failed_today", "Those that did not read the whole feed.", ("source",), failures)
    read = [(day.source, day.bytes) for day in sums]
    yield _gauge("source_read_bytes_today", "Bytes read.", ("source",), read)
