"""What every actor of a worker process works with, and nothing else: its connections, its settings, its name."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from workers.actors.progress import Progress
from workers.model import LogEntry, Run, Source
from workers.queue.connect import Redis
from workers.settings import Config
from workers.sources import load_one
from workers.store.connect import Database


@dataclass(frozen=True)
class Desk:
    """One a process; made in its start-up, on its event loop."""

    db: Database
    redis: Redis
    config: Config
    worker: str
    progress: Progress

    def source(self, name: str) -> Source:
        """The source as its file has it now; UnknownSource or ConfigError otherwise."""
        return load_one(self.config.sources, name)

    def entry(self, level: Literal["info", "warning", "error"], code: str, text: str) -> LogEntry:
        """A line for a run's error_log."""
        return LogEntry(at=utcnow(), level=level, code=code, text=text[:500], worker=self.worker)


def utcnow() -> datetime:
    """Now, as MongoDB keeps it: UTC, whole milliseconds."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def is_high(run: Run) -> bool:
    """Whether a run's messages go into the :high lanes."""
    return run.priority == "high"
