"""Pay: from fields of its own where the feed has them, else out of free text. 0 is unknown; nothing is converted."""

import re

from workers.feeds.normalise.money_words import ALONE, CODES, LOWER, SIGNS, UNITS
from workers.feeds.normalise.title import short_text
from workers.model.listing import Salary, SalaryUnit

_LONGEST_TEXT = 200
_HIGHEST = 1e9
_YEARLY_FROM = 10_000  # an amount without a unit that can only be a year's
_EVIDENT_FROM = 1_000  # a bare number below this is no pay

_IN_A_YEAR: dict[SalaryUnit, int] = {"HOUR": 2080, "DAY": 260, "WEEK": 52, "MONTH": 12, "YEAR": 1}

_NUMBER = r"\d{1,3}(?:[.,'’ \u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d{1,2}(?:,\d{2})+,\d{3}|\d+(?:[.,]\d+)?"
_AMOUNT = re.compile(
    rf"(?:(?<=eur)|(?<=usd)|(?<=gbp)|(?<=chf)|(?<=pln)|(?<=inr)|(?<![\w.,]))({_NUMBER})\s?(k|tsd|mio|m|lpa|lakhs?)?"
    r"(?![a-z0-9])(?!\s*(?:%|\+?\s*(?:hours|hrs|days|weeks|months|years|yrs|stunden|tage)\b))"
)
_GROUPS = re.compile(r"[.,'’ \u00a0\u202f](?=\d{3}(?:\D|$)|\d{2},)")
_BETWEEN = re.compile(r"[^\d]{0,25}?(?:-|–|—|−|\bto\b|\bbis\b|\bà\b|\band\b|\bund\b|\bet\b|\by\b|\ba\b)[^\d]{0,12}$")
_UP_TO = re.compile(r"(?:up to|bis zu|bis|max\.?|maximum|jusqu'à|hasta|until|under)[^\d]{0,6}$")
_FROM = re.compile(r"(?:from|starting at|starts at|at least|min\.?|minimum|ab|à partir de|desde|over)[^\d]{0,6}$")
_UNIT_WORDS = "|".join(sorted(UNITS, key=len, reverse=True))
_ALONE = "|".join(sorted(ALONE, key=len, reverse=True))
_UNIT = re.compile(
    rf"(?:/\s*|\b(?:per|pro|par|por|an|a|al|ao|all|je|im|i|na|pr)[\s'’]+|\bp\.?\s?)({_UNIT_WORDS})\b"
    rf"|\b({_ALONE})\b"
)
_WORD = re.compile(r"[^\W\d_]+")
_SIGN = re.compile("|".join(re.escape(sign) for sign in SIGNS))
_CODE = re.compile(r"(?<![A-Za-z])([A-Z]{3})(?![A-Za-z])")
_LOWER_CODE = re.compile(rf"(?<![a-z])({'|'.join(LOWER)})(?![a-z])")
_NOT_PAY = re.compile(r"401\s*\(?k\)?")
_NOTHING = re.compile(r"(?:[\s0.,\-–—/$€£]|n/?a|none|null|unknown)*", re.IGNORECASE)
_TIMES = {"k": 1e3, "tsd": 1e3, "m": 1e6, "mio": 1e6, "lpa": 1e5, "lakh": 1e5, "lakhs": 1e5, "": 1.0}


def salary(fields: dict[str, list[str]]) -> Salary | None:
    """What the feed says about pay, None if nothing. An estimate in words only is kept as text."""
    text = short_text(_first(fields, "salary"), _LONGEST_TEXT)
    if _NOTHING.fullmatch(text):
        text = ""
    low, high = _alone(_first(fields, "salary_min")), _alone(_first(fields, "salary_max"))
    stated_currency = _currency(_first(fields, "salary_currency")[:20].upper())
    stated_unit = unit_of(_first(fields, "salary_unit"))
    if low is None and high is None:
        if not text:
            return None
        return _from_text(text, stated_currency, stated_unit)
    if low is not None and high is not None and low > high:
        low, high = high, low
    return Salary(low, high, stated_currency or _currency(text), stated_unit or _unit_in(text.lower()), text)


