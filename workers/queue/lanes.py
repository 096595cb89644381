"""The keys. One hash tag a partition, so that a script may touch several of its keys on Redis Cluster too.

A source's messages lie in one partition, whatever the cluster looks like; events and workers lie in the first.

The names of the first designs live on in docs and on screen: `job-import` is the lanes fetch, upsert and close,
`high-priority-imports` their :high lanes, `job-import-failed` the dead letters.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple
from zlib import crc32

Stage = Literal["fetch", "upsert", "close"]
STAGES: tuple[Stage, ...] = ("fetch", "upsert", "close")

GROUP = "jobimport"
NOBODY = "nobody"
"""The consumer under whose name lies what was handed back: idle for a day, so that any worker takes it at once."""


class Partition(NamedTuple):
    """One hash tag's keys. Redis Cluster keeps them together, and a script touches no others."""

    number: int = 0

    @property
    def tag(self) -> str:
        """What every key of it begins with."""
        return f"{{jobimport:{self.number}}}"

    @property
    def delayed(self) -> str:
        """Sorted set by due ms (Redis TIME); a member is the lane's name, a space, and the message."""
        return f"{self.tag}:delayed"

    @property
    def failed(self) -> str:
        """Stream of dead letters, never trimmed."""
        return f"{self.tag}:failed"

    @property
    def paused(self) -> str:
        """Set of what is paused: lanes and "source:NAME"."""
        return f"{self.tag}:paused"

    def lane(self, lane: "Lane") -> str:
        """A lane's stream."""
        return f"{self.tag}:{lane}"

    def rate(self, source: str) -> str:
        """Where the rate limit of a source stands."""
        return f"{self.tag}:rate:{source}"


FIRST = Partition()

DELAYED, FAILED, PAUSED = FIRST.delayed, FIRST.failed, FIRST.paused
EVENTS = f"{FIRST.tag}:events"
WORKERS = f"{FIRST.tag}:workers"
"""Sorted set of worker ids by the ms of their last beat; what each said of itself is in worker_key(id)."""


def host_key(host: str) -> str:
    """Sorted set of who is connected to a host, by the ms when that is taken from them."""
    return f"{FIRST.tag}:host:{host}"


def partition_of(source: str, partitions: int) -> Partition:
    """Where a source's messages lie, of so many partitions: the same in every process and version."""
    return Partition(crc32(source.encode()) % partitions)


class Lane(NamedTuple):
    """A stream of messages. `str(lane)` is its name, such as "upsert:high"."""

    stage: Stage
    high: bool = False

    @property
    def key(self) -> str:
        """Its stream in the first partition."""
        return FIRST.lane(self)

    def __str__(self) -> str:
        return f"{self.stage}:high" if self.high else self.stage


LANES: tuple[Lane, ...] = (
    Lane("close"),
    Lane("upsert", True),
    Lane("fetch", True),
    Lane("upsert"),
    Lane("fetch"),
)
"""Every lane, in the order of reading: what ends a run before what begins one, high before normal."""

BY_NAME: dict[str, Lane] = {str(lane): lane for lane in LANES}


def lane_for(stage: Stage, high: bool) -> Lane:
    """The lane of a stage; closing has only one."""
    return Lane(stage, high and stage != "close")


def lanes_of(stages: Sequence[Stage], *, high_only: bool = False) -> tuple[Lane, ...]:
    """The lanes that a worker of these stages reads, in the order of reading.

    One for high priority alone still closes: a high run's last step has no lane of its own.
    """
    return tuple(
        lane for lane in LANES if lane.stage in stages and (lane.high or lane.stage == "close" or not high_only)
    )


def worker_key(worker: str) -> str:
    """What a worker said of itself at its last beat."""
    return f"{FIRST.tag}:worker:{worker}"


def order_key(worker: str) -> str:
    """What an operator wants of a worker; absent where it is to work."""
    return f"{FIRST.tag}:order:{worker}"
