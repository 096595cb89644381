"""A dialect and a source's own settings, compiled: an item goes in, our fields as texts come out."""

import hashlib
from typing import Any

import msgspec

from workers.errors import ConfigError
from workers.feeds.dialect import FIELDS, Dialect
from workers.feeds.expression import parse
from workers.feeds.paths import Getter, compile_path, first_of, split
from workers.feeds.version import VERSION
from workers.model import Source

_LONGEST = {"description": 400_000}  # characters kept of a text; more is no listing
_LONG = 5_000
_MANY = 100  # texts kept of a field

_encode = msgspec.msgpack.Encoder().encode


class Mapping:
    """`hash` is the mapping_hash: 16 bytes over everything that bears on how an item becomes a Job."""

    def __init__(self, dialect: Dialect, source: Source) -> None:
        self.dialect = dialect
        self.hash = mapping_hash(dialect, source)
        self._getters = _getters(dialect, source)
        self._skip_unless = [compile_path(path, dialect.kind) for path in dialect.skip_unless]

    def is_listing(self, item: Any) -> bool:
        """False for what stands among the listings and is none, such as a legal notice."""
        return not self._skip_unless or any(getter(item) for getter in self._skip_unless)

    def fields(self, item: Any) -> dict[str, list[str]]:
        """Our fields, in the order of FIELDS, only those that were found."""
        fields: dict[str, list[str]] = {}
        for name, longest, getter in self._getters:
            found = getter(item)
            if found:
                if len(found) == 1:
                    text = found[0].strip()
                    if text:
                        fields[name] = [text if len(text) <= longest else text[:longest]]
                    continue
                texts = [text for each in found[:_MANY] if (text := each.strip()[:longest])]
                if texts:
                    fields[name] = texts
        return fields

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
    """Raises ConfigError for a field of the source that neither XML nor JSON could be read by."""
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


def _getters(dialect: Dialect, source: Source) -> list[tuple[str, int, Getter]]:
    separator = dialect.location_split if source.location_split is None else source.location_split
    getters: list[tuple[str, int, Getter]] = []
    for name in FIELDS:
        paths = source.fields.get(name, dialect.fields.get(name, []))
        if not paths:
            continue
        getter = _alternatives(name, [paths] if isinstance(paths, str) else paths, dialect, source)
        if separator and name in ("locations", "applicant_locations"):
            getter = split(getter, separator)
        getters.append((name, _LONGEST.get(name, _LONG), getter))
    return getters


def _alternatives(name: str, paths: list[str], dialect: Dialect, source: Source) -> Getter:
    getters: list[Getter] = []
    for path in paths:
        try:
            getters.append(compile_path(path, dialect.kind))
        except ValueError as error:
            raise _unreadable(source, name, path, error) from error
    return getters[0] if len(getters) == 1 else first_of(getters)


def _place(source: Source) -> str:
    return f"source {source.name}" if source.name else "the source"
