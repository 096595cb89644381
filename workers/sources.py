"""config/sources/*.toml <-> Source. One file a source; the file's name is the source's name."""

import difflib
import os
import re
import tomllib
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import tomli_w

from workers.errors import ConfigError, UnknownSource
from workers.model.paging import Paging, faults
from workers.model.source import NAME_PATTERN, Seconds, Size, Source
from workers.schedule import SCHEDULE_EXPECTED, is_schedule, slot_after, slot_until
from workers.toml import convert, is_secret_name, mask, read_toml

NAMES_SHOWN = 12

SECRET_HEADER = re.compile(r"(?i)authoriz|auth(?!or)|cookie|credential|token|secret|passw|(?:^|-)key$|api-?key")


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
    return load_file(find(folder, name))


def find(folder: Path, name: str) -> Path:
    """The file of a source, which need not be readable; UnknownSource says which names there are."""
    file = folder / f"{name}.toml"
    if not is_name(name) or not file.is_file():
        raise UnknownSource(f"no source {name!r} in {folder}: {_hint(folder, name)}")
    return file


def _hint(folder: Path, name: str) -> str:
    """The names nearest to one that does not exist; all where they are few."""
    names = [file.stem for file in _files(folder)]
    near = difflib.get_close_matches(name, names, n=3) if len(names) > NAMES_SHOWN else names
    if near:
        return f"it has {', '.join(near)}"
    return f"it has {len(names)} others" if names else "it has none"


def is_name(text: str) -> bool:
    """Whether a text can name a source."""
    return re.fullmatch(NAME_PATTERN, text) is not None and not text.endswith("\n")


def load_file(file: Path) -> Source:
    """Read and check one source file."""
    if not is_name(file.stem):
        raise ConfigError(str(file), "", None, "a file name of 1 to 64 characters a-z, 0-9 and -")
    source = _source(read_toml(file), file.stem, str(file))
    try:
        check_reading(source)
    except ConfigError:
        check_reading(source, str(file), file.read_text("utf-8-sig"))  # once more, for the line
        raise
    return source


def _source(data: dict[str, Any], name: str, where: str) -> Source:
    if "name" in data:
        expected = "no such key: the file's name is the source's name"
        raise ConfigError(where, "name", data["name"], expected)
    source = convert({**data, "name": name}, Source, where)
    check(source, where)
    return source


def check_reading(source: Source, file: str = "", text: str = "") -> None:
    """Raise ConfigError for a format or a field that no feed could be read by; it names the line of the file's text."""
    if source.format == "auto" and not source.fields:
        return
    # What reads feeds is loaded only where a source asks for it by name.
    from workers.feeds.dialect import named
    from workers.feeds.mapping import check_fields
    from workers.feeds.where import line_of

    kind = None
    if source.format != "auto":
        try:
            kind = named(source.format, source.name).kind
        except ConfigError as error:
            line = line_of(text, "", "format") if text else None
            where = (file or error.where) if line is None else f"{file}:{line}"
            raise ConfigError(where, error.key, error.value, error.expected) from error
    check_fields(source, kind, file=file, text=text)


def _files(folder: Path) -> list[Path]:
    """The source files of a folder; what editors leave beside them begins with a dot."""
    files = folder.glob("*.toml") if folder.is_dir() else []
    return sorted(file for file in files if not file.name.startswith("."))


