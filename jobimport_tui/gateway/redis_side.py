"""What Redis tells: depths and their rates, workers, dead letters."""

from collections import deque
from collections.abc import Callable

import msgspec

from jobimport_tui.state import Dead, Failed, Lane, Queues, Worker, Workers
from workers.queue import connect, dead, depth, registry
from workers.queue.connect import Redis
from workers.queue.dead import DeadLetter
from workers.queue.lanes import BY_NAME, LANES
from workers.queue.registry import WorkerInfo
from workers.version import VERSION

SHOWN = ("fetch:high", "upsert:high", "fetch", "upsert", "close")
"""Lanes in the order in which a listing travels, high before normal."""

QUEUE_NAMES = {False: "job-import", True: "high-priority-imports"}
RATE_SECONDS = 30.0
BUCKET_SECONDS = 10.0
BUCKETS = 30
LETTERS_KEPT = 5000
"""The newest dead letters are known one by one; of more, only how many there are."""

_NOBODY: tuple[Dead, ...] = ()


class LaneMeter:
    """Rates of a lane from two numbers that only grow: entries ever added, entries ever gone."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()
        self._bucket: tuple[float, int] | None = None
        self.history: deque[float] = deque(maxlen=BUCKETS)

    def look(self, at: float, added: int, length: int) -> tuple[float | None, float | None]:
        """Take a look; returns messages a second in and out. A Redis that lost its data starts anew."""
        gone = added - length
        if self._seen and (added < self._seen[-1][1] or gone < self._seen[-1][2]):
            self._seen.clear()
            self._bucket = None
        self._seen.append((at, added, gone))
        while at - self._seen[0][0] > RATE_SECONDS:
            self._seen.popleft()
        self._fill(at, gone)
        then, was_added, was_gone = self._seen[0]
        took = at - then
        if took <= 0:
            return None, None
        return (added - was_added) / took, (gone - was_gone) / took

    def stay(self, at: float) -> None:
        """Take it that nothing has moved since the last look."""
        if self._seen:
            _, added, gone = self._seen[-1]
            self.look(at, added, added - gone)

    def _fill(self, at: float, gone: int) -> None:
        if self._bucket is None:
            self._bucket = (at, gone)
        elif at - self._bucket[0] >= BUCKET_SECONDS:
            since, was = self._bucket
            self.history.append((gone - was) / (at - since))
            self._bucket = (at, gone)


class RedisSide:
    """One client. Every method raises what the driver raises."""

    def __init__(self, redis: Redis, clock: Callable[[], float]) -> None:
        self.redis, self._clock = redis, clock
        self._meters = {str(lane): LaneMeter() for lane in LANES}
        self.paused: frozenset[str] = frozenset()
        self._letters, self._letters_state = _NOBODY, ("", 0)
        self._depths: tuple[object, ...] = ()
        self._known: Queues | None = None

    async def queues(self, *, in_full: bool = True) -> Queues:
        """Every lane: two round trips; one where not all is asked for, and every lane is as empty as it was."""
        depths = await depth.snapshot(self.redis)
        before, self._depths = self._depths, (depths.lanes, depths.delayed, depths.dead, depths.paused)
        if not in_full and before == self._depths and self._known is not None and is_still(self._known):
            self._known = msgspec.structs.replace(self._known, at=self._clock())
            for meter in self._meters.values():
                meter.stay(self._clock())
            return self._known
        added = await depth.added(self.redis)
        at = self._clock()
        self.paused = frozenset(name[7:] for name in depths.paused if name.startswith("source:"))
        by_name = {lane.lane: lane for lane in depths.lanes}
        lanes = tuple(self._lane(by_name[name], added.get(name), depths.at_ms, at) for name in SHOWN if name in by_name)
        skew = at - depths.at_ms / 1000
        self._known = Queues(lanes=lanes, delayed=depths.delayed, dead=depths.dead, at=at, skew_s=skew)
        return self._known

    def _lane(self, lane: depth.LaneDepth, added: int | None, at_ms: int, at: float) -> Lane:
        rates: tuple[float | None, float | None] = (None, None)
        meter = self._meters[lane.lane]
        if added is not None:
            rates = meter.look(at, added, lane.waiting + lane.running)
        return Lane(
            queue=QUEUE_NAMES[BY_NAME[lane.lane].high],
            lane=lane.lane,
            waiting=lane.waiting,
            running=lane.running,
            delayed=lane.delayed,
            dead=lane.dead,
            oldest_s=None if lane.oldest_ms is None else max(0.0, (at_ms - lane.oldest_ms) / 1000),
            paused=lane.paused,
            in_rate=rates[0],
            out_rate=rates[1],
            history=tuple(meter.history),
        )

    async def workers(self) -> Workers:
        """Every worker, by name."""
        infos = await registry.workers(self.redis)
        now = self._clock()
        return Workers(rows=tuple(_worker(info, now) for info in infos), at=now)

    async def failed(self) -> Failed:
        """The newest dead letters; read in whole only where some came or went."""
        newest = await dead.list_dead(self.redis, limit=1)
        state = (newest[0].id if newest else "", await dead.count(self.redis))
        if state != self._letters_state:
            letters = await dead.list_dead(self.redis, limit=LETTERS_KEPT)
            self._letters = tuple(dead_line(letter) for letter in letters)
            self._letters_state = state
        return Failed(rows=self._letters, total=state[1], at=self._clock())


def is_still(queues: Queues) -> bool:
    """Whether nothing waits, runs, or has moved within the span of rates and sparks: no figure changes by the clock."""
    lanes = queues.lanes
    return not any(lane.waiting or lane.running or lane.in_rate or lane.out_rate or any(lane.history) for lane in lanes)


def reason(error: BaseException, url: str) -> str:
    """Why Redis does not answer, in a few words."""
    if not isinstance(error, Exception):
        return type(error).__name__
    return connect.unreachable(error, url).reason


def _worker(info: WorkerInfo, now: float) -> Worker:
    doing = [f"{d.stage} {d.source} run {d.run}" for d in info.current]
    return Worker(
        id=info.id,
        host=info.host,
        pid=info.pid,
        lanes="all lanes" if set(info.lanes) == set(BY_NAME) else " ".join(info.lanes),
        busy=info.busy,
        slots=info.slots,
        done=info.done,
        failed=info.failed,
        rss_bytes=info.rss_bytes,
        started=info.started,
        beat_at=now - info.beat_age_s,
        current="; ".join(doing),
        order=info.state,
        version="" if info.version in ("", VERSION) else info.version,
    )


def dead_line(letter: DeadLetter) -> Dead:
    """A letter as the console knows it."""
    return Dead(
        id=letter.id,
        at=letter.at_ms / 1000,
        lane=letter.lane,
        source=letter.source,
        run=letter.run,
        batch=letter.batch,
        reason=letter.reason,
        kind=letter.kind,
        error=letter.error,
        attempts=letter.attempts,
        deliveries=letter.deliveries,
        worker=letter.worker,
        payload=letter.payload.decode("utf-8", "replace"),
    )
