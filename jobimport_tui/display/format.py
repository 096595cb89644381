"""Numbers, lengths of time and moments for people, in a fixed width where they stand in a column."""

from datetime import UTC, datetime

NONE = "-"


def count(number: int | None, width: int = 7) -> str:
    """A whole number: 1,812, and 12.4k or 1.2M where that is too wide for `width`."""
    if number is None:
        return NONE
    text = f"{number:,}"
    if len(text) <= width:
        return text
    value, unit = _scaled(number, "kMG")
    return f"{value:.1f}{unit}" if value < 100 else f"{value:.0f}{unit}"


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things: 1 listing, 2,000 listings; `many` where an s does not make it so."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def rate(per_second: float | None) -> str:
    """A rate of at most 5 characters: 0.0, 36.7, 1,204, 12.4k."""
    if per_second is None:
        return NONE
    return f"{per_second:.1f}" if per_second < 100 else count(round(per_second), 5)


def span(seconds: float | None) -> str:
    """A length of time in at most 6 characters: 85ms, 4.2s, 41s, 5m12s, 1h03m, 3d04h, 120d."""
    if seconds is None:
        return NONE
    seconds = max(0.0, seconds)
    if seconds < 0.9995:
        return f"{round(seconds * 1000)}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    return age(seconds)


def age(seconds: float | None) -> str:
    """A length of time in whole seconds, for what is looked at more than once: 4s, 41s, 5m12s, 1h03m."""
    if seconds is None:
        return NONE
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    days = whole // 86400
    return f"{days}d{whole % 86400 // 3600:02d}h" if days < 100 else f"{days}d"


def size(number: int) -> str:
    """Bytes: 512 B, 2.1 MB."""
    if number < 1000:
        return f"{number} B"
    value, unit = _scaled(number, "kMGT")
    return f"{value:.1f} {unit}B" if value < 100 else f"{value:.0f} {unit}B"


def clock(epoch: float | None) -> str:
    """The time of day in UTC: 14:32:07."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%H:%M:%S") if epoch is not None else NONE


def moment(when: datetime | None) -> str:
    """Date and time in UTC: 2026-11-23 14:32:07."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if when else NONE


def day(when: datetime | None) -> str:
    """A date in UTC: 2026-11-23."""
    return when.astimezone(UTC).strftime("%Y-%m-%d") if when else NONE


def ago(seconds: float | None) -> str:
    """How long ago, in one unit that changes rarely: <1m, 5m, 3h, 12d. A changing cell costs bytes."""
    if seconds is None:
        return NONE
    whole = max(0, int(seconds))
    if whole < 60:
        return "<1m"
    for size_, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= size_:
            return f"{whole // size_}{unit}"
    return NONE


def _scaled(number: int, units: str) -> tuple[float, str]:
    """A number in the unit that makes it less than 1,000; a unit is a thousand of the one before."""
    value = float(number)
    for unit in units:
        value /= 1000
        if value < 999.5:
            return value, unit
    return value, units[-1]


def time_of_day(text: str, now: float) -> float | None:
    """The last moment at which it was a time of day (UTC); None for what is none."""
    parts = text.strip().split(":")
    if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    hour, minute, second = (*map(int, parts), 0)[:3]
    if hour > 23 or minute > 59 or second > 59:
        return None
    moment = now - now % 86400.0 + hour * 3600 + minute * 60 + second
    return moment if moment <= now else moment - 86400.0
