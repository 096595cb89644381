"""config/sources/*.toml <-> Source. One file a source; the file's name is the source's name."""

import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import tomli_w
from croniter import croniter

from workers.errors import ConfigError, UnknownSource
from workers.model.source import NAME_PATTERN, Seconds, Size, Source
from workers.settings import convert, read_toml


def load_all(folder: Path) -> dict[str, Source]:
    """Read every source of a folder, by name. A folder that does not exist holds none.

    Raises ConfigError for the first file that cannot be used; see `load_each` to go on past it.
    """
    return {source.name: source for source in (load_file(file) for file in _files(folder))}


def load_each(folder: Path) -> tuple[dict[str, Source], list[ConfigError]]:
    """Read what can be read, and say what cannot: one broken file must not stop the others' imports."""
    sources: dict[str, Source] = {}
    errors: list[ConfigError] = []
    for file in _files(folder):
        try:
            source = load_file(file)
        except ConfigError as error:
            errors.append(error)
        else:
            sources[source.name] = source
    return sources, errors


def load_one(folder: Path, name: str) -> Source:
    """Read one source by name; UnknownSource says which names there are."""
    file = folder / f"{name}.toml"
    if not re.match(NAME_PATTERN, name) or not file.is_file():
        names = ", ".join(file.stem for file in _files(folder)) or "none"
        raise UnknownSource(f"no source {name!r} in {folder}: it has {names}")
    return load_file(file)


def load_file(file: Path) -> Source:
    """Read and check one source file."""
    if not re.match(NAME_PATTERN, file.stem):
        raise ConfigError(str(file), "", None, "a file name of 1 to 64 characters a-z, 0-9 and -")
    data = read_toml(file)
    if "name" in data:
        raise ConfigError(
            str(file), "name", data["name"], "no such key: the file's name is the source's name"
        )
    source = convert({**data, "name": file.stem}, Source, str(file))
    _check(source, str(file))
    return source


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml")) if folder.is_dir() else []


def _check(source: Source, where: str) -> None:
    """Hold what types cannot say."""
    parts = urlsplit(source.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(where, "url", source.url, "an http:// or https:// URL")
    if source.schedule and not croniter.is_valid(source.schedule):
        raise ConfigError(where, "schedule", source.schedule, 'five cron fields such as "0 * * * *", or ""')
    try:
        ZoneInfo(source.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            where, "timezone", source.timezone, 'a zone name such as "Europe/Berlin"'
        ) from error
    if source.rate and not re.fullmatch(r"\d+/(s|m|h|d)", source.rate):
        raise ConfigError(where, "rate", source.rate, 'a number a unit of time, such as "10/m"')
    if source.url_template and "{id}" not in source.url_template:
        raise ConfigError(where, "url_template", source.url_template, "a URL with {id} in it")


def save(folder: Path, source: Source) -> Path:
    """Write one source file, atomically: a reader sees the old file or the new one."""
    if not re.match(NAME_PATTERN, source.name):
        raise ConfigError("source", "name", source.name, "1 to 64 characters a-z, 0-9 and -")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{source.name}.toml"
    _check(source, str(file))
    text = tomli_w.dumps(_plain(source))
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=".", delete=False) as draft:
        draft.write(text)
        draft.flush()
        os.fsync(draft.fileno())
    Path(draft.name).chmod(0o644)
    Path(draft.name).replace(file)
    return file


def _plain(source: Source) -> dict[str, Any]:
    """What differs from the defaults, in the order of the fields, tables last."""
    plain: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    for field in msgspec.structs.fields(Source):
        value = getattr(source, field.name)
        default = None if field.default is msgspec.NODEFAULT else field.default
        if field.name == "name" or value == default or value in (None, {}):
            continue
        if isinstance(value, (Seconds, Size)):
            value = _shortest(value)
        (tables if isinstance(value, dict) else plain)[field.name] = value
    return {**plain, **tables}


def _shortest(value: Seconds | Size) -> str | int | float:
    if isinstance(value, Size):
        return int(value)
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if value >= seconds and value % seconds == 0:
            return f"{int(value // seconds)}{unit}"
    return float(value)


def next_due(source: Source, default_schedule: str, after: datetime) -> datetime | None:
    """First slot of the source's schedule after a moment, in UTC; None if it never runs by itself."""
    schedule = default_schedule if source.schedule is None else source.schedule
    if not schedule or not source.enabled:
        return None
    local = after.astimezone(ZoneInfo(source.timezone))
    return croniter(schedule, local).get_next(datetime).astimezone(UTC)


def last_due(source: Source, default_schedule: str, now: datetime) -> datetime | None:
    """Newest slot of the source's schedule at or before a moment, in UTC; None if it never runs by itself."""
    schedule = default_schedule if source.schedule is None else source.schedule
    if not schedule or not source.enabled:
        return None
    local = now.astimezone(ZoneInfo(source.timezone))
    # get_prev is strict: one second later makes a slot that is due now count.
    return (
        croniter(schedule, local.replace(microsecond=0)).get_prev(datetime).astimezone(UTC)
        if (not croniter.match(schedule, local.replace(second=0, microsecond=0)))
        else local.replace(second=0, microsecond=0).astimezone(UTC)
    )
