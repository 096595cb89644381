"""What an address holds before it becomes a source, or still holds: read, measured field by field, nothing written.

The logic behind `jobimport sources add` and `sources test`, and behind whoever else asks; knows no terminal.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing

import msgspec

from workers.feeds.dialect import FIELDS
from workers.model import Job, RawItem, Reject, Source
from workers.preview import Preview
from workers.settings import FetchSettings

LISTINGS_SHOWN = 10
ITEMS_READ = 1_000
NEEDED = ("id", "title", "company", "locations", "posted_at", "url", "description")
"""Fields that a feed of job listings is expected to have; the others are extras."""

FROM_SETTINGS = ("company", "remote", "url")
"""Fields that the source's own settings fill where the feed does not."""

FALLEN = 0.3
"""A field that so much smaller a share of the listings has than in the last run has drifted."""

PAY = ("salary", "salary_min", "salary_max", "salary_currency", "salary_unit")
"""What bears on pay, and is told as one field."""


class FieldFill(msgspec.Struct, frozen=True, kw_only=True):
    """How one field fares: the shares of the items that have it, and of those whose listing has it in the end.

    `unread` is the first text that could not be read, as it stands in the feed. `paths` are those of the mapping that
    found it, each with the number of items; pay has those of all its parts.
    """

    name: str
    filled: float
    read: float
    unread: str = ""
    paths: dict[str, int] = {}


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed gave. Shares are of the `read` items, repeats included, as a run's fill_rate is.

    `jobs` are the first listings, `rejects` the first rejects. `broken` is why the feed could not be read to its
    end, "" if it could; `degraded` is why what was read to its end is still not the whole; `is_whole` is False too
    where reading stopped at the limit. `pages` is how many were asked for.
    """

    dialect: str
    pages: int
    read: int
    listings: int
    rejected: dict[str, int]
    duplicates: int
    declared_total: int | None
    is_whole: bool
    broken: str
    degraded: str
    jobs: list[Job]
    rejects: list[Reject]
    fields: list[FieldFill]
    fill_rate: dict[str, float]

    @property
    def missing(self) -> list[str]:
        """Fields that are expected of a feed, and that no item has or that can be read in none."""
        return [each.name for each in self.fields if each.name in NEEDED and not each.read]


async def probe(source: Source, settings: FetchSettings, *, limit: int = ITEMS_READ) -> Findings:
    """Read at most `limit` items of a source's feed. Raises what fetching and reading raise where nothing came."""
    preview = Preview(source, settings)
    tally = _Tally()
    async with aclosing(preview.items(limit)) as items:
        async for found in items:
            tally.take(found, preview.item)
    return Findings(
        dialect=preview.dialect,
        pages=preview.pages,
        read=preview.read,
        listings=tally.listings,
        rejected=dict(tally.reasons),
        duplicates=preview.duplicates,
        declared_total=preview.declared_total,
        is_whole=preview.is_whole,
        broken=str(preview.broken) if preview.broken else "",
        degraded=preview.degraded,
        jobs=tally.jobs,
        rejects=tally.rejects,
        fields=tally.fields(preview.found_at()),
        fill_rate=preview.fill_rate,
    )


class _Tally:
    """Counts of what came by."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.rejects: list[Reject] = []
        self.reasons: Counter[str] = Counter()
        self.listings = 0
        self._filled: Counter[str] = Counter()
        self._read: Counter[str] = Counter()
        self._unread: dict[str, str] = {}

    def take(self, found: Job | Reject, raw: RawItem | None) -> None:
        if isinstance(found, Reject):
            self.reasons[found.reason] += 1
            self.rejects += [found] if len(self.rejects) < LISTINGS_SHOWN else []
        else:
            self.listings += 1
            self.jobs += [found] if len(self.jobs) < LISTINGS_SHOWN else []
        stated = _stated(raw.fields if raw else {})
        for name in FROM_SETTINGS:
            if name not in stated and isinstance(found, Job) and getattr(found, name):
                self._read[name] += 1
        for name, texts in stated.items():
            self._filled[name] += 1
            if isinstance(found, Reject):
                continue
            if _is_read(found, name):
                self._read[name] += 1
            else:
                self._unread.setdefault(name, texts[0])

    def fields(self, found_at: Mapping[str, dict[str, int]]) -> list[FieldFill]:
        """Every field, in the order of FIELDS, pay as one; `found_at` tells the paths of each."""
        count = self.listings + sum(self.reasons.values())
        names = [name for name in FIELDS if name == "salary" or name not in PAY]
        return [
            FieldFill(
                name=name,
                filled=round(self._filled[name] / count, 4) if count else 0.0,
                read=round(self._read[name] / count, 4) if count else 0.0,
                unread=self._unread.get(name, ""),
                paths={
                    path: n
                    for part in (PAY if name == "salary" else (name,))
                    for path, n in found_at.get(part, {}).items()
                },
            )
            for name in names
        ]


def _stated(fields: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The fields that an item has, with all that bears on pay as one."""
    stated = {name: texts for name, texts in fields.items() if name not in PAY}
    pay = [text for name in PAY for text in fields.get(name, [])]
    return {**stated, "salary": pay} if pay else stated


def _is_read(job: Job, name: str) -> bool:
    """Whether what the feed says of a field came through."""
    if name == "id":
        return bool(job.external_id)
    if name == "salary":
        return job.salary is not None and (job.salary.min is not None or job.salary.max is not None)
    return bool(getattr(job, name))


def problems(found: Findings, before: Mapping[str, float]) -> list[str]:
    """What is wrong with a feed, a sentence each; `before` is the fill_rate of the source's last run, {} for none."""
    said: list[str] = []
    if found.broken:
        said.append(f"the feed breaks after item {found.read}: {found.broken}")
    if not found.read:
        said.append("the feed holds no listing")
    elif not found.listings:
        reasons = ", ".join(found.rejected)
        said.append(f"none of its {found.read:,} items can be imported: {reasons}")
    if found.degraded:
        said.append(found.degraded)
    if found.read:
        said += [
            f"{name} is filled in {found.fill_rate.get(name, 0.0):.0%} of the items, in the last run in {share:.0%}"
            for name, share in before.items()
            if share - found.fill_rate.get(name, 0.0) >= FALLEN
        ]
    return said
