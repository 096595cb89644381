"""An event: what every watcher hears. Carries absolute totals: who reads it replaces, never adds."""

from typing import Literal

import msgspec

from workers.model.run import BatchTotals, RunState, Stats

EventKind = Literal[
    "run",  # a run moved: state, and totals as they stand
    "dead",  # a message went to the dead letters
    "action",  # an operator did something
    "worker",  # a worker process came or went
]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of the events stream.

    `at` is seconds since the epoch, UTC, when the totals were read: two workers may publish in the other order, so a
    watcher passes over totals that are older than those it has.
    """

    v: int = 1
    kind: EventKind
    at: float
    run: int | None = None
    source: str = ""
    state: RunState | None = None
    stats: Stats | None = None
    batches: BatchTotals | None = None
    batch: str = ""
    bytes: int = 0  # read by the fetch so far, inflated
    worker: str = ""
    user: str = ""
    text: str = ""
