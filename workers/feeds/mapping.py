"""A dialect and a source's own settings, compiled: an item goes in, our fields as texts come out."""

import hashlib
from typing import Any

import msgspec

from workers.errors import ConfigError
from workers.feeds.dialect import FIELDS, Dialect
from workers.feeds.element import Item
from workers.feeds.expression import parse
from workers.feeds.paths import Alternative, Getter, compile_alternatives, compile_path, split
from workers.feeds.version import VERSION
from workers.model import Source

_LONGEST = {"description": 400_000}  # characters kept of a text; more is no listing
_LONG = 5_000
_MANY = 100  # texts kept of a field
_SHAPES = 500  # plans kept

_Plan = list[tuple[str, int, list[Getter]]]

_encode = msgspec.msgpack.Encoder().encode


class Mapping:
    """`hash` is the mapping_hash: 16 bytes over everything that bears on how an item becomes a Job."""

    def __init__(self, dialect: Dialect, source: Source) -> None:
        """Raises ConfigError for a path that cannot be read."""
        self.dialect = dialect
        self.hash = mapping_hash(dialect, source)
        self._fields = _compiled(dialect, source)
        self._skip_unless = [compile_path(path, dialect.kind) for path in dialect.skip_unless]
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def is_listing(self, item: Any) -> bool:
        """False for what stands among the listings and is none, such as a legal notice."""
        return not self._skip_unless or any(getter(item) for getter in self._skip_unless)

    def fields(self, item: Any) -> dict[str, list[str]]:
        """Our fields, in the order of FIELDS, only those that were found."""
        shape = item.shape() if item.__class__ is Item else tuple(item)
        plan = self._plans.get(shape) or self._plan(shape)
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
        return fields

    def _plan(self, shape: tuple[str, ...]) -> _Plan:
        """The getters that can find something in an item of these parts: a feed has few shapes."""
        plan: _Plan = []
        for name, longest, alternatives in self._fields:
            getters = [each.get for each in alternatives if each.heads is None or not each.heads.isdisjoint(shape)]
            if getters:
                plan.append((name, longest, getters))
        if len(self._plans) >= _SHAPES:
            self._plans.clear()
        self._plans[shape] = plan
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
    )
    canonical = msgspec.json.encode([VERSION, dialect, settings], order="deterministic")
    return hashlib.blake2b(canonical, digest_size=16).digest()


def check_fields(source: Source) -> None:
    """Raises ConfigError for a field of the source that could be read in no document, before any is there."""
    for name, paths in source.fields.items():
        if name not in FIELDS:
            raise ConfigError(_place(source), f"fields.{name}", None, "one of " + ", ".join(FIELDS))
        for path in [paths] if isinstance(paths, str) else paths:
            try:
                parse(path, "xml")
            except ValueError as error:
                raise _unreadable(source, name, path, error) from error


def _unreadable(source: Source, name: str, path: str, error: ValueError) -> ConfigError:
    return ConfigError(_place(source), f"fields.{name}", path, f"a path such as company/name: {error}")


def _compiled(dialect: Dialect, source: Source) -> list[tuple[str, int, list[Alternative]]]:
    separator = dialect.location_split if source.location_split is None else source.location_split
    compiled: list[tuple[str, int, list[Alternative]]] = []
    for name in FIELDS:
        paths = source.fields.get(name, dialect.fields.get(name, []))
        alternatives: list[Alternative] = []
        for path in [paths] if isinstance(paths, str) else paths:
            try:
                alternatives += compile_alternatives(path, dialect.kind)
            except ValueError as error:
                raise _unreadable(source, name, path, error) from error
        if separator and name in ("locations", "applicant_locations"):
            alternatives = [Alternative(split(each.get, separator), each.heads) for each in alternatives]
        compiled.append((name, _LONGEST.get(name, _LONG), alternatives))
    return compiled


def _place(source: Source) -> str:
    return f"source {source.name}" if source.name else "the source"
