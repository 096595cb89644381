"""An ended run made active again, for what is left of it to be done: a requeue, a retry, an approval (rule 6)."""

from pymongo.errors import DuplicateKeyError

from workers.errors import Permanent
from workers.model import Run
from workers.store import ledger
from workers.store.connect import Database
from workers.store.documents import Document, from_document, storable


class RunGone(Permanent):
    """A run cannot be made active again; the sentence says why."""


async def reactivate(db: Database, run_id: int, *, approved_by: str = "") -> Run:
    """Make an ended run active again, as importing, for a requeue of its dead rows (rule 6).

    With `approved_by`, for closing what it held; that is noted where the run was not active, in the same write.
    A run that is active already stays so; one that is closing goes back to importing, and who was closing it does not
    end it. Raises RunGone when a later run has read its source since, when the source is being imported by another
    run, when it was cancelled, when rows of it have expired, or when there is no such run.
    """
    run = await _get(db, run_id)
    if run is None:
        raise RunGone(f"there is no run {run_id}")
    if run.cancel_requested:
        raise RunGone(f"run {run_id} was cancelled: import again")
    if run.state == "closing":
        reopen = {"$set": {"state": "importing"}, "$inc": {"revivals": 1}}
        reopened = await db.import_logs.update_one({"_id": run_id, "state": "closing"}, reopen)
        return await _get(db, run_id) or run if reopened.matched_count else await reactivate(db, run_id)
    if run.active:
        return run
    await _refuse_if_read_since(db, run)
    if run.batches.total is not None and (await ledger.totals(db, run_id)).total < run.batches.total:
        raise RunGone(f"batches of run {run_id} have expired: import again")
    approval = {"approved_by": storable(approved_by, 200)} if approved_by else {}
    change: Document = {
        "$set": {"state": "importing", "active": True, "tally_due": True, **approval},
        "$inc": {"revivals": 1},
        "$unset": {"finished_at": ""},
    }
    try:
        await db.import_logs.update_one({"_id": run_id, "active": False}, change)
    except DuplicateKeyError as error:
        raise RunGone(f"{run.source} is being imported by another run") from error
    try:
        await _refuse_if_read_since(db, run)  # we hold the source now: none can follow
    except RunGone:
        back = {
            "state": run.state,
            "active": False,
            "finished_at": run.finished_at,
            "approved_by": run.approved_by,
        }
        await db.import_logs.update_one({"_id": run_id, "state": "importing"}, {"$set": back})
        raise
    return await _get(db, run_id) or run


async def _refuse_if_read_since(db: Database, run: Run) -> None:
    read = [{"active": True}, {"stats.total": {"$gt": 0}}, {"fetch.outcome": "ok"}]
    later = await db.import_logs.find_one({"source": run.source, "_id": {"$gt": run.id}, "$or": read}, {"_id": 1})
    if later is not None:
        raise RunGone(f"run {later['_id']} has read {run.source} since: import again")


async def _get(db: Database, run_id: int) -> Run | None:
    row = await db.import_logs.find_one({"_id": run_id})
    return None if row is None else from_document(row, Run)
