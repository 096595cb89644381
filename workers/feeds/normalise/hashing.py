"""content_hash: 16 bytes that move only when a listing says something else."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from workers.feeds.normalise.urls import canonical
from workers.model.listing import Salary

_encode = msgspec.msgpack.Encoder().encode


def content_hash(
    *,
    title: str,
    company: str,
    locations: list[str],
    remote: str | None,
    employment_types: Sequence[str],
    salary: Salary | None,
    valid_through: datetime | None,
    url: str | None,
    substance: str,
) -> bytes:
    """Over what a reader of the listing would see; not over stamps, tags, order, tracking or markup."""
    pay = None if salary is None else (salary.min, salary.max, salary.currency, salary.unit, salary.text)
    seen = (
        title,
        company,
        sorted(locations),
        remote,
        employment_types,
        pay,
        None if valid_through is None else valid_through.isoformat(),
        None if url is None else canonical(url),
        substance,
    )
    return hashlib.blake2b(_encode(seen), digest_size=16).digest()
