"""A dialect and a source's own settings, compiled: an item goes in, our fields as texts come out."""

import hashlib
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from workers.errors import ConfigError
from workers.feeds.derived import compile_url, dated
from workers.feeds.dialect import FIELDS, Dialect, place, text_of_file
from workers.feeds.element import Item, Shape
from workers.feeds.escapes import check_escape, compile_escape
from workers.feeds.expression import Kind, parse
from workers.feeds.paths import (
    Alternative,
    Getter,
    compile_alternatives,
    compile_condition,
    compile_path,
    nothing,
    split,
)
from workers.feeds.version import VERSION
from workers.feeds.where import line_of
from workers.model import Source

_LONGEST = {"description": 400_000}  # characters kept of a text; more is no listing
_LONG = 5_000
_MANY = 100  # texts kept of a field
_SHAPES, _LONG_SHAPE = 500, 200  # plans kept; objects of more keys than that have theirs made anew
_WORTH = 10  # items of a shape before its plan is compiled

_PAY = ("salary", "salary_min", "salary_max", "salary_currency", "salary_unit")
_DATES = ("posted_at", "valid_through")

T = TypeVar("T")
_Plan = list[tuple[str, int, list[Getter]]]

_encode = msgspec.msgpack.Encoder().encode


class Mapping:
    """`hash` is the mapping_hash: 16 bytes over everything that bears on how an item becomes a Job."""

    def __init__(self, dialect: Dialect, source: Source) -> None:
        """Raises ConfigError for a path that cannot be read."""
        self.dialect = dialect
        self.hash = mapping_hash(dialect, source)
        self._fields = _compiled(dialect, source)
        self._skip_unless = _each(dialect, "skip_unless", compile_path)
        self._skip = _each(dialect, "skip", compile_condition)
        self._salary_unless = _each(dialect, "salary_unless", compile_condition)
        self.company_paths = () if "company" in source.fields else dialect.company_from
        self._is_sieve = bool(self._skip_unless or self._skip)
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def is_listing(self, item: Any) -> bool:
        """False for what stands among the listings and is none, such as a legal notice."""
        if not self._is_sieve:
            return True
        if self._skip_unless and not any(getter(item) for getter in self._skip_unless):
            return False
        return not any(is_met(item) for is_met in self._skip)

    def fields(self, item: Any) -> dict[str, list[str]]:
        """Our fields, in the order of FIELDS, only those that were found."""
        plan = self._plan_of(item)
        fields: dict[str, list[str]] = {}
        for name, longest, getters in plan:
            for getter in getters:
                found = getter(item)
                if found:
                    break
            else:
                continue
            if len(found) == 1:
                text = found[0].strip()
                if text:
                    fields[name] = [text if len(text) <= longest else text[:longest]]
                continue
            texts = [text for each in found[:_MANY] if (text := each.strip()[:longest])]
            if texts:
                fields[name] = texts
        if self._salary_unless and any(is_met(item) for is_met in self._salary_unless):
            for name in _PAY:
                fields.pop(name, None)
        return fields

    def matched(self, item: Any, fields: dict[str, list[str]]) -> dict[str, str]:
        """For each field found, the path that found it, as it is written in the dialect or the source."""
        return {
            name: next((each.path for each in alternatives if each.get(item)), "")
            for name, _, alternatives in self._fields
            if name in fields
        }

    def _plan_of(self, item: Any) -> _Plan:
        """The getters that can find something in an item of these parts: a feed has few shapes."""
        if item.__class__ is Item:
            return self._plan_of_shape(item.shape)
        keys = tuple(item)
        plan = self._plans.get(keys)
        if plan is None:
            plan = self._plan(keys)
            if len(keys) <= _LONG_SHAPE:
                if len(self._plans) >= _SHAPES:
                    self._plans.clear()
                self._plans[keys] = plan
        return plan

    def _plan_of_shape(self, shape: Shape) -> _Plan:
        """To compile for a shape costs as much as to map ten items: one that comes again is worth it."""
        if shape.mapping is not self:
            shape.mapping, shape.met = self, 0
            shape.plan = self._plan({*shape.exact, *shape.loose})
        shape.met += 1
        if shape.met == _WORTH:
            bound = ((name, longest, [each.bind(shape) for each in able]) for name, longest, able in self._fields)
            found = ((name, longest, [each for each in able if each is not nothing]) for name, longest, able in bound)
            shape.plan = [each for each in found if each[2]]
        return shape.plan

    def _plan(self, names: Collection[str]) -> _Plan:
        plan: _Plan = []
        for name, longest, alternatives in self._fields:
            getters = [each.get for each in alternatives if each.heads is None or not each.heads.isdisjoint(names)]
            if getters:
                plan.append((name, longest, getters))
        return plan

    def raw_hash(self, fields: dict[str, list[str]]) -> bytes:
        """16 bytes over the fields (always in the order of FIELDS) and the mapping."""
        return hashlib.blake2b(self.hash + _encode(fields), digest_size=16).digest()