def yearly(money: Salary | None) -> int | None:
    """A year's pay for comparing and sorting: the upper bound, else the lower; full time, no currency converted.

    Without a unit an amount of 10,000 and more is taken for a year's, and less is not comparable.
    """
    amount = None if money is None else money.max if money.max is not None else money.min
    if money is None or amount is None:
        return None
    if money.unit is None:
        return int(amount) if amount >= _YEARLY_FROM else None
    return int(min(amount * _IN_A_YEAR[money.unit], _HIGHEST))


def unit_of(text: str) -> SalaryUnit | None:
    """The unit that a field of its own names: "PER_YEAR", "hourly", "PA"."""
    words = _WORD.findall(text[:30].lower())
    whole = UNITS.get("".join(words))
    return whole or next((UNITS[word] for word in words if len(word) > 2 and word in UNITS), None)


def _from_text(text: str, currency: str | None, unit: SalaryUnit | None) -> Salary:
    folded = _NOT_PAY.sub(" ", text.lower())
    currency = currency or _currency(text)
    unit = unit or _unit_in(folded)
    low, high, scaled = _range(folded)
    amount = low or high
    if amount is None or not (currency or unit or scaled or amount >= _EVIDENT_FROM):
        return Salary(text=text)
    if not (currency or unit or scaled) and high in (None, low) and 1900 <= amount <= 2100:
        return Salary(text=text)  # a year, not pay
    if unit is None and amount >= _YEARLY_FROM:
        unit = "YEAR"
    return Salary(low, high, currency, unit, text)


def _range(text: str) -> tuple[float | None, float | None, bool]:
    """Lowest, highest, and whether a "k" or the like was there."""
    first = _AMOUNT.search(text)
    if first is None:
        return None, None, False
    low, times = _number(first.group(1)), first.group(2) or ""
    second = _AMOUNT.search(text, first.end())
    if second is None or _BETWEEN.match(text[first.end() : second.start()]) is None:
        amount = _sane(low * _TIMES[times])
        before, after = text[: first.start()], text[first.end() : first.end() + 2]
        if _UP_TO.search(before):
            return None, amount, bool(times)
        return amount, None if _FROM.search(before) or "+" in after else amount, bool(times)
    high, more = _number(second.group(1)), second.group(2) or ""
    if more and not times and low < _EVIDENT_FROM:
        times = more  # "50-70k"
    found = sorted(amount for amount in (_sane(low * _TIMES[times]), _sane(high * _TIMES[more])) if amount)
    if not found:
        return None, None, False
    return (found[0] if len(found) == 2 else None), found[-1], bool(times or more)


def _alone(text: str) -> float | None:
    """The number a field of its own holds."""
    match = _AMOUNT.search(text[:60].lower())
    return _sane(_number(match.group(1)) * _TIMES[match.group(2) or ""]) if match else None


def _number(text: str) -> float:
    """The number that a text such as "1.500", "1,500.50", "31,2" or "12,00,000" writes."""
    return float(_GROUPS.sub("", text).replace(",", "."))


def _sane(amount: float) -> float | None:
    return amount if 0 < amount <= _HIGHEST else None


def _currency(text: str) -> str | None:
    for code in _CODE.findall(text):
        if code in CODES:
            return code
    folded = text.lower()
    match = _LOWER_CODE.search(folded)
    if match is not None:
        return LOWER[match.group(1)]
    sign = _SIGN.search(folded)
    return SIGNS[sign.group()] if sign else None


def _unit_in(text: str) -> SalaryUnit | None:
    match = _UNIT.search(text)
    return UNITS[match.group(1) or match.group(2)] if match else None


def _first(fields: dict[str, list[str]], name: str) -> str:
    found = fields.get(name)
    return found[0] if found else ""
