"""What the console asks of the outside world."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import msgspec

from jobimport_tui.state import Snapshot
from workers.model import Run

Publish = Callable[[Snapshot], None]
PAGE = 200


class Refused(Exception):
    """The gateway cannot do it now; `str()` is one sentence for the operator."""


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs. `before` is (queued_at, id) of the last row of the page before."""

    source: str | None = None
    state: str | None = None
    before: tuple[datetime, int] | None = None


class ListingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which listings. `before` is (posted_at, id) of the last row of the page before."""

    words: str = ""
    source: str | None = None
    status: str | None = None
    before: tuple[datetime, str] | None = None


class ListingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A listing in a list."""

    id: str
    source: str
    title: str
    company: str
    place: str
    posted_at: datetime
    posted_at_known: bool
    status: str


class RejectLine(msgspec.Struct, frozen=True, kw_only=True):
    """A listing that could not be imported."""

    position: int
    external_id: str
    reason: str
    field: str
    value: str


class BatchSums(msgspec.Struct, frozen=True, kw_only=True):
    """A run's batch rows by state."""

    total: int = 0
    pending: int = 0
    done: int = 0
    dead: int = 0
    dropped: int = 0
    took_ms: int = 0


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did to a run."""

    at: datetime
    user: str
    text: str


class RunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its whole log, its batches, the first of its rejects, and what was done to it, newest first."""

    run: Run
    batches: BatchSums
    rejects: tuple[RejectLine, ...] = ()
    rejects_in_all: int = 0
    acts: tuple[Act, ...] = ()


class Gateway(Protocol):
    """Every method but `run` raises Refused where it cannot answer; none blocks the loop."""

    async def run(self, publish: Publish) -> None:
        """Connect, watch and publish snapshots until cancelled; no failure of a server ends it."""
        ...

    def refresh(self) -> None:
        """Read everything again now."""
        ...

    async def runs(self, query: RunQuery) -> list[Run]:
        """Read a page of the import history, newest first."""
        ...

    async def run_detail(self, run_id: int) -> RunDetail:
        """Read one run."""
        ...

    async def listings(self, query: ListingQuery) -> list[ListingRow]:
        """Read a page of listings, newest first."""
        ...

    async def count_listings(self, query: ListingQuery) -> str:
        """Count what a query finds: "1,812", or "10,000+"."""
        ...

    async def listing(self, listing_id: str) -> dict[str, Any]:
        """Read one listing as it is stored."""
        ...

    async def import_source(self, name: str) -> str:
        """Start an import; returns what became of it."""
        ...

    async def cancel(self, run_id: int) -> str:
        """Ask a run to stop; returns what became of it."""
        ...
