"""A run: one import of one source, from the request to its end. A row of `import_logs`."""

from datetime import datetime
from typing import Literal

import msgspec

from workers.model.quality import Scores

RunState = Literal[
    "queued",
    "fetching",
    "importing",
    "closing",
    "succeeded",
    "unchanged",  # 304 or the same body: complete, stats 0
    "partial",  # rejects, or dead batches (then not complete)
    "degraded",  # the feed was truncated or repaired: read as far as it went, nothing closed
    "failed",
    "cancelled",
]
ACTIVE_STATES: tuple[RunState, ...] = ("queued", "fetching", "importing", "closing")
Trigger = Literal["manual", "schedule", "cli"]


class Counts(msgspec.Struct, frozen=True):
    """What became of one batch's listings. new + updated + unchanged + failed = its size."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.new + other.new,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.failed + other.failed,
        )

    @property
    def total(self) -> int:
        """How many listings these counts speak of."""
        return self.new + self.updated + self.unchanged + self.failed


class Stats(msgspec.Struct, frozen=True):
    """A run's totals: total = new + updated + unchanged + failed + dropped; the others stand beside it."""

    total: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    dropped: int = 0
    duplicates: int = 0
    closed: int = 0


class BatchTotals(msgspec.Struct, frozen=True):
    """How many batches a run has; `total` is None until the fetch has ended."""

    total: int | None = None
    done: int = 0
    dead: int = 0


class FetchFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the fetch met. `outcome` is "ok", "not_modified", "same_body", "degraded" or an error's code.

    `permanent_url` is where 301 and 308 alone have led from `asked_url`, the source's own, now or in an earlier run.
    """

    status: int | None = None
    bytes: int = 0  # inflated
    wire_bytes: int = 0
    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    duration_ms: int = 0
    url: str = ""
    redirects: int = 0
    asked_url: str = ""
    permanent_url: str | None = None
    outcome: str = ""
    dialect: str = ""
    declared_total: int | None = None
    pages: int = 1


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a run's error_log."""

    at: datetime
    level: Literal["info", "warning", "error"]
    code: str
    text: str
    worker: str = ""


class Timing(msgspec.Struct, frozen=True):
    """Milliseconds spent in each stage; None for a stage that did not happen."""

    fetch: int | None = None
    queue: int | None = None
    upsert: int | None = None
    close: int | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True, rename={"id": "_id"}):
    """A row of `import_logs`. `active` is True exactly while `state` is one of ACTIVE_STATES.

    `rung_at` is Redis TIME in ms of the last message for the stage the state names; `heartbeat` belongs to a
    running fetch or close. `mapping_hash` is set by the fetch. `revivals` counts requeues of an ended or closing run.
    `tally_due` says that the day's row of import_daily does not know of its end yet,
    `copies_due` that its listings have not been compared with those of other sources.
    """

    id: int
    source: str
    state: RunState
    active: bool
    trigger: Trigger
    queued_at: datetime
    requested_by: str = ""
    priority: Literal["normal", "high"] = "normal"
    slot: datetime | None = None
    fetch_epoch: int = 0
    rung_at: int = 0
    revivals: int = 0
    tally_due: bool = True
    copies_due: bool = False
    cancel_requested: bool = False
    cancelled_by: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    heartbeat: datetime | None = None
    fetch: FetchFacts | None = None
    mapping_hash: bytes = b""
    degraded: str = ""  # why, where the feed could not be read to its end
    held: str = ""  # why what the feed no longer has was left open, until somebody approves it
    approved_by: str = ""
    batches: BatchTotals = BatchTotals()
    stats: Stats = Stats()
    fill_rate: dict[str, float] = {}
    scored: int = 0
    quality_sum: int = 0
    error_log: list[LogEntry] = []
    timing: Timing = Timing()
    app_version: str = ""

    @property
    def quality(self) -> float | None:
        """Mean score of the listings it read; None where none was scored."""
        return Scores(self.scored, self.quality_sum).mean
