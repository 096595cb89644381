"""The source files, and what runs and pauses say of each source. Blocking: to be called in a thread."""

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from jobimport_tui.state import SourceLine
from workers.errors import ConfigError
from workers.model import Run, Source
from workers.model.health import Health
from workers.sources import load_each, next_due


class Files(msgspec.Struct, frozen=True):
    """What the folder holds."""

    sources: tuple[Source, ...]
    problems: tuple[ConfigError, ...]
    due: dict[str, datetime | None]
    stamps: dict[str, tuple[int, int]] = {}

    def stands(self, stamps: dict[str, tuple[int, int]], now: datetime) -> bool:
        """Whether no file is another than it was, and no slot has passed."""
        return stamps == self.stamps and all(due is None or due > now for due in self.due.values())


class Past(msgspec.Struct, frozen=True):
    """What MongoDB remembers of the sources."""

    last: Mapping[str, Run] = {}
    strips: Mapping[str, tuple[str, ...]] = {}  # the last states of each source, the newest last
    failures: Mapping[str, int] = {}
    health: Mapping[str, Health] = {}
    paused: frozenset[str] = frozenset()


def read(folder: Path, default_schedule: str, before: Files | None = None) -> Files:
    """Read the folder; a broken file is a problem, not an end. Files that stand as they were are not read again."""
    now, stamps = datetime.now(UTC), _stamps(folder)
    if before is not None and before.stands(stamps, now):
        return before
    sources, problems = load_each(folder)
    due = {name: next_due(source, default_schedule, now) for name, source in sources.items()}
    return Files(tuple(sources.values()), tuple(problems), due, stamps)


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """When each file was written last, and its size. Raises OSError."""
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith(".toml")]
    return {name: (stat.st_mtime_ns, stat.st_size) for name, stat in found}


def lines(files: Files, past: Past, default_schedule: str) -> tuple[SourceLine, ...]:
    """One line a source, by name."""
    rows = [_line(source, files.due.get(source.name), past, default_schedule) for source in files.sources]
    rows += _broken(files.problems)
    return tuple(sorted(rows, key=lambda row: row.name))


def _line(source: Source, due: datetime | None, past: Past, default_schedule: str) -> SourceLine:
    state: Literal["on", "off", "paused"] = "on" if source.enabled else "off"
    if source.enabled and source.name in past.paused:
        state = "paused"
    return SourceLine(
        name=source.name,
        state=state,
        kind=source.kind,
        format=source.format,
        schedule=default_schedule if source.schedule is None else source.schedule,
        url=source.url,
        next_due=due.timestamp() if due else None,
        failures=past.failures.get(source.name, 0),
        last=past.last.get(source.name),
        health=past.health.get(source.name),
        strip=past.strips.get(source.name, ()),
    )


def _broken(problems: Iterable[ConfigError]) -> list[SourceLine]:
    return [SourceLine(name=Path(error.where).stem, state="broken", problem=str(error)) for error in problems]
