"""A listing on its way: RawItem as the feed has it, Job as we keep it, Reject with the reason why not.

Names follow schema.org JobPosting in snake_case where it has one.
"""

from datetime import datetime
from typing import Literal

import msgspec

EmploymentType = Literal[
    "FULL_TIME", "PART_TIME", "CONTRACTOR", "TEMPORARY", "INTERN", "VOLUNTEER", "PER_DIEM", "OTHER"
]
Remote = Literal["onsite", "hybrid", "remote"]
SalaryUnit = Literal["HOUR", "DAY", "WEEK", "MONTH", "YEAR"]


class RawItem(msgspec.Struct, frozen=True, array_like=True):
    """One item of a feed, split and mapped but not yet normalised.

    `fields` maps our field names to the strings that the mapping found, in order, never empty lists.
    `external_id` is "" where the item has no usable identity. `raw_hash` is blake2b-16 over the fields and
    the mapping_hash. `original` is the item as the feed has it, kept only where it looks like a reject
    (feeds.original), b"" elsewhere.
    """

    external_id: str
    position: int
    fields: dict[str, list[str]]
    raw_hash: bytes
    original: bytes = b""


class Salary(msgspec.Struct, frozen=True):
    """Pay as the feed states it; never converted between units."""

    min: float | None = None
    max: float | None = None
    currency: str | None = None
    unit: SalaryUnit | None = None
    text: str = ""


class JobMetadata(msgspec.Struct, frozen=True):
    """Where a listing came from and when it moved. Times are UTC."""

    source: str
    source_url: str
    attribution: str = ""
    first_seen: datetime | None = None
    last_updated: datetime | None = None
    closed_at: datetime | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A normalised listing: a `jobs` document but for its stamps (first_run, changed_run, closed_run).

    `posted_at` is None only before it is stored: the store puts first_seen in its place and says so in
    `posted_at_known`. `description` is nh3-cleaned HTML. `pay` is a year's, for comparing; `salary` is what was said.
    `quality` is 0 to 100, or None before it is scored.
    `copy_key` names the listings that may be copies of this one (analysis.copies).
    """

    source: str
    external_id: str
    title: str
    company: str
    locations: list[str] = []
    remote: Remote | None = None
    applicant_locations: list[str] = []
    employment_types: list[EmploymentType] = []
    salary: Salary | None = None
    posted_at: datetime | None = None
    posted_at_known: bool = False
    valid_through: datetime | None = None
    url: str | None = None
    description: str = ""
    tags: list[str] = []
    search_terms: list[str] = []
    pay: int | None = None
    quality: int | None = None
    copy_key: str = ""
    raw_hash: bytes = b""
    content_hash: bytes = b""
    hash_version: int = 1
    schema_version: int = 1
    metadata: JobMetadata


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """A listing that could not be imported: which field, what it held, and why that will not do.

    `original` is the item's, from which it can be tried again; b"" where that was not kept.
    """

    external_id: str
    position: int
    reason: str
    field: str
    value: str
    raw: dict[str, list[str]] = {}
    original: bytes = b""
