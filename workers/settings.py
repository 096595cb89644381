"""Settings: jobimport.toml, then JOBIMPORT_* variables, then flags. The last that speaks wins.

The folder is the one named by a flag or JOBIMPORT_CONFIG, else ./config, else the user's configuration folder. A
folder that was named must exist; jobimport.toml in it may be absent: every setting has a default.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints
from urllib.parse import urlsplit, urlunsplit

import msgspec
import platformdirs

from workers.errors import ConfigError
from workers.model.source import Seconds, Size

FILE_NAME = "jobimport.toml"

T = TypeVar("T")

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


class RedisSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the mailboxes are."""

    url: str = "redis://127.0.0.1:6379/0"


class MongoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the truth is; the path of the URL names the database."""

    url: str = "mongodb://127.0.0.1:27017/jobimport"
    timeout: Seconds = Seconds(20)


class FetchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits on what a feed's server may do to us."""

    user_agent: str = "JobImporter/0.1 (+contact: set fetch.user_agent in jobimport.toml)"
    allow_hosts: list[str] = []
    connect_timeout: Seconds = Seconds(10)
    stall_timeout: Seconds = Seconds(30)
    total_timeout: Seconds = Seconds(900)
    max_bytes: Size = Size(2 * 2**30)
    max_ratio: int = 200
    max_redirects: int = 5
    connections_per_host: int = 2


class ImportSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a feed becomes batches."""

    batch_size: int = 500
    max_queued_batches: int = 2000
    default_schedule: str = "0 * * * *"
    schedule_jitter: Seconds = Seconds(60)


class QueueSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Leases, attempts and back-off."""

    lease: Seconds = Seconds(15)
    max_deliveries: int = 5
    attempts: int = 3
    backoff_base: Seconds = Seconds(2)
    backoff_max: Seconds = Seconds(60)
    message_timeout: Seconds = Seconds(30)


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many processes, and how many messages each works on at once."""

    processes: int = 2
    concurrency: int = 4
    stop_grace: Seconds = Seconds(25)


class ClosingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When absence from a snapshot is believed."""

    empty_runs: int = 3
    drop_share: float = 0.5
    drop_min: int = 20


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long finished things are kept."""

    batches: Seconds = Seconds(30 * 86400)
    rejects: Seconds = Seconds(30 * 86400)
    runs: Seconds = Seconds(400 * 86400)


class ConsoleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The console's own."""

    environment: str = ""
    refresh: Seconds = Seconds(1)


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the headless processes write to stderr."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"imports": "import"}):
    """Every setting of every process; config/jobimport.toml lists them with their meaning."""

    redis: RedisSettings = RedisSettings()
    mongo: MongoSettings = MongoSettings()
    fetch: FetchSettings = FetchSettings()
    imports: ImportSettings = ImportSettings()
    queue: QueueSettings = QueueSettings()
    worker: WorkerSettings = WorkerSettings()
    closing: ClosingSettings = ClosingSettings()
    retention: RetentionSettings = RetentionSettings()
    console: ConsoleSettings = ConsoleSettings()
    log: LogSettings = LogSettings()


class Config(msgspec.Struct, frozen=True):
    """The folder in force and the settings read from it. `folder` may not exist where none was named."""

    folder: Path
    settings: Settings

    @property
    def sources(self) -> Path:
        """The folder of the source files."""
        return self.folder / "sources"


