"""Everything that one soak consists of, and how its parts are spoken to while they break."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.plant import Plant
from tests.soak.crew import Crew
from tests.soak.feeds import Board
from tests.soak.members import ReplicaSet
from tests.soak.plan import Plan
from tests.soak.proxy import Proxy
from workers.service.embedded import RedisServer


def aloud(text: str) -> None:
    """Tell whoever watches."""
    print(text, flush=True)  # noqa: T201


class Journal:
    """What happened when, for whoever has to find out why."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", encoding="utf-8", buffering=1)
        self.began = time.time()

    def say(self, text: str) -> None:
        stamp = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
        self._file.write(f"{stamp} {time.time() - self.began:7.2f} {text}\n")


@dataclass
class Site:
    """One soak's parts. `violations` are promises broken; `up_after` are (kind, killed at, back at) of servers."""

    plan: Plan
    folder: Path
    plant: Plant
    boards: list[Board]
    proxy: Proxy
    redis_server: RedisServer
    replica: ReplicaSet
    crews: list[Crew]
    journal: Journal
    faults: Counter[str] = field(default_factory=Counter[str])
    violations: list[str] = field(default_factory=list[str])
    resumed: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    up_after: list[tuple[str, float, float]] = field(default_factory=list[tuple[str, float, float]])
    exits_busy: list[float] = field(default_factory=list[float])
    exits_idle: list[float] = field(default_factory=list[float])

    def violated(self, text: str) -> None:
        """A promise is broken: say so at once, and at the end."""
        line = f"seed {self.plan.seed}: {text}"
        self.violations.append(line)
        self.journal.say(f"VIOLATION {line}")
        aloud(f"VIOLATION {line}")
