"""Does a run's row say what is in the store? Counted again from stamps, rows and rejects; nothing is mended here."""

from typing import Literal

import msgspec

from workers.model import Run, Stats
from workers.store import closing, ledger, rejects
from workers.store.connect import Database

Checked = Literal["jobs", "rows", "nothing"]


class Verification(msgspec.Struct, frozen=True):
    """What a recount found, by count's name, beside what the run says.

    `checked` is "jobs" until the source's next import (exact, by the stamps), "rows" after that while batches and
    rejects are kept, "nothing" once these have expired. `at_least` names the counts of which more may be found than
    were said: a dead batch may have written listings before it died.
    """

    run: int
    checked: Checked
    said: dict[str, int]
    found: dict[str, int]
    at_least: frozenset[str] = frozenset()

    @property
    def wrong(self) -> list[str]:
        """The counts that do not agree."""
        return [
            name
            for name, count in self.found.items()
            if (count < self.said[name] if name in self.at_least else count != self.said[name])
        ]

    @property
    def ok(self) -> bool:
        """Whether everything that could be checked agrees."""
        return not self.wrong

    def sentence(self) -> str:
        """The outcome in one line."""
        if self.checked == "nothing":
            return "batches and rejects have expired: nothing is left to check against"
        against = "the stamps in jobs, batches and rejects" if self.checked == "jobs" else "batches and rejects"
        if self.ok:
            return f"agrees with {against}: " + ", ".join(f"{name} {count}" for name, count in self.found.items())
        wrong = "; ".join(f"{name}: said {self.said[name]}, found {self.found[name]}" for name in self.wrong)
        return f"does not agree with {against}: {wrong}"


async def verify(db: Database, run: Run, stats: Stats) -> Verification:
    """Recount a run whose totals are `stats`: at closing what is about to be said, later what was said."""
    said = {name: int(getattr(stats, name)) for name in Stats.__struct_fields__}
    if run.state == "unchanged":
        return Verification(run.id, "rows", said, {"total": 0})
    rows = await ledger.totals(db, run.id)
    if run.batches.total is not None and rows.total < run.batches.total:
        return Verification(run.id, "nothing", said, {})
    rejected = await rejects.count(db, run.id)
    for batch, others in (await ledger.unsettled_rounds(db, run.id)).items():
        rejected += others - await rejects.count(db, run.id, batch=batch)
    found = {
        "total": rows.counts.total + rows.dead_listings + rows.dropped_listings,
        "new": rows.counts.new,
        "updated": rows.counts.updated,
        "unchanged": rows.counts.unchanged,
        "failed": rejected + rows.dead_listings,
        "dropped": rows.dropped_listings,
    }
    if await read_since(db, run):
        return Verification(run.id, "rows", said, found)
    stamps = await closing.recount(db, run.id, run.source)
    closed = await closing.closed_by(db, run.source, run.id)
    found |= {"new": stamps.new, "updated": stamps.updated, "closed": closed}
    loose = frozenset({"new", "updated", "failed"}) if rows.dead else frozenset[str]()
    return Verification(run.id, "jobs", said, found, loose)


async def read_since(db: Database, run: Run) -> bool:
    """Whether a later run of the source has touched listings: then the stamps speak of that run."""
    later = {
        "source": run.source,
        "_id": {"$gt": run.id},
        "$or": [{"active": True, "state": {"$ne": "queued"}}, {"stats.total": {"$gt": 0}}],
    }
    return await db.import_logs.find_one(later, {"_id": True}) is not None
