"""What every actor of a worker process works with, and nothing else: its connections, its settings, its name."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import anyio

from workers.actors.progress import Progress
from workers.model import LogEntry, Run, Source
from workers.queue.connect import Redis, Trouble
from workers.queue.message import Message
from workers.queue.ring import ring
from workers.settings import Config
from workers.sources import load_one
from workers.store import runs, source_state
from workers.store.connect import Database
from workers.store.terms import Known

RING_WAITS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
RING_SECONDS = 10.0
"""In all: each try may wait for a Redis that is frozen, and the message that rings has a time of its own."""


@dataclass(frozen=True)
class Desk:
    """One a process; made in its start-up, on its event loop."""

    db: Database
    redis: Redis
    config: Config
    worker: str
    progress: Progress
    known: Known = field(default_factory=Known)

    def source(self, name: str) -> Source:
        """The source as its file has it now; UnknownSource or ConfigError otherwise."""
        return load_one(self.config.sources, name)

    def entry(self, level: Literal["info", "warning", "error"], code: str, text: str) -> LogEntry:
        """A line for a run's error_log."""
        return LogEntry(at=utcnow(), level=level, code=code, text=text[:500], worker=self.worker)


async def ring_patiently(desk: Desk, message: Message) -> int:
    """Ring, waiting out a Redis that is away for a moment; returns rung_at, 0 where it stayed away.

    A row or run whose rung_at is 0 is older than any head: the reconciler rings it as soon as Redis is back.
    """
    with anyio.move_on_after(RING_SECONDS):
        for wait in RING_WAITS:
            try:
                return await ring(desk.redis, [message])
            except Trouble:
                await anyio.sleep(wait)
    return 0


async def own_up(desk: Desk, run: Run, what: str) -> None:
    """Say that listings were written for what had been given up, and have the source's next run look at them all."""
    holder = await runs.active_of(desk.db, run.source)
    await source_state.distrust(desk.db, run.source, holder.id if holder else run.id)
    text = f"{what}: the next import reads the whole feed"
    await runs.log(desk.db, run.id, desk.entry("warning", "late_write", text))


def utcnow() -> datetime:
    """Now, as MongoDB keeps it: UTC, whole milliseconds."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def is_high(run: Run) -> bool:
    """Whether a run's messages go into the :high lanes."""
    return run.priority == "high"
