"""Ages, days and amounts: text -> value, None where it is none. `>` before an age is older, before a day is later."""

import re
from datetime import UTC, date, datetime, timedelta

from workers.query.model import Age, Amount, AmountKey, Days, Since, TimeKey

UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}

_AGE = re.compile(r"([<>])=?(\d{1,7})([smhdw])")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r">=(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)Z", re.ASCII)
_BOUND = re.compile(r"([<>]=?)?(.*)")
_NUMBER = re.compile(r"\d{1,12}(?:[_,]\d{3})*")
_LONGEST = 100 * 365 * 86_400


def age(key: TimeKey, text: str, *, is_not: bool = False) -> Age | None:
    """An age: <7d, >12h."""
    found = _AGE.fullmatch(text)
    if found is None:
        return None
    seconds = int(found[2]) * UNITS[found[3]]
    return Age(key, found[1] == "<", seconds, is_not) if seconds <= _LONGEST else None


def days(key: TimeKey, text: str, *, is_not: bool = False) -> Days | None:
    """One day, days up to or from one, or the days between two."""
    low, between, high = text.partition("..")
    if between:
        first, last = day(low), day(high)
        if (low and first is None) or (high and last is None) or not (first or last):
            return None
        return Days(key, first, last, is_not)
    bound, rest = _split(text)
    one = day(rest)
    if one is None:
        return None
    try:
        shifted = {
            "": Days(key, one, one, is_not),
            ">=": Days(key, one, None, is_not),
            "<=": Days(key, None, one, is_not),
        }
        if bound in shifted:
            return shifted[bound]
        step = timedelta(days=1)
        return Days(key, one + step, None, is_not) if bound == ">" else Days(key, None, one - step, is_not)
    except OverflowError:
        return None


def moment(key: TimeKey, text: str, *, is_not: bool = False) -> Since | None:
    """A moment and later: >=2026-10-01T12:00Z, with seconds if wanted."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    try:
        return Since(key, datetime.fromisoformat(found[1]).replace(tzinfo=UTC), is_not)
    except ValueError:
        return None


def day(text: str) -> date | None:
    """2026-10-01."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def amount(key: AmountKey, text: str, *, is_not: bool = False) -> Amount | None:
    """A number, one bound, or two."""
    low, between, high = text.partition("..")
    if between:
        first, last = number(low), number(high)
        if (low and first is None) or (high and last is None) or (first is None and last is None):
            return None
        return Amount(key, first, last, is_not=is_not)
    bound, rest = _split(text)
    one = number(rest)
    if one is None:
        return None
    if not bound:
        return Amount(key, one, one, is_not=is_not)
    if bound[0] == ">":
        return Amount(key, low=one, low_open=bound == ">", is_not=is_not)
    return Amount(key, high=one, high_open=bound == "<", is_not=is_not)


def number(text: str) -> int | None:
    """80000, 80_000, 80,000 or 80k."""
    times = 1000 if text[-1:] in ("k", "K") else 1
    plain = text[:-1] if times == 1000 else text
    if not plain.isascii() or not _NUMBER.fullmatch(plain):
        return None
    found = int(plain.replace("_", "").replace(",", "")) * times
    return found if found < 10**12 else None


def _split(text: str) -> tuple[str, str]:
    found = _BOUND.fullmatch(text)
    return (found[1] or "", found[2]) if found else ("", text)
