"""What changed in a listing: one field, by one run. An entry of a listing's `changes`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

Because = Literal[
    "",  # the feed said so
    "missing",  # closed: a complete snapshot no longer had it
    "expired",  # closed: its own date had passed
    "aged",  # closed: not in the feed any more, and long silent
    "rewritten",  # the feed says the same; a new version of the normaliser reads it otherwise
]

WITHOUT_RUN: dict[Because, str] = {
    "": "",
    "missing": "no longer in the feed",
    "expired": "its own date has passed",
    "aged": "not in the feed any more, and long silent",
    "rewritten": "read anew by a new version",
}


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """`old` and `new` are texts for people, cut around where they differ; None where the field was empty.

    Within a run a field has one entry. `run` is None for what no run has done or counts: expired, aged, rewritten.
    """

    at: datetime
    field: str
    old: str | None = None
    new: str | None = None
    run: int | None = None
    because: Because = ""

    @property
    def told(self) -> str:
        """By which run the field changed, or why without one."""
        return f"run {self.run}" if self.run is not None else WITHOUT_RUN[self.because]


def changes_of(document: Mapping[str, Any]) -> list[FieldChange]:
    """The entries of a listing as it is stored, newest first."""
    return msgspec.convert(document.get("changes") or [], list[FieldChange])[::-1]
