"""What one soak is. Everything that is drawn is drawn from its seed."""

import random
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """Lengths in seconds. `gap` is the span from which the pause before each fault is drawn."""

    seed: int
    seconds: float
    least: int = 5_000
    most: int = 20_000
    gap: tuple[float, float] = (2.0, 12.0)
    lease: float = 15.0
    batch_size: int = 500
    crews: int = 2
    processes: int = 2
    flushes: bool = True
    freeze_most: float = 25.0
    drain_limit: float = 300.0
    settings: dict[str, str] = field(default_factory=dict[str, str])

    def rng(self, *about: object) -> random.Random:
        """A source of chance of its own for each part: the order in which parts draw does not matter."""
        return random.Random(":".join(map(str, (self.seed, *about))))

    @property
    def env(self) -> dict[str, str]:
        """Settings of the worker processes."""
        return {
            "JOBIMPORT_QUEUE_LEASE": f"{self.lease}s",
            "JOBIMPORT_IMPORT_BATCH_SIZE": str(self.batch_size),
            "JOBIMPORT_WORKER_PROCESSES": str(self.processes),
            **self.settings,
        }


def short(seed: int, seconds: float = 60.0) -> Plan:
    """The soak that is part of the tests: small feeds, short leases, quick faults."""
    return Plan(
        seed=seed,
        seconds=seconds,
        least=1_000,
        most=3_000,
        gap=(1.0, 5.0),
        lease=3.0,
        batch_size=100,
        flushes=False,
        freeze_most=8.0,
    )