def mapping_hash(dialect: Dialect, source: Source) -> bytes:
    """16 bytes over the dialect, the settings that bear on mapping and normalising, and the normaliser's version."""
    settings = (
        source.fields,
        source.item,
        source.company,
        source.timezone,
        source.date_order,
        source.remote,
        source.location_split,
        source.url_template,
        # Not what a listing says, but which there are: a feed that is the same is read anew under another paging.
        repr((dialect.paging, source.paging)),
    )
    # How it is paged and the kind it proposes for a source change no Job.
    said = {name: value for name, value in msgspec.structs.asdict(dialect).items() if name not in ("paging", "lists")}
    canonical = msgspec.json.encode([VERSION, said, settings], order="deterministic")
    return hashlib.blake2b(canonical, digest_size=16).digest()


def check_fields(source: Source, kind: Kind | None = None, *, file: str = "", text: str = "") -> None:
    """Raises ConfigError for a field of the source that could be read in no document (of a kind), before any is there.

    With the source's `file` and its `text` the error names the line.
    """
    for name, paths in source.fields.items():
        if name not in FIELDS:
            where = _where(source, name, "", file, text)
            raise ConfigError(where, f"fields.{name}", None, "one of " + ", ".join(FIELDS))
        for path in [paths] if isinstance(paths, str) else paths:
            try:
                if not (check_escape(path) if kind is None else compile_escape(path, kind)):
                    parse(path, kind or "xml")
            except ValueError as error:
                raise _unreadable(_where(source, name, path, file, text), name, path, error) from error


def _unreadable(where: str, name: str, path: str, error: ValueError) -> ConfigError:
    return ConfigError(where, f"fields.{name}", path, f"a path such as company/name: {error}")


def _where(source: Source, name: str, path: str, file: str = "", text: str = "") -> str:
    line = line_of(text, "fields", name, path) if text else None
    found = file or (f"source {source.name}" if source.name else "the source")
    return found if line is None else f"{found}:{line}"


def _compiled(dialect: Dialect, source: Source) -> list[tuple[str, int, list[Alternative]]]:
    separator = dialect.location_split if source.location_split is None else source.location_split
    compiled: list[tuple[str, int, list[Alternative]]] = []
    for name in FIELDS:
        alternatives = _alternatives(name, dialect, source)
        if separator and name in ("locations", "applicant_locations"):
            alternatives = [each.then(partial(split, separator=separator)) for each in alternatives]
        if name in _DATES:
            alternatives = _in_dialects_time(alternatives, dialect, source)
        compiled.append((name, _LONGEST.get(name, _LONG), alternatives))
    return compiled


def _alternatives(name: str, dialect: Dialect, source: Source) -> list[Alternative]:
    is_own = name in source.fields
    paths = source.fields[name] if is_own else dialect.fields.get(name, [])
    alternatives: list[Alternative] = []
    for path in [paths] if isinstance(paths, str) else paths:
        try:
            alternatives += compile_alternatives(path, dialect.kind)
        except ValueError as error:
            where = _where(source, name, path) if is_own else _place(dialect, "fields", name, path)
            raise _unreadable(where, name, path, error) from error
    if name == "url" and dialect.url_template and not is_own and not source.url_template:
        try:
            alternatives.append(compile_url(dialect.url_template, dialect.kind))
        except ValueError as error:
            where = _place(dialect, "", "url_template", dialect.url_template)
            raise ConfigError(where, "url_template", dialect.url_template, f"paths in braces: {error}") from error
    return alternatives


def _in_dialects_time(alternatives: list[Alternative], dialect: Dialect, source: Source) -> list[Alternative]:
    """Dates by the dialect's order and zone; the source's own settings come first."""
    order = "" if source.date_order else dialect.date_order
    zone = dialect.timezone if source.timezone == "UTC" else ""
    if not order and not zone:
        return alternatives
    order, known = order or source.date_order, ZoneInfo(zone or source.timezone)
    return [each.then(partial(dated, zone=known, order=order)) for each in alternatives]


def _each(dialect: Dialect, key: str, compile_one: Callable[[str, Any], T]) -> list[T]:
    compiled: list[T] = []
    for text in getattr(dialect, key):
        try:
            compiled.append(compile_one(text, dialect.kind))
        except ValueError as error:
            raise ConfigError(_place(dialect, "", key, text), key, text, f"a path or condition: {error}") from error
    return compiled


def _place(dialect: Dialect, table: str, key: str, value: str) -> str:
    return place(dialect.name, text_of_file(dialect.name), table, key, value)
