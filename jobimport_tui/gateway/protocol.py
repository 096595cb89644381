"""What the console asks of the outside world."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from jobimport_tui.fingerprint import Group
from jobimport_tui.gateway.looks import Days, Draft, Look, SourceFile
from jobimport_tui.state import Dead, Snapshot
from workers.model import Run

WorkerOrder = Literal["quiet", "stop", "work"]
Publish = Callable[[Snapshot], None]
PAGE = 200
LISTINGS_PAGE = 50
"""Rows of a page of listings: what a rare match costs grows with them, and no terminal shows more."""


class Refused(Exception):
    """The gateway cannot do it now; `str()` is one sentence for the operator."""


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs. `before` is (queued_at, id) of the last row of the page before."""

    source: str | None = None
    state: str | None = None
    before: tuple[datetime, int] | None = None


class ListingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which listings: a query as it was typed (see workers.query), and how many.

    `after` is the last row of the page before, or what a search has reached.
    """

    text: str = ""
    after: "ListingRow | Reached | None" = None
    limit: int = LISTINGS_PAGE


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
    pay: int | None = None


class Reached(msgspec.Struct, frozen=True):
    """How far a search has come: to the listing `id`, posted then; `turn` is the next (see workers.store.search)."""

    posted_at: datetime
    id: str
    turn: int = 0


class ListingsFound(msgspec.Struct, frozen=True):
    """A page of a search, or what was found of it so far: then it goes on after `reached`."""

    rows: list[ListingRow]
    reached: Reached | None = None


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
    earlier: tuple[Run, ...] = ()  # whole runs of the source before this one, newest first


@runtime_checkable
class Player(Protocol):
    """A gateway that plays a recording."""

    is_playing: bool

    def seek(self, moment: float) -> float:
        """Go to a moment, as far as the recording reaches; returns it."""
        ...


class Gateway(Protocol):
    """Every method but `run` raises Refused where it cannot answer; none blocks the loop."""

    async def run(self, publish: Publish) -> None:
        """Connect, watch and publish snapshots until cancelled; no failure of a server ends it."""
        ...

    def refresh(self) -> None:
        """Read everything again now."""
        ...

    def pace(self, factor: float) -> float:
        """Look at the servers more often or less, by a factor; returns the seconds between two looks."""
        ...

    async def runs(self, query: RunQuery) -> list[Run]:
        """Read a page of the import history, newest first."""
        ...

    async def run_detail(self, run_id: int) -> RunDetail:
        """Read one run."""
        ...

    async def runs_of(self, source: str) -> list[Run]:
        """Read the newest ended runs of a source, newest first."""
        ...

    async def days(self, source: str) -> Days:
        """Read the last weeks of a source, "" for all, and the last hour."""
        ...

    async def listings(self, query: ListingQuery) -> ListingsFound:
        """Search a page, in the query's order. Refused says at which column a query cannot be understood."""
        ...

    async def count_listings(self, query: ListingQuery) -> str:
        """Count what a query finds: "1,812", or "10,000+"."""
        ...

    async def complete(self, text: str) -> str | None:
        """Complete the last word of a query that is being typed; None where nothing begins so."""
        ...

    async def export(self, query: ListingQuery, path: str) -> int:
        """Write every listing that a query finds to a file that is not there yet; returns how many."""
        ...

    async def listing(self, listing_id: str) -> dict[str, Any]:
        """Read one listing as it is stored, with the others of its group in `copies`, and `quality_of` in words."""
        ...

    async def watch(self, name: str, text: str) -> str:
        """Save a search of the operator's; returns what became of it."""
        ...

    async def looked(self, name: str) -> None:
        """Note that the operator has seen what is new in a watch."""
        ...

    async def unwatch(self, name: str) -> str:
        """Forget a saved search; returns what became of it."""
        ...

    async def import_source(self, name: str) -> str:
        """Start an import; returns what became of it."""
        ...

    async def cancel(self, run_id: int) -> str:
        """Ask a run to stop; returns what became of it."""
        ...

    async def requeue(self, letter_id: str) -> str:
        """Try a dead letter again; returns what became of it."""
        ...

    async def discard(self, letter_id: str) -> str:
        """Give a dead letter up for good; returns what became of it."""
        ...

    async def pause(self, what: str) -> str:
        """Pause a lane, or a source ("source:NAME"); returns what became of it."""
        ...

    async def resume(self, what: str) -> str:
        """Let a lane or a source go on; returns what became of it."""
        ...

    async def order(self, worker: str, order: WorkerOrder) -> str:
        """Tell a worker what to do; returns what became of it."""
        ...

    async def set_enabled(self, source: str, enabled: bool) -> str:
        """Switch a source on or off; returns what became of it."""
        ...

    async def remove_source(self, source: str) -> str:
        """Delete a source's file; returns what became of it."""
        ...

    async def look(self, url: str) -> Look:
        """Look at an address that may become a source; writes nothing."""
        ...

    async def test_source(self, name: str) -> Look:
        """Read a source's feed as it is now and compare it with its last run; writes nothing."""
        ...

    async def create_source(self, draft: Draft) -> str:
        """Write a new source's file; returns what became of it."""
        ...

    async def source_file(self, name: str) -> SourceFile:
        """Read the keys of a source's file."""
        ...

    async def check_key(self, name: str, key: str, text: str) -> None:
        """Refuse a value that a key of a source cannot have; "" is the default."""
        ...

    async def set_key(self, name: str, key: str, text: str) -> str:
        """Give a key of a source's file another value; returns what became of it."""
        ...

    async def approve(self, run_id: int) -> str:
        """Close what a run held back; returns what became of it."""
        ...

    async def verify(self, run_id: int) -> str:
        """Count a run again; returns what was found."""
        ...

    async def retry_rejects(self, run_id: int) -> str:
        """Try a run's rejected listings again; returns what became of it."""
        ...

    async def rejected(self) -> tuple[Group, ...]:
        """Group the rejected listings of the last run of each source that has read its feed."""
        ...

    async def letters(self) -> tuple[Dead, ...]:
        """Read every dead letter, newest first: what "all that fit the filter" means."""
        ...
