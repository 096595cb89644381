"""Dates to UTC, by a ladder: ISO 8601, epoch, words of RFC 822 and of people, numbers in the source's order, none.

No dateutil (drops EST and CEST, reads 03.04.2026 as March) and no dateparser (5 ms a date).
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from workers.feeds.normalise.calendar_words import MONTHS, RELATIVE, ZONES

_FIRST_YEAR, _LAST_YEAR = 1980, 2200
_CLOCK = r"(?:,?(?:\s+(?:at|um|à))?[ T]+(\d{1,2})[:.h](\d{2})(?:[:.](\d{2})(?:[.,:]\d{1,9})?)?\s*([AaPp]\.?[Mm]\.?)?)?"
_REST = r"\s*(.*)$"
_WEEKDAY = r"(?:[^\W\d]+\.?,?\s*)?"
_EPOCH = re.compile(r"(\d{9,10}|\d{12,13})(?:\.\d*)?$")
_RFC822 = re.compile(
    r"(?:[A-Za-z]{3}, )?(\d{1,2}) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d):([0-5]\d) ([+-]\d{4}|[A-Z]{2,4})"
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})" + _CLOCK + _REST, re.DOTALL)
_DAY_FIRST = re.compile(
    _WEEKDAY
    + r"(\d{1,2})(?:st|nd|rd|th|er|\.|º)?[\s-]+(?:de\s+)?([^\W\d]{3,12})\.?,?[\s-]+(?:de\s+)?(\d{4}|\d{2})"
    + _CLOCK
    + _REST,
    re.DOTALL,
)
_MONTH_FIRST = re.compile(
    r"(?:[^\W\d]+,\s*)?([^\W\d]{3,12})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})" + _CLOCK + _REST, re.DOTALL
)
_ASCTIME = re.compile(
    r"[A-Z][a-z]{2}\s+([A-Z][a-z]{2})\s+(\d{1,2})\s+(\d{1,2}):(\d{2}):(\d{2})\s+(?:(\w+)\s+)?(\d{4})$"
)
_NUMERIC = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})" + _CLOCK + _REST, re.DOTALL)
_AGO = re.compile(
    r"(?:posted\s+)?(?:vor\s+)?(\d{1,3})\+?\s*(hour|day|week|month|stunde|tag|woche|monat)\w*(?:\s+ago)?$"
)
_AGO_DAYS = {"hour": 0, "stunde": 0, "day": 1, "tag": 1, "week": 7, "woche": 7, "month": 30, "monat": 30}
_OFFSET = re.compile(r"(?:GMT|UTC|Z)?\s*([+\-−])(\d{1,2}):?(\d{2})?(?:\s*\(.*\))?$")


def utc(text: str, zone: tzinfo, order: str, today: datetime) -> datetime | None:
    """A moment in UTC; None for what cannot be read or lies outside 1980..2200.

    `zone` is for what names none, `order` ("dmy", "mdy", "ymd" or "") for numbers, `today` for "yesterday".
    """
    text = text.strip()
    if not text or len(text) > 100:
        return None
    try:
        found = _iso(text, zone) or _rfc822(text) or _worded(text, zone, order) or _relative(text.casefold(), today)
        found = found.astimezone(UTC) if found is not None else None
    except (ValueError, OverflowError):
        return None
    if found is None or not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        return None
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


def _iso(text: str, zone: tzinfo) -> datetime | None:
    if not (len(text) >= 8 and text[:4].isdecimal()):
        return None
    if len(text) != 8 and text.isdecimal():
        # What fromisoformat would read as the year 1775 is an epoch of 13 digits.
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=zone) if len(text) == 14 else None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _rfc822(text: str) -> datetime | None:
    """The form that nearly every RSS feed has; the others are read by _worded."""
    match = _RFC822.fullmatch(text)
    if match is None:
        return None
    day, word, year, hour, minute, second, offset = match.groups()
    month = MONTHS.get(word.lower())
    named = UTC if offset in ("+0000", "GMT", "UTC") else _zone(offset)
    if month is None or named is None:
        return None
    return datetime(int(year), month, int(day), int(hour), int(minute), int(second), tzinfo=named)


def _worded(text: str, zone: tzinfo, order: str) -> datetime | None:
    if match := _EPOCH.match(text):
        number = float(text)
        return datetime.fromtimestamp(number / 1000 if len(match.group(1)) > 10 else number, UTC)
    if match := _YEAR_FIRST.match(text):
        year, _, month, day, *clock = match.groups()
        return _moment(int(year), int(month), int(day), clock, zone)
    if match := _DAY_FIRST.match(text):
        day, word, year, *clock = match.groups()
        if word.casefold() in MONTHS:
            return _moment(_full_year(year), MONTHS[word.casefold()], int(day), clock, zone)
    if match := _MONTH_FIRST.match(text):
        word, day, year, *clock = match.groups()
        if word.casefold() in MONTHS:
            return _moment(int(year), MONTHS[word.casefold()], int(day), clock, zone)
    if match := _ASCTIME.match(text):
        word, day, hour, minute, second, name, year = match.groups()
        if word.casefold() in MONTHS:
            clock = [hour, minute, second, None, name or ""]
            return _moment(int(year), MONTHS[word.casefold()], int(day), clock, zone)
    return _numeric(text, zone, order)


def _numeric(text: str, zone: tzinfo, order: str) -> datetime | None:
    match = _NUMERIC.match(text)
    if match is None:
        return None
    first, separator, second, last, *clock = match.groups()
    one, two, three = int(first), int(second), _full_year(last)
    if order == "ymd" and len(last) == 2:
        return _moment(_full_year(first), two, int(last), clock, zone)
    if order not in ("dmy", "mdy"):
        # Points are written day first everywhere; otherwise only a day over 12 tells.
        order = "dmy" if separator == "." or (one > 12 >= two) else "mdy" if two > 12 >= one else ""
    if order == "dmy":
        return _moment(three, two, one, clock, zone)
    return _moment(three, one, two, clock, zone) if order == "mdy" else None


def _moment(year: int, month: int, day: int, clock: list[str | None], zone: tzinfo) -> datetime | None:
    hour, minute, second, half, rest = clock
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half[0] in "pP" else 0)
    found = datetime(year, month, day, hours, int(minute or 0), min(int(second or 0), 59), tzinfo=zone)
    rest = (rest or "").strip()
    if not rest:
        return found
    named = _zone(rest)
    return None if named is None else found.replace(tzinfo=named)


def _zone(text: str) -> tzinfo | None:
    known = ZONES.get(text.upper().strip("()[]"))
    if known is not None:
        return timezone(known)
    match = _OFFSET.match(text)
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(offset if sign == "+" else -offset) if offset < timedelta(hours=24) else None


def _full_year(text: str) -> int:
    year = int(text)
    return year if len(text) == 4 else 2000 + year if year < 70 else 1900 + year


def _relative(text: str, today: datetime) -> datetime | None:
    days = RELATIVE.get(text)
    if days is None:
        match = _AGO.match(text)
        if match is None:
            return None
        days = int(match.group(1)) * _AGO_DAYS[match.group(2)]
    return today.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
