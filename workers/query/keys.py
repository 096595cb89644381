"""What each key takes, and how that is said to who got it wrong."""

from typing import get_args

from workers.feeds.terms import ANYWHERE
from workers.model.listing import EmploymentType
from workers.query.model import AmountKey, RunKey, Sort, TimeKey

TEXTS = ("title", "company", "location")
TAGS = {"": ANYWHERE, "title": ("",), "company": ("c:",), "location": ("l:",)}
"""With which tags (feeds.terms) the words of a text are kept that is asked for by a key, or by none."""

AMOUNTS: tuple[AmountKey, ...] = ("salary", "quality")
TIMES: tuple[TimeKey, ...] = ("posted", "seen", "new")
RUNS: tuple[RunKey, ...] = ("new", "changed", "closed")
SORTS: tuple[Sort, ...] = ("posted", "salary")

REMOTE = {"true": "remote", "hybrid": "hybrid", "onsite": "onsite"}
STATUS = {"open": "open", "closed": "closed"}
COPIES = {"hide": "hide", "only": "only"}
TYPES = {kind.lower(): kind for kind in get_args(EmploymentType)} | {"contract": "CONTRACTOR"}
FACETS: dict[str, dict[str, str]] = {
    "source": {},
    "status": STATUS,
    "remote": REMOTE,
    "type": TYPES,
    "copies": COPIES,
}
"""Words for the values that are stored; a source's name is its own word."""

ALSO = {
    "remote": {"yes": "remote", "remote": "remote", "false": "onsite", "no": "onsite"},
    "type": {"full": "FULL_TIME", "part": "PART_TIME", "internship": "INTERN", "temp": "TEMPORARY"},
}
"""Words that are understood, and never written."""

EXPECTED = {
    "title": 'a word, or "a phrase"',
    "company": 'a word, or "a phrase"',
    "location": 'a word, or "a phrase"',
    "text": 'a whole word or "a phrase" of the description, without - or *',
    "source": "a source's name",
    "status": "open or closed",
    "remote": "true, hybrid or onsite",
    "type": "full_time, part_time, contract, temporary, intern, volunteer, per_diem or other",
    "salary": "a year's pay: >80000, <=60k or 50000..80000",
    "quality": "a number from 0 to 100: <50, >=80 or 40..60",
    "posted": "an age, days or a moment: <7d, 2026-10-01, 2026-10-01..2026-10-31 or >=2026-10-01T12:00Z",
    "seen": "an age or days: <1d, >7d, 2026-10-01 or 2026-10-01..2026-10-31",
    "new": "an age, days, or a run: <1d, 2026-10-01 or run:12",
    "changed": "a run: run:12",
    "closed": "a run: run:12",
    "copies": "hide or only",
    "id": "SOURCE:EXTERNAL_ID, or its beginning and *",
    "sort": "posted or salary",
}
"""Every key, in the order in which help lists them."""

ALIASES = {"state": "status", "place": "location", "in": "location", "pay": "salary"}
