"""Failures that are the same failure: one error class, one source, one message but for what varies in it. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import msgspec

from jobimport_tui.state import Dead

BUCKETS = 12
TREND_SECONDS = 24 * 3600.0

# What makes the same message another one: addresses, moments, quoted values, hex names, numbers.
_VARYING = re.compile(
    r"(?P<url>\b[a-z][a-z0-9+.-]*://\S+)"
    r"|(?P<text>\"[^\"]*\"|(?<![a-zA-Z0-9])'[^']*'(?![a-zA-Z0-9]))"
    r"|(?P<hex>\b(?=[0-9a-f-]*[0-9])(?=[0-9a-f-]*[a-f])[0-9a-f-]{8,}\b)"
    r"|(?P<number>\d[\d.,:_-]*\d|\d)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"^(?:[a-z][a-z0-9+.-]*://\S+|<url>)[:,]? (?=\S)", re.IGNORECASE)
_SHOWN = {"url": "<url>", "text": "<text>", "hex": "<id>", "number": "N"}
LONGEST = 300


@lru_cache(maxsize=4096)
def normalised(message: str) -> str:
    """A message without what varies; applying it again changes nothing."""
    return " ".join(_VARYING.sub(lambda found: _SHOWN[found.lastgroup or "number"], message[:LONGEST]).split())


def brief(message: str) -> str:
    """A message without the feed's address in front, for a row in which its source stands already."""
    return _ADDRESS.sub("", message)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters, or rejected listings, of one fingerprint. `members` are dead letters, newest first.

    `trend` counts them over the last day, oldest bucket first; it is empty where no single moments are known.
    """

    what: str  # "dead" or "rejected"
    kind: str
    source: str
    message: str
    count: int
    first: float
    last: float
    example: str = ""
    trend: tuple[float, ...] = ()
    members: tuple[Dead, ...] = ()
    run: int = 0  # the newest run that has one

    @property
    def told(self) -> str:
        """What its members say, in full where all say the same: "answered 404" and not "answered N"."""
        is_one = all(member.error == self.example for member in self.members)
        return brief(self.example if self.members and is_one else self.message)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it this group."""
        return self.what, self.kind, self.source, self.message


def of_letters(letters: Iterable[Dead], now: float) -> list[Group]:
    """Group dead letters by fingerprint; the group with the newest comes first."""
    groups: dict[tuple[str, str, str], list[Dead]] = {}
    for letter in letters:
        groups.setdefault((letter.kind, letter.source, normalised(letter.error)), []).append(letter)
    found = [_group(key, members, now) for key, members in groups.items()]
    return sorted(found, key=lambda group: -group.last)


def _group(key: tuple[str, str, str], members: list[Dead], now: float) -> Group:
    members.sort(key=lambda letter: letter.at, reverse=True)
    kind, source, message = key
    return Group(
        what="dead",
        kind=kind,
        source=source,
        message=message,
        count=len(members),
        first=members[-1].at,
        last=members[0].at,
        example=members[0].error,
        trend=buckets([letter.at for letter in members], now),
        members=tuple(members),
        run=members[0].run,
    )


def buckets(moments: Sequence[float], now: float) -> tuple[float, ...]:
    """How many moments lie in each twelfth of the last day."""
    counts = [0.0] * BUCKETS
    width = TREND_SECONDS / BUCKETS
    for at in moments:
        place = BUCKETS - 1 - int(max(0.0, now - at) / width)
        if place >= 0:
            counts[place] += 1
    return tuple(counts)


def by_kind(letters: Iterable[Dead], key: Callable[[Dead], str] = lambda letter: letter.kind) -> list[tuple[str, int]]:
    """How many of each error class, the most first."""
    counts: dict[str, int] = {}
    for letter in letters:
        counts[key(letter)] = counts.get(key(letter), 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
