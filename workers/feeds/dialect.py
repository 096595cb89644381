"""A dialect: how a family of feeds names its fields, and how its bytes are recognised. One TOML file each.

kind = "xml"                      or "json"
item = ["item"]                   XML: local names of an item; JSON: paths of the list ("." = the document)
like = "job_source"               takes over what another dialect says and this one does not, field by field
lists = "snapshot"                all that is open; "query": a slice of an index; without it "window": the newest
total = ["expectedjobcount"]      where the feed declares how many listings it holds: a name, or a JSON path
paging = { style = "page", ... }  how the next page is asked for (workers/model/paging.py)
company_from = ["name"]           JSON paths of the company's name, where the document says it once, ahead of the list
location_split = ","              between places in one text
date_order = "dmy"                of dates in numbers, where the source does not say otherwise
timezone = "America/New_York"     of dates without a zone, likewise
url_template = "/careers/{id}"    the listing's address where the feed has none; {path}, relative to the feed
skip_unless = ["id"]              items without any of these are no listings
skip = ["isListed=false"]         nor are items that meet one of these: path, !path, path=text, path!=text
salary_unless = ["predicted=1"]   items that meet one of these do not say what they pay
[detect]
roots = ["rss"]                   XML: local names of the root
prefixes = ["job_listing"]        one of them is declared at the root or used in the first item
has = ["region"]                  the first item has all of these (parts, or "@name" for attributes in XML)
says = { link = "JobCode=" }      the first item's path holds what the regular expression finds
rank = 10                         the highest that fits wins
[fields]
company = ["company/name", "company"]      see paths.py
"""

import functools
import re
import tomllib
from collections.abc import Callable, Collection
from importlib import resources
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from workers.errors import ConfigError
from workers.feeds.paths import compile_path
from workers.feeds.where import line_of
from workers.model.paging import Paging, faults
from workers.model.source import SourceKind
from workers.toml import decode

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
    """By which signs a dialect is recognised; names without regard to case."""

    roots: list[str] = []
    prefixes: list[str] = []
    has: list[str] = []
    says: dict[str, str] = {}
    rank: int = 0


class Dialect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of dialects/, read and checked."""

    kind: Literal["xml", "json"]
    item: list[str]
    fields: dict[str, str | list[str]]
    name: str = ""
    detect: Detect = Detect()
    lists: SourceKind = "window"
    total: list[str] = []
    paging: Paging = Paging()
    company_from: list[str] = []
    location_split: str = ""
    date_order: Literal["", "dmy", "mdy", "ymd"] = ""
    timezone: str = ""
    url_template: str = ""
    skip_unless: list[str] = []
    skip: list[str] = []
    salary_unless: list[str] = []


class Seen(NamedTuple):
    """What there is to recognise a document by.

    `place` is the root's local name or the JSON list's path; `names` those of the first item's parts, None where
    there is no item to tell by; `prefixes` those declared or used.
    """

    place: str
    names: Collection[str] | None
    prefixes: Collection[str]
    item: Any = None


@functools.cache
def dialects() -> dict[str, Dialect]:
    """Every dialect by name, the highest rank first. Raises ConfigError with the file and line of what is wrong."""
    folder = resources.files("workers.feeds").joinpath("dialects")
    texts = {
        file.name.removesuffix(".toml"): file.read_text("utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }
    return read_dialects(texts)


def read_dialects(texts: dict[str, str]) -> dict[str, Dialect]:
    """Dialects by name out of the texts of their files, checked, the highest rank first. Raises ConfigError."""
    tables = {name: _table(name, text) for name, text in texts.items()}
    found = [_dialect(name, tables, texts[name]) for name in texts]
    found.sort(key=lambda dialect: (-dialect.detect.rank, dialect.name))
    return {dialect.name: dialect for dialect in found}


def _table(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file_of(name), "", None, f"TOML that can be read: {error}") from error


def _dialect(name: str, tables: dict[str, dict[str, Any]], text: str) -> Dialect:
    table = tables[name]
    parent = table.get("like")
    if parent is not None:
        base = tables.get(str(parent))
        if base is None or "like" in base:
            raise ConfigError(place(name, text, "", "like"), "like", parent, "a dialect that is like no other")
        own: dict[str, Any] = {key: value for key, value in table.items() if key != "like"}
        table = {**base, **own, "fields": {**base["fields"], **own.get("fields", {})}}
        table["detect"] = {"roots": base.get("detect", {}).get("roots", []), **own.get("detect", {})}
    try:
        dialect = msgspec.convert({**table, "name": name}, Dialect, dec_hook=decode)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        section, _, key = path.rstrip("`").partition(".")
        where = place(name, text, section, key) if key else place(name, text, "", section)
        raise ConfigError(where, path.rstrip("`"), None, f"what the dialect's fields are: {reason}") from error
    _check(dialect, text)
    detect = dialect.detect
    return msgspec.structs.replace(
        dialect,
        item=_lower(dialect.item),
        total=_lower(dialect.total),
        company_from=_lower(dialect.company_from),
        detect=Detect(
            _lower(detect.roots), _lower(detect.prefixes), _lower(detect.has), dict(detect.says), detect.rank
        ),
    )


def _lower(names: list[str]) -> list[str]:
    """Names as documents are compared by."""
    return [name.lower() for name in names]


def _check(dialect: Dialect, text: str) -> None:
    for field in dialect.fields:
        if field not in FIELDS:
            raise ConfigError(place(dialect.name, text, "fields", field), field, None, "one of " + ", ".join(FIELDS))
    for key, value, expected in faults(dialect.paging):
        raise ConfigError(place(dialect.name, text, "paging", key), f"paging.{key}", value, expected)
    for path, pattern in dialect.detect.says.items():
        try:
            re.compile(pattern)
            compile_path(path, dialect.kind)
        except (re.error, ValueError) as error:
            where = place(dialect.name, text, "detect", "says")
            raise ConfigError(
                where, f"detect.says.{path}", pattern, f"a path = a regular expression: {error}"
            ) from error
    try:
        ZoneInfo(dialect.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        where = place(dialect.name, text, "", "timezone")
        raise ConfigError(where, "timezone", dialect.timezone, 'a zone name such as "Europe/Berlin"') from error


def place(name: str, text: str, table: str, key: str, value: str = "") -> str:
    """A dialect's file, and the line where a key (and a value in it) stands."""
    line = line_of(text, table, key, value)
    return file_of(name) if line is None else f"{file_of(name)}:{line}"


