"""A dialect: how a family of feeds names its fields, and how its bytes are recognised. One TOML file each.

kind = "xml"                      or "json"
item = ["item"]                   XML: local names of an item; JSON: paths of the list ("." = the document)
total = ["expectedjobcount"]      where the feed declares how many listings it holds: a name, or a JSON path
location_split = ","              between places in one text
skip_unless = ["id"]              items without any of these are no listings
[detect]
roots = ["rss"]                   XML: local names of the root
prefixes = ["job_listing"]        one of them is declared at the root or used in the first item
has = ["region"]                  the first item has all of these
rank = 10                         the highest that fits wins
[fields]
company = ["company/name", "company"]      see paths.py
"""

import functools
import tomllib
from collections.abc import Collection
from importlib import resources
from typing import Literal

import msgspec

from workers.errors import ConfigError

FIELDS = (
    "id",
    "title",
    "company",
    "locations",
    "remote",
    "applicant_locations",
    "employment_types",
    "salary",
    "salary_min",
    "salary_max",
    "salary_currency",
    "salary_unit",
    "posted_at",
    "valid_through",
    "url",
    "description",
    "tags",
)


class Detect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By which signs a dialect is recognised; names in lower case."""

    roots: list[str] = []
    prefixes: list[str] = []
    has: list[str] = []
    rank: int = 0


class Dialect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of dialects/, read and checked."""

    kind: Literal["xml", "json"]
    item: list[str]
    fields: dict[str, str | list[str]]
    name: str = ""
    detect: Detect = Detect()
    total: list[str] = []
    location_split: str = ""
    skip_unless: list[str] = []

    def fits(self, place: str, names: Collection[str] | None, prefixes: Collection[str]) -> bool:
        """Whether a document may be of this dialect.

        `place` is the root's local name or the JSON list's path; `names` those of the first item's parts, None where
        there is no item to tell by.
        """
        places = self.detect.roots if self.kind == "xml" else self.item
        if place not in places:
            return False
        if names is not None and not all(name in names for name in self.detect.has):
            return False
        return not self.detect.prefixes or any(prefix in prefixes for prefix in self.detect.prefixes)


@functools.cache
def dialects() -> dict[str, Dialect]:
    """Every dialect by name, the highest rank first."""
    found: list[Dialect] = []
    for file in resources.files("workers.feeds").joinpath("dialects").iterdir():
        if file.name.endswith(".toml"):
            data = tomllib.loads(file.read_text("utf-8"))
            found.append(msgspec.convert({**data, "name": file.name.removesuffix(".toml")}, Dialect))
    found.sort(key=lambda dialect: (-dialect.detect.rank, dialect.name))
    return {dialect.name: dialect for dialect in found}


def named(format_name: str, source_name: str) -> Dialect:
    """The dialect a source asks for. Raises ConfigError, naming those there are."""
    found = dialects().get(format_name)
    if found is None:
        expected = "auto or one of " + ", ".join(sorted(dialects()))
        raise ConfigError(f"source {source_name}", "format", format_name, expected)
    return found


def recognise(kind: str, place: str, names: Collection[str] | None, prefixes: Collection[str]) -> Dialect | None:
    """The highest-ranking dialect that fits what was seen, None if there is none."""
    for dialect in dialects().values():
        if dialect.kind == kind and dialect.fits(place, names, prefixes):
            return dialect
    return None


def custom(kind: Literal["xml", "json"], item: str) -> Dialect:
    """The dialect of a source that names its item and all its fields itself."""
    return Dialect(name=f"custom-{kind}", kind=kind, item=[item.lower()], fields={})
