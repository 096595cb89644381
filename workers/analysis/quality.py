"""How good a listing is, 0 to 100: five parts, each between 0 and 1, weighed by the settings' [quality]."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from workers.feeds.normalise.description import line_of
from workers.model import Job
from workers.model.quality import QualityWeights

FRESH_DAYS, STALE_DAYS = 7, 90
LONG_TEXT = 1500
"""Characters of a description from which on it is long enough."""

_CAPITALS_FROM, _CAPITALS_SHARE = 10, 0.7
_PHONE = re.compile(r"(?<!\d)\+?\d(?:[\s().\-/]{0,2}\d){6,}")
_SHOUTING = re.compile(r"[!?$€*]{2,}|!.*!")
_ADDRESS = re.compile(r"https?:|www\.|\S@\S+\.\S", re.IGNORECASE)
_DAY = 86_400


class Parts(NamedTuple):
    """What a score is made of; 1 is best."""

    completeness: float
    freshness: float
    salary: float
    text: float
    spam: float

    def told(self) -> str:
        """The parts in words: what a score is made of."""
        shares = zip((*self._fields[:-1], "title"), self, strict=True)
        return ", ".join(f"{name} {part:.0%}" for name, part in shares)

    def score(self, weights: QualityWeights) -> int:
        """Weigh the parts: 0 to 100."""
        heavy = [getattr(weights, name) for name in self._fields]
        return round(100 * sum(part * weight for part, weight in zip(self, heavy, strict=True)) / sum(heavy))


def parts(job: Job, at: datetime) -> Parts:
    """Judge a listing as it was at a moment.

    completeness  the share of company, place, employment type, date, address and description that are there
    freshness     1 up to FRESH_DAYS after posting, 0 from STALE_DAYS on, in between in proportion; 0 without a date
    salary        1 for figures with a currency, 0.75 without one, 0.5 for words, 0 for none
    text          the description's length, up to LONG_TEXT characters
    spam          less 0.5 for each sign in the title: capitals throughout, a telephone number, an address, !! or $$
    """
    return Parts(_completeness(job), _freshness(job, at), _salary(job), _text(job), _spam(job.title))


def parts_of(document: Mapping[str, Any]) -> Parts:
    """Judge a listing as it is stored, at the moment of its last change."""
    job = msgspec.convert(document, Job)
    if not job.posted_at_known:
        job = msgspec.structs.replace(job, posted_at=None)
    at: datetime = document["metadata"].get("last_updated") or document["posted_at"]
    return parts(job, at)


def _completeness(job: Job) -> float:
    there = (
        job.company,
        job.locations or job.applicant_locations or job.remote == "remote",
        job.employment_types,
        job.posted_at,
        job.url,
        job.description,
    )
    return sum(map(bool, there)) / len(there)


def _freshness(job: Job, at: datetime) -> float:
    if job.posted_at is None:
        return 0.0
    days = (at - job.posted_at).total_seconds() / _DAY
    return min(1.0, max(0.0, (STALE_DAYS - days) / (STALE_DAYS - FRESH_DAYS)))


def _salary(job: Job) -> float:
    pay = job.salary
    if pay is None:
        return 0.0
    if pay.min is None and pay.max is None:
        return 0.5 if pay.text else 0.0
    return 1.0 if pay.currency else 0.75


def _text(job: Job) -> float:
    return min(1.0, len(line_of(job.description)) / LONG_TEXT) if job.description else 0.0


def _spam(title: str) -> float:
    signs = (_is_capital(title), *(pattern.search(title) is not None for pattern in (_PHONE, _SHOUTING, _ADDRESS)))
    return max(0.0, 1.0 - 0.5 * sum(signs))


def _is_capital(title: str) -> bool:
    """Letters that have two cases, nearly all of them capitals; an abbreviation or two is no shouting."""
    cased = [letter for letter in title if letter.lower() != letter.upper()]
    return len(cased) >= _CAPITALS_FROM and sum(map(str.isupper, cased)) / len(cased) >= _CAPITALS_SHARE