def file_of(name: str) -> str:
    """A dialect's file, as errors name it."""
    return f"workers/feeds/dialects/{name}.toml"


def text_of_file(name: str) -> str:
    """What a dialect's file says; "" for a dialect that has none."""
    file = resources.files("workers.feeds").joinpath("dialects").joinpath(f"{name}.toml")
    return file.read_text("utf-8") if file.is_file() else ""


def named(format_name: str, source_name: str) -> Dialect:
    """The dialect a source asks for. Raises ConfigError, naming those there are."""
    found = dialects().get(format_name)
    if found is None:
        expected = "auto or one of " + ", ".join(sorted(dialects()))
        raise ConfigError(f"source {source_name}", "format", format_name, expected)
    return found


def recognise(kind: str, seen: Seen) -> Dialect | None:
    """The highest-ranking dialect that fits what was seen, None if there is none."""
    for dialect in dialects().values():
        if dialect.kind == kind and _fits(dialect, seen):
            return dialect
    return None


def _fits(dialect: Dialect, seen: Seen) -> bool:
    detect = dialect.detect
    if seen.place not in (detect.roots if dialect.kind == "xml" else dialect.item):
        return False
    if seen.names is not None and not all(name in seen.names for name in detect.has):
        return False
    if detect.prefixes and not any(prefix in seen.prefixes for prefix in detect.prefixes):
        return False
    if not detect.says or seen.names is None:
        return True
    return seen.item is not None and all(says(seen.item) for says in _sayings(dialect.name))


@functools.cache
def _sayings(name: str) -> list[Callable[[Any], bool]]:
    dialect = dialects()[name]

    def saying(path: str, pattern: str) -> Callable[[Any], bool]:
        get, search = compile_path(path, dialect.kind), re.compile(pattern).search
        return lambda item: any(search(text[:10_000]) for text in get(item))

    return [saying(path, pattern) for path, pattern in dialect.detect.says.items()]


def custom(kind: Literal["xml", "json"], item: str) -> Dialect:
    """The dialect of a source that names its item and all its fields itself."""
    return Dialect(name=f"custom-{kind}", kind=kind, item=[item.lower()], fields={})
