"""Settings: jobimport.toml, then JOBIMPORT_* variables, then flags. The last that speaks wins.

The folder is the one named by a flag or JOBIMPORT_CONFIG, else ./config, else the user's own folder. A folder
that was named must exist; jobimport.toml in it may be absent: every setting has a default.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec

from workers import user
from workers.errors import ConfigError
from workers.model.quality import QualityWeights
from workers.model.source import Seconds, Size
from workers.schedule import SCHEDULE_EXPECTED, is_schedule
from workers.toml import convert, mask, read_toml

FILE_NAME = "jobimport.toml"
FLAGS = {"redis.url": "--redis", "mongo.url": "--mongo"}
REDIS_SCHEMES = (
    *("redis", "redis+sentinel", "redis+cluster", "unix"),
    *("rediss", "rediss+sentinel", "rediss+cluster"),
)
MONGO_SCHEMES = ("mongodb", "mongodb+srv")

DEFAULTS = {"redis.url": "redis://127.0.0.1:6379/0", "mongo.url": "mongodb://127.0.0.1:27017/jobimport"}
MAY_BE_ZERO = (
    "closing.expiry_grace",
    "closing.window_age",
    "import.schedule_jitter",
    "queue.backoff_base",
    "worker.stop_grace",
)

AtLeastOne = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
ZeroOrMore = Annotated[int, msgspec.Meta(ge=0, le=2**31)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class RedisSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the mailboxes are."""

    url: str = DEFAULTS["redis.url"]
    partitions: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 1


class MongoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the truth is; the path of the URL names the database."""

    url: str = DEFAULTS["mongo.url"]
    timeout: Seconds = Seconds(20)


class FetchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits on what a feed's server may do to us."""

    user_agent: str = "JobImporter/0.1 (+contact: set fetch.user_agent in jobimport.toml)"
    allow_hosts: list[str] = []
    connect_timeout: Seconds = Seconds(10)
    stall_timeout: Seconds = Seconds(30)
    total_timeout: Seconds = Seconds(900)
    max_bytes: Size = Size(2 * 2**30)
    max_ratio: AtLeastOne = 200
    max_redirects: ZeroOrMore = 5
    connections_per_host: AtLeastOne = 2


class ImportSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a feed becomes batches."""

    batch_size: AtLeastOne = 500
    max_queued_batches: AtLeastOne = 2000
    default_schedule: str = "0 * * * *"
    schedule_jitter: Seconds = Seconds(60)
    circuit_after: AtLeastOne = 5
    circuit_longest: Seconds = Seconds(86400)


class QueueSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Leases, attempts and back-off."""

    lease: Seconds = Seconds(15)
    max_deliveries: AtLeastOne = 5
    attempts: AtLeastOne = 3
    backoff_base: Seconds = Seconds(2)
    backoff_max: Seconds = Seconds(60)
    message_timeout: Seconds = Seconds(30)


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many processes, and how many messages each works on at once."""

    processes: AtLeastOne = 2
    concurrency: AtLeastOne = 4
    stop_grace: Seconds = Seconds(25)


class ClosingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When absence from a snapshot is believed."""

    empty_runs: AtLeastOne = 3
    drop_share: Share = 0.5
    drop_min: ZeroOrMore = 20
    expiry_grace: Seconds = Seconds(86400)
    window_age: Seconds = Seconds(90 * 86400)


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long finished things are kept."""

    batches: Seconds = Seconds(30 * 86400)
    rejects: Seconds = Seconds(30 * 86400)
    runs: Seconds = Seconds(400 * 86400)
    daily: Seconds = Seconds(1830 * 86400)
    audit: Seconds = Seconds(400 * 86400)


class SearchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What listings can be found by."""

    index_descriptions: bool = False


class ConsoleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The console's own."""

    environment: str = ""
    refresh: Seconds = Seconds(1)
    theme: Literal["auto", "dark", "terminal"] = "auto"
    ascii: bool = False
    mouse: Literal["auto", "on", "off"] = "auto"
    diff: bool = True


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
    quality: QualityWeights = QualityWeights()
    retention: RetentionSettings = RetentionSettings()
    search: SearchSettings = SearchSettings()
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
    data = read_toml(file) if file.exists() else {}
    settings = _checked(convert(data, Settings, str(file)), str(file))
    for key, value, where in _spoken(environ, overrides or {}):
        section, _, name = key.partition(".")
        data = {**data, section: {**data.get(section, {}), name: value}}
        settings = _checked(convert(data, Settings, where, strict=False), where)
    return Config(path, settings)


def _checked(settings: Settings, where: str) -> Settings:
    """Hold what types cannot say; `where` is whoever spoke last, and so whoever is wrong."""
    for key, value, schemes in (
        ("redis.url", settings.redis.url, REDIS_SCHEMES),
        ("mongo.url", settings.mongo.url, MONGO_SCHEMES),
    ):
        if value.partition("://")[0] not in schemes or not _is_url(value):
            raise ConfigError(where, key, mask(value), f"a URL such as {DEFAULTS[key]}")
    schedule = settings.imports.default_schedule
    if not is_schedule(schedule):
        raise ConfigError(where, "import.default_schedule", schedule, SCHEDULE_EXPECTED)
    if not sum(msgspec.structs.astuple(settings.quality)):
        raise ConfigError(where, "quality", "0", "at least one weight above 0")
    for section in msgspec.structs.fields(Settings):
        struct = getattr(settings, section.name)
        for field in msgspec.structs.fields(struct):
            value = getattr(struct, field.name)
            key = f"{section.encode_name}.{field.name}"
            if isinstance(value, (Seconds, Size)) and not value and key not in MAY_BE_ZERO:
                raise ConfigError(where, key, value.real, "more than 0")
    return settings


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.netloc or (parts.scheme == "unix" and parts.path))


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
    import platformdirs

    return platformdirs.user_config_path("jobimport")


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
    for key, value in flags.items():
        if value is not None:
            flag = FLAGS.get(key) or "--" + key.rpartition(".")[2].replace("_", "-")
            spoken.append((key, value, flag))
    return spoken


def variables() -> set[str]:
    """Every JOBIMPORT_* variable that is read."""
    names = {"JOBIMPORT_CONFIG", user.VARIABLE}
    for section in msgspec.structs.fields(Settings):
        for field in msgspec.structs.fields(section.type):
            names.add(f"JOBIMPORT_{section.encode_name}_{field.name}".upper())
    return names
