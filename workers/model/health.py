"""How a source does, judged by its own history: a word, a sentence, and the figures behind it."""

from datetime import datetime
from typing import Literal

import msgspec

HealthState = Literal[
    "ok",
    "late",  # no import has ended for longer than is usual
    "shrinking",  # the feed holds far fewer listings than usual
    "growing",  # or far more
    "drifting",  # a field that listings used to have is empty: a feed that has changed its names
    "failing",  # the last import did not read the whole feed
    "suspended",  # the circuit is open: it is not asked for now
]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement made at `at`; the source has been in this state since `since`.

    `figures` are what the sentence speaks of: listings, usual, spread (of listings), share (of a field), every and
    age (seconds), failures. `late_at` is when it will be late if no import ends before; None where no rhythm is known.
    """

    state: HealthState = "ok"
    text: str = ""
    figures: dict[str, float] = {}
    field: str = ""
    late_at: datetime | None = None
    at: datetime | None = None
    since: datetime | None = None
