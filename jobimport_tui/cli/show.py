"""What a verb prints: JSON for programs, facts for people. Nothing a feed said reaches a terminal raw."""

import json
import math
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from workers.feeds.text import inert

CELL = 200


def plain(value: Any) -> Any:
    """Plain data for JSON: structs as objects, times as ISO 8601 in UTC, and never bytes."""
    if isinstance(value, msgspec.Struct):
        pairs = ((field.encode_name, getattr(value, field.name)) for field in msgspec.structs.fields(value))
        return {key: plain(item) for key, item in pairs if not isinstance(item, bytes)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items() if not isinstance(item, bytes)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value if not isinstance(item, bytes)]
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def iso(moment: datetime) -> str:
    """A time as 2026-01-31T09:30:00Z, with milliseconds where it has some."""
    utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")


def line(value: Any) -> None:
    """Print one JSON object on one line. ASCII only: no terminal acts on what a feed put into a string."""
    print(json.dumps(plain(value), allow_nan=False), flush=True)


def say(text: str) -> None:
    """Print a message to stderr."""
    print(inert(text, 2000), file=sys.stderr, flush=True)


def clock(moment: datetime | None) -> str:
    """A time for people: UTC to the second, "-" for none."""
    return iso(moment)[:19].replace("T", " ") if moment else "-"


def span(seconds: float | None) -> str:
    """A length of time in at most two units: 850ms, 4.2s, 3m20s, 5h10m, 12d3h; "-" for none."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))}ms"
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for size, unit, small, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size}{unit}{rest}{smaller}" if rest else f"{whole // size}{unit}"
    return f"{whole}s"


def size(number: int) -> str:
    """A number of bytes for people: 512 B, 3.4 MiB."""
    value = float(number)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values in two columns, leaving out what has none."""
    shown = [(name, cell(value, 2000)) for name, value in pairs if value not in (None, "", [], {})]
    longest = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name:<{longest}}  {value}")


def cell(value: object, limit: int = CELL) -> str:
    """A value as one inert line."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return clock(value)
    return inert(" ".join(str(value).split()), limit)


def width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