def load(
    folder: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read the settings. `overrides` holds flags by dotted key ("redis.url"); None values are skipped.

    Raises ConfigError that names the file (or variable, or flag), the key, the value and what was expected.
    """
    environ = os.environ if environ is None else environ
    path = find_folder(folder, environ)
    file = path / FILE_NAME
    data = read_toml(file) if file.is_file() else {}
    settings = convert(data, Settings, str(file))
    for key, value, where in _spoken(environ, overrides or {}):
        section, _, name = key.partition(".")
        data = {**data, section: {**data.get(section, {}), name: value}}
        settings = convert(data, Settings, where, strict=False)
    return Config(path, settings)


def find_folder(named: str | Path | None, environ: Mapping[str, str]) -> Path:
    """Say which folder holds the configuration; one that was named must exist."""
    for value, where in ((named, "--config"), (environ.get("JOBIMPORT_CONFIG"), "JOBIMPORT_CONFIG")):
        if value:
            folder = Path(value).expanduser()
            if not folder.is_dir():
                raise ConfigError(where, "", str(value), f"a folder with {FILE_NAME} and sources/")
            return folder
    local = Path("config")
    if local.is_dir() and ((local / FILE_NAME).is_file() or (local / "sources").is_dir()):
        return local
    return Path(platformdirs.user_config_path("jobimport"))


def _spoken(environ: Mapping[str, str], flags: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Dotted key, value and place of every setting that a variable or a flag gives."""
    spoken: list[tuple[str, Any, str]] = []
    for section, kind in get_type_hints(Settings).items():
        name = "import" if section == "imports" else section
        hints = get_type_hints(kind)
        for field in msgspec.structs.fields(kind):
            variable = f"JOBIMPORT_{name}_{field.name}".upper()
            if text := environ.get(variable):
                is_list = hints[field.name] == list[str]
                value = [part.strip() for part in text.split(",")] if is_list else text
                spoken.append((f"{name}.{field.name}", value, variable))
    spoken += [(key, value, f"--{key}") for key, value in flags.items() if value is not None]
    return spoken


def read_toml(file: Path) -> dict[str, Any]:
    """Parse one TOML file; ConfigError names the file and the line."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(file), "", None, f"TOML, but {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(file), "", None, f"UTF-8 text, but byte {error.start} is not") from error
    except OSError as error:
        raise ConfigError(str(file), "", None, f"a readable file ({error.strerror})") from error


def convert(data: Mapping[str, Any], kind: type[T], where: str, *, strict: bool = True) -> T:
    """Check plain data against a struct; ConfigError names the key that does not fit, and its value."""
    try:
        return msgspec.convert(data, kind, strict=strict, dec_hook=_decode)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `")
        key = path.rstrip("`").removeprefix("$").removeprefix(".")
        if unknown := re.search(r"unknown field `(.+)`", reason):
            key = f"{key}.{unknown[1]}".strip(".")
            reason = "a known key: " + ", ".join(_known(kind, key))
        else:
            reason = reason.removeprefix("Expected ").replace("`", "")
        raise ConfigError(where, key, mask(_lookup(data, key)), reason) from error


def _known(kind: Any, key: str) -> list[str]:
    for part in key.split(".")[:-1]:
        field = next((f for f in msgspec.structs.fields(kind) if f.encode_name == part), None)
        if field is None:
            break
        kind = field.type
    return sorted(field.encode_name for field in msgspec.structs.fields(kind))


def _lookup(data: Any, key: str) -> Any:
    for part in filter(None, re.split(r"[.\[\]]+", key)):
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit():
            data = data[int(part)]
    return None if isinstance(data, Mapping) else data


def _decode(kind: type, value: Any) -> Any:
    if kind is Seconds:
        return parse_seconds(value)
    if kind is Size:
        return parse_size(value)
    raise NotImplementedError(kind)


def parse_seconds(value: float | str) -> Seconds:
    """Read 90, "90", "90s", "15m", "1h" or "30d" as seconds; ValueError otherwise."""
    match = (
        re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?", str(value).strip()) if value is not True else None
    )
    if match is None:
        raise ValueError('Expected a length of time such as 30, "30s", "15m", "1h" or "30d"')
    return Seconds(float(match[1]) * _UNITS[match[2] or "s"])


def parse_size(value: int | str) -> Size:
    """Read 1024, "64KiB", "20MB" or "1GiB" as bytes; ValueError otherwise."""
    match = (
        re.fullmatch(r"(\d+)\s*([KMG]i?B|B)?", str(value).strip(), re.IGNORECASE)
        if value is not True
        else None
    )
    if match is None:
        raise ValueError('Expected a size such as 1048576, "64KiB", "20MB" or "1GiB"')
    return Size(int(match[1]) * _SIZES[(match[2] or "").upper()])


def mask(value: Any) -> Any:
    """Hide the password of a URL, wherever one is shown."""
    if not isinstance(value, str) or "@" not in value or "://" not in value:
        return value
    parts = urlsplit(value)
    user, at, hosts = parts.netloc.rpartition("@")
    if not at or ":" not in user:
        return value
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:***@{hosts}"))
