"""`changes` of a listing: which run changed which field, from what to what. Entries are written with the change itself.

    {run, at, field, old, new, because}: newest last, MOST at most; model.change tells what they mean

The write that moves a listing's stamps pushes them, and matches only what was read: a batch that is delivered again
adds nothing, so that a listing has entries of run R if R has counted it as updated, and one of `status` if R has
closed or opened it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
import msgspec

from workers.model.change import Because, FieldChange
from workers.store.connect import Database
from workers.store.documents import Document, storable, to_document, to_value

if TYPE_CHECKING:
    from workers.store.writing import Change

MOST = 40
"""Entries kept of a listing: with two texts of some 200 characters each, 16 KB at most."""

_BREATHE = 25  # listings compared (some 5 ms) between two turns of the event loop
_LONGEST = 210  # characters; what analysis.changes leaves of a value, and a little more


def kept(entries: Sequence[Document]) -> dict[str, Any]:
    """Return the part of an update that adds entries and lets the oldest go."""
    return {"$push": {"changes": {"$each": list(entries), "$slice": -MOST}}} if entries else {}


def closing(at: datetime, run: int | None, because: Because) -> Document:
    """Return the entry of a listing that is closed."""
    return to_document(FieldChange(at=at, run=run, field="status", old="open", new="closed", because=because))


async def compared(db: Database, changes: Sequence["Change"], run: int, now: datetime) -> list["Change"]:
    """Say of each change how it differs from what is stored; reads the listings whose content is to be replaced.

    One that has moved since it was judged gets what it gets: its compare-and-set will not match.
    """
    differs = {change.id: _opened(change, run, now) for change in changes}
    by_id = {change.id: change for change in changes if change.job and change.write in ("update", "rewrite")}
    if by_id:
        from workers.analysis.changes import COMPARED  # here: the console reads listings without the normaliser

        fields = dict.fromkeys((*COMPARED, "content_hash"), True)
        compared = 0
        async for document in db.jobs.find({"_id": {"$in": list(by_id)}}, fields):
            change = by_id[document["_id"]]
            differs[change.id] += _differing(document, change, run, now)
            compared += 1
            if compared % _BREATHE == 0:
                await anyio.lowlevel.checkpoint()
    return [msgspec.structs.replace(change, differs=differs[change.id]) for change in changes]


def _opened(change: "Change", run: int, now: datetime) -> list[Document]:
    if change.stored.status != "closed" or change.write not in ("update", "reopen"):
        return []
    return [to_document(FieldChange(at=now, run=run, field="status", old="closed", new="open"))]


def _differing(document: Document, change: "Change", run: int, now: datetime) -> list[Document]:
    from workers.analysis.changes import differences

    new = to_value(change.job)
    if new["posted_at"] is None:  # then the stored one stays
        new["posted_at"] = document.get("posted_at")
    is_rewritten = change.write == "rewrite"
    return [
        to_document(
            FieldChange(
                at=now,
                run=None if is_rewritten else run,
                field=each.field,
                old=_storable(each.old),
                new=_storable(each.new),
                because="rewritten" if is_rewritten else "",
            )
        )
        for each in differences(document, new)
    ]


def _storable(text: str | None) -> str | None:
    return None if text is None else storable(text, _LONGEST)
