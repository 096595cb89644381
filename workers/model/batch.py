"""A batch: up to `batch_size` raw items of one run, by reference: the message names it, MongoDB holds it."""

from datetime import datetime
from typing import Literal

import msgspec

from workers.model.quality import Scores
from workers.model.run import Counts

BatchState = Literal["pending", "done", "dead", "dropped"]


class Batch(msgspec.Struct, frozen=True, kw_only=True, rename={"id": "_id"}):
    """A row of `import_batches`. `items` is zstd-compressed msgpack of RawItems, None once settled.

    `seen` holds the 8-byte identity hashes of its items, rejected ones included. `rung_at` is Redis TIME in
    milliseconds of the last message for it; `attempt` counts how often a worker began to write its listings.
    `scores` adds up the quality of its listings, unchanged ones included.
    `round` counts how often its rejects were tried again: `items` are then these alone, `counts` are what earlier
    rounds settled, and `held` are the ids of the rejects that are not in this round. `mark` is that of the attempt that
    settled it, which the ids of its other rejects bear; None where an older version did, whose rejects bear none.
    """

    id: str
    run: int
    source: str
    state: BatchState = "pending"
    size: int = 0
    attempt: int = 0
    rung_at: int = 0
    done_at: datetime | None = None
    items: bytes | None = None
    counts: Counts | None = None
    scores: Scores | None = None
    seen: bytes = b""
    worker: str = ""
    took_ms: int = 0
    error: str = ""
    round: int = 0
    held: list[str] = []
    mark: str | None = None


def batch_id(run: int, number: int) -> str:
    """Key of a run's batch: "1234:0007". Numbers past 9999 simply grow longer."""
    return f"{run}:{number:04d}"