def check(source: Source, where: str) -> None:
    """Hold what types cannot say. Raises ConfigError."""
    _check_url(source.url, where)
    if source.schedule is not None and not is_schedule(source.schedule):
        raise ConfigError(where, "schedule", source.schedule, SCHEDULE_EXPECTED)
    try:
        ZoneInfo(source.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        expected = 'a zone name such as "Europe/Berlin"'
        raise ConfigError(where, "timezone", source.timezone, expected) from error
    if source.rate and not re.fullmatch(r"[1-9][0-9]{0,8}/[smhd]", source.rate):
        raise ConfigError(where, "rate", source.rate, 'a number a unit of time, such as "10/m"')
    if source.url_template and "{id}" not in source.url_template:
        raise ConfigError(where, "url_template", source.url_template, "a URL with {id} in it")
    if source.max_bytes is not None and not source.max_bytes:
        raise ConfigError(where, "max_bytes", 0, "more than 0")
    _check_secrets(source, where)
    for key, value, expected in faults(source.paging):
        raise ConfigError(where, f"paging.{key}", value, expected)
    if source.paging.enough and source.kind == "snapshot":
        expected = 'kind = "window" or "query" beside it: a snapshot is read whole'
        raise ConfigError(where, "paging.enough", source.paging.enough, expected)


def _check_secrets(source: Source, where: str) -> None:
    told = [(f"headers.{name}", value) for name, value in source.headers.items() if SECRET_HEADER.search(name)]
    told += [(f"query.{name}", value) for name, value in source.query.items() if is_secret_name(name)]
    told += [("basic.password", source.basic.get("password", ""))]
    for key, value in told:
        if value and not value.startswith(("env:", "file:")):
            expected = 'a reference, "env:NAME" or "file:PATH": a source file holds no secrets'
            raise ConfigError(where, key, None, expected)
    if source.basic and not source.basic.get("user"):
        raise ConfigError(where, "basic.user", None, "the user beside the password, or a reference to it")


def _check_url(url: str, where: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # "http://[::1" or a port that is no number
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ConfigError(where, "url", mask(url), "an http:// or https:// URL")


def save(folder: Path, source: Source) -> Path:
    """Write one source file, atomically: a reader sees the old file or the new one."""
    if not is_name(source.name):
        raise ConfigError("source", "name", source.name, "1 to 64 characters a-z, 0-9 and -")
    file = folder / f"{source.name}.toml"
    check(source, str(file))
    check_reading(source, str(file))
    text = tomli_w.dumps(plain(source))
    write_whole(file, text)
    return file


def create(folder: Path, source: Source) -> Path:
    """Write a new source's file, whole or not at all. Raises ConfigError where the name is taken."""
    refuse_taken(folder, source.name)
    file = folder / f"{source.name}.toml"
    check(source, str(file))
    check_reading(source, str(file))
    write_whole(file, tomli_w.dumps(plain(source)), new=True)
    return file


def taken_names(folder: Path) -> set[str]:
    """Names that have a file, be it broken."""
    return {file.stem for file in folder.glob("*.toml")}


def refuse_taken(folder: Path, name: str) -> None:
    """Raise ConfigError for a name that no new source can have."""
    if not is_name(name):
        raise ConfigError("source", "name", name, "1 to 64 characters a-z, 0-9 and -")
    file = folder / f"{name}.toml"
    if file.exists() or file.is_symlink():
        raise _taken(file)


def _taken(file: Path) -> ConfigError:
    return ConfigError("source", "name", file.stem, f"a name that is free: {file} exists")


def check_text(folder: Path, name: str, text: str) -> Source:
    """Read a text as a source's file would be read. Raises ConfigError that names the file it is meant for."""
    where = str(folder / f"{name}.toml")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(where, "", None, f"TOML, but {error}") from error
    source = _source(data, name, where)
    check_reading(source, where, text)
    return source


def write_whole(file: Path, text: str, *, new: bool = False) -> None:
    """Replace a file by a new text, written and synced beside it first: no crash leaves half of it.

    Raises ConfigError where it cannot be written, or where it is to be `new` and is there.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
        with draft.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        draft.chmod(mode)
        if new:
            _name_anew(draft, file)
        else:
            draft.replace(file)
    except FileExistsError as error:
        raise _taken(file) from error
    except OSError as error:
        raise ConfigError(str(file), "", None, f"a file that can be written ({error.strerror})") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _name_anew(draft: Path, file: Path) -> None:
    """Give a draft its name; FileExistsError where that is taken, also by another who came first."""
    try:
        os.link(draft, file)  # unlike a rename it refuses to replace
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with file.open("x", encoding="utf-8"):
            draft.replace(file)


def remove(folder: Path, name: str) -> Path:
    """Delete a source's file; UnknownSource where there is none."""
    file = find(folder, name)
    file.unlink()
    return file


def plain(source: Source) -> dict[str, Any]:
    """What differs from the defaults, in the order of the fields, tables last."""
    values: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    for field in msgspec.structs.fields(Source):
        value = getattr(source, field.name)
        default = None if field.default is msgspec.NODEFAULT else field.default
        if field.name == "name" or value == default or value in (None, {}):
            continue
        value = _spoken(value)
        (tables if isinstance(value, dict) else values)[field.name] = value
    return {**values, **tables}


def _spoken(value: Any) -> Any:
    """A value as files say it."""
    if isinstance(value, (Seconds, Size)):
        return _shortest(value)
    if isinstance(value, Paging):
        default = msgspec.structs.asdict(Paging())
        said = {key: each for key, each in msgspec.structs.asdict(value).items() if each != default[key]}
        return {key: _spoken(each) for key, each in said.items()}
    return value


def _shortest(value: Seconds | Size) -> str | int:
    if isinstance(value, Size):
        return int(value)
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if value >= seconds and value % seconds == 0:
            return f"{int(value // seconds)}{unit}"
    return f"{value:f}s"


def next_due(source: Source, default_schedule: str, after: datetime) -> datetime | None:
    """First slot of the source's schedule after a moment, in UTC; None if it never runs by itself."""
    schedule = _schedule(source, default_schedule)
    return slot_after(schedule, source.timezone, after) if schedule else None


def last_due(source: Source, default_schedule: str, now: datetime) -> datetime | None:
    """Newest slot of the source's schedule at or before a moment, in UTC; None if it never runs by itself."""
    schedule = _schedule(source, default_schedule)
    return slot_until(schedule, source.timezone, now) if schedule else None


def _schedule(source: Source, default_schedule: str) -> str:
    if not source.enabled:
        return ""
    return default_schedule if source.schedule is None else source.schedule
