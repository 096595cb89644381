"""What differs between a listing as it is stored and as its feed has it now, as texts that a person can compare."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

LONGEST = 200  # characters of a value that are kept
BESIDE = 40  # of them what is equal before the first difference


class Difference(NamedTuple):
    """A field and its two values; None where it is empty."""

    field: str
    old: str | None
    new: str | None


Fields = Mapping[str, Any]
"""A listing as a document has it: lists, dates, the salary as a mapping."""


def differences(old: Fields, new: Fields) -> list[Difference]:
    """Compare two states of a listing, field by field, in the order in which a person reads them.

    The order of places, tracking in an address and the markup of a description are no difference, as for
    content_hash. Where that has moved and no field shows it, the one difference is named "content".
    """
    found: list[Difference] = []
    for field, shown in _SHOWN.items():
        before, after = old.get(field), new.get(field)
        if before == after:
            continue
        texts = _described(before, after) if field == "description" else (shown(before), shown(after))
        if texts[0] != texts[1]:
            found.append(Difference(field, *excerpts(*texts)))
    if not found and old.get("content_hash") != new.get("content_hash"):
        found.append(Difference("content", None, None))
    return found


def excerpts(old: str, new: str) -> tuple[str | None, str | None]:
    """Cut two different texts to LONGEST characters around where they begin to differ; None for an empty one."""
    start = 0
    if max(len(old), len(new)) > LONGEST:
        start = max(0, _common(old, new) - BESIDE)
    return _cut(old, start), _cut(new, start)


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(text: str, start: int) -> str | None:
    if not text:
        return None
    end = start + LONGEST
    return ("…" if start else "") + text[start:end] + ("…" if len(text) > end else "")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _list(value: Any) -> str:
    return "; ".join(value or ())


def _any_order(value: Any) -> str:
    return "; ".join(sorted(value or ()))


def _date(value: datetime | None) -> str:
    if value is None:
        return ""
    text = value.isoformat(timespec="milliseconds" if value.microsecond // 1000 else "seconds")
    return text.removesuffix("+00:00").removesuffix("T00:00:00").replace("T", " ")


def _salary(value: Fields | None) -> str:
    if value is None:
        return ""
    least, most = (None if value.get(name) is None else f"{value[name]:,.10g}" for name in ("min", "max"))
    bounds = f"{least} - {most}" if least and most else f"from {least}" if least else f"up to {most}" if most else ""
    parts = (bounds, value.get("currency"), value.get("unit"))
    figures = " ".join(part for part in parts if part)
    text = value.get("text") or ""
    return f"{figures} ({text})" if figures and text else figures or text


def _address(value: str | None) -> str:
    from workers.feeds.normalise.urls import canonical  # here and below: who only reads changes does without

    return canonical(value) if value else ""


def _description(value: str | None) -> str:
    from workers.feeds.normalise.description import line_of

    return line_of(value) if value else ""


def _described(old: str | None, new: str | None) -> tuple[str, str]:
    """The texts of two descriptions, or of the part of each in which they begin to differ; equal if only markup is."""
    from workers.feeds.normalise.description import substance

    old, new = old or "", new or ""
    if substance(old) == substance(new):
        return "", ""
    start = max(0, _common(old, new) - BESIDE * 5)
    near = (_description(_window(old, start)), _description(_window(new, start)))
    return near if near[0] != near[1] else (_description(old), _description(new))


def _window(html: str, start: int) -> str:
    """A part of a description, without the half tags at its ends."""
    part = html[start : start + LONGEST * 8]
    inner, outer = part.find("<"), part.find(">")
    if start and 0 <= outer < (inner if inner >= 0 else len(part)):
        part = part[outer + 1 :]
    return part[: part.rfind("<")] if part.rfind("<") > part.rfind(">") else part


_SHOWN: dict[str, Callable[[Any], str]] = {
    "title": _text,
    "company": _text,
    "locations": _any_order,
    "remote": _text,
    "applicant_locations": _any_order,
    "employment_types": _list,
    "salary": _salary,
    "posted_at": _date,
    "valid_through": _date,
    "url": _address,
    "tags": _any_order,
    "description": _description,
}
COMPARED = tuple(_SHOWN)
"""The fields of a listing that are compared."""
