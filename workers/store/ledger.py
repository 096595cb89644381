"""What a run's rows add up to: sums over import_batches, never counters that a replay could move twice."""

from collections.abc import Iterable

import msgspec

from workers.model import BatchTotals, Counts, Scores
from workers.store.connect import Database
from workers.store.documents import Document


class RunTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a run by state, and listings by what became of them. `took_ms` sums the upserters' time.

    A row whose rejects are tried again counts with what it had settled before; only these are pending, or dead.
    """

    total: int = 0
    pending: int = 0
    done: int = 0
    dead: int = 0
    dropped: int = 0
    counts: Counts = Counts()
    pending_listings: int = 0
    dead_listings: int = 0
    dropped_listings: int = 0
    took_ms: int = 0

    def batches(self, total: int | None) -> BatchTotals:
        """Return the part that a run's row shows; `total` is None until its fetch has ended."""
        return BatchTotals(total=total, done=self.done, dead=self.dead)


_SUMS: Document = {
    "rows": {"$sum": 1},
    "listings": {"$sum": "$size"},
    "took_ms": {"$sum": "$took_ms"},
    **{name: {"$sum": f"$counts.{name}"} for name in Counts.__struct_fields__},
}


async def totals(db: Database, run_id: int) -> RunTotals:
    """Add up one run's rows; one covered index scan."""
    return (await totals_many(db, [run_id]))[run_id]


async def totals_many(db: Database, run_ids: Iterable[int]) -> dict[int, RunTotals]:
    """Add up the rows of several runs; a run without rows has zeros."""
    found: dict[int, list[Document]] = {run_id: [] for run_id in run_ids}
    pipeline = [
        {"$match": {"run": {"$in": list(found)}, "size": {"$gt": 0}}},  # without fences
        {"$group": {"_id": {"run": "$run", "state": "$state"}, **_SUMS}},
    ]
    async for group in await db.import_batches.aggregate(pipeline):
        found[group["_id"]["run"]].append(group)
    return {run_id: _totals(groups) for run_id, groups in found.items()}


def _totals(groups: list[Document]) -> RunTotals:
    rows = {group["_id"]["state"]: int(group["rows"]) for group in groups}
    settled = {group["_id"]["state"]: _counts(group) for group in groups}
    listings = {
        group["_id"]["state"]: int(group["listings"]) - settled[group["_id"]["state"]].total for group in groups
    }
    return RunTotals(
        total=sum(rows.values()),
        **rows,
        counts=sum(settled.values(), Counts()),
        pending_listings=listings.get("pending", 0),
        dead_listings=listings.get("dead", 0),
        dropped_listings=listings.get("dropped", 0),
        took_ms=sum(int(group["took_ms"]) for group in groups),
    )


def _counts(group: Document) -> Counts:
    return Counts(*(int(group[name]) for name in Counts.__struct_fields__))


async def scores(db: Database, run_id: int) -> Scores:
    """Add up the quality of what the run's settled rows hold. For closers: it reads the rows, not an index."""
    sums: Document = {"listings": {"$sum": "$scores.listings"}, "sum": {"$sum": "$scores.sum"}}
    pipeline = [{"$match": {"run": run_id, "state": "done"}}, {"$group": {"_id": None, **sums}}]
    groups = [group async for group in await db.import_batches.aggregate(pipeline)]
    return Scores(int(groups[0]["listings"]), int(groups[0]["sum"])) if groups else Scores()


async def pending(db: Database, run_id: int) -> bool:
    """Say whether a row of the run still waits or is being worked on."""
    return await db.import_batches.find_one({"run": run_id, "state": "pending"}, {"_id": True}) is not None


async def unsettled_rounds(db: Database, run_id: int) -> dict[str, int]:
    """Name the dead and dropped rows in which rejects were tried again, and how many other rejects each has.

    What was tried is counted as dead or dropped there, though rejects of it may still lie about.
    """
    where = {"run": run_id, "state": {"$in": ["dead", "dropped"]}, "round": {"$gt": 0}}
    rows = db.import_batches.find(where, {"counts.failed": True})
    return {row["_id"]: int(row["counts"]["failed"]) async for row in rows}


async def seen(db: Database, run_id: int) -> bytes:
    """Join the 8-byte identity hashes of every row of the run, whatever its state."""
    rows = db.import_batches.find({"run": run_id}, {"_id": False, "seen": True})
    return b"".join([row.get("seen", b"") async for row in rows])


async def next_number(db: Database, run_id: int) -> int:
    """Return the number after the run's last row, 0 when it has none: rows are numbered without gaps."""
    rows = db.import_batches.find({"_id": {"$gte": f"{run_id}:", "$lt": f"{run_id};"}}, {"_id": True})
    return max([int(row["_id"].partition(":")[2]) async for row in rows], default=-1) + 1
