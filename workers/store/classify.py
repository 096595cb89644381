"""What one read says about a listing, for a run R. Pure.

The outcome depends on the stamps and R alone, so any number of replays, and two workers on one batch, count the same
(sections 3 and 5.1, rules 1, 9 and 10).

A listing carries `first_run` (the run that brought it), `changed_run` (the last that changed or reopened it) and
`closed_run` (the last that closed it, None while it is open). Closing does not move `changed_run`: a recount of the
closing run must not see it as updated.
"""

from typing import Literal

import msgspec

Outcome = Literal["new", "updated", "unchanged"]
Write = Literal[
    "none",
    "raw_hash",  # the feed's strings moved, the content did not
    "rewrite",  # a new hash_version: content written, no stamp moved
    "reopen",  # a closed listing is back as it was
    "update",  # other content, open or closed
]


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What the hash read brings of a listing."""

    raw_hash: bytes
    content_hash: bytes
    hash_version: int = 0
    status: Literal["open", "closed"]
    first_run: int
    changed_run: int
    closed_run: int | None = None
    closed_because: str = ""
    quality: int | None = None

    def lapsed(self) -> bool:
        """Say whether it is closed since its own date has passed: a feed that still has it as it was opens nothing."""
        return self.status == "closed" and self.closed_because == "expired"

    def stamped(self, run: int) -> Outcome:
        """Say what this run has done to the listing already, by its stamps."""
        if self.first_run == run:
            return "new"
        return "updated" if self.changed_run == run else "unchanged"

    def stale(self, run: int) -> bool:
        """Say whether a later run has touched the listing: whoever writes for `run` now was frozen meanwhile."""
        return max(self.first_run, self.changed_run, self.closed_run or 0) > run

    def touched(self, run: int) -> bool:
        """Say whether this very run has written the listing."""
        return run in (self.first_run, self.changed_run)


class Verdict(msgspec.Struct, frozen=True):
    """How a listing counts and what must be written for it."""

    outcome: Outcome
    write: Write = "none"


def by_raw_hash(stored: Stored, raw_hash: bytes, run: int) -> Verdict | None:
    """Judge without normalising; None where the item must be normalised first.

    A stale writer changes nothing and counts what its own stamps say, else unchanged: the sum stays the batch's
    size, and the row cannot be settled by it anyway.
    """
    if stored.stale(run):
        return Verdict(stored.stamped(run))
    if stored.raw_hash != raw_hash:
        return None
    if stored.touched(run):
        return Verdict(stored.stamped(run))
    return Verdict("updated", "reopen") if stored.status == "closed" and not stored.lapsed() else Verdict("unchanged")


def by_content(stored: Stored, content_hash: bytes, hash_version: int, run: int) -> Verdict:
    """Judge a normalised listing whose raw_hash is not the stored one.

    If this run has written the listing with another raw_hash, the item repeats an identity within the run: the
    first wins, the repeat counts as unchanged.
    """
    if stored.touched(run):
        return Verdict("unchanged")
    if stored.status == "closed" and not stored.lapsed():
        return Verdict("updated", "update")
    if stored.hash_version != hash_version:
        return Verdict("unchanged", "rewrite")
    if stored.content_hash != content_hash:
        return Verdict("updated", "update")
    return Verdict("unchanged", "raw_hash")
