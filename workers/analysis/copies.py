"""Which listings of different sources are one and the same, near enough: blocks by company and title, then a look.

A group is what hangs together: of listings A, B and C, where A is like B and B like C, all three are copies of the one
that came first. So the groups depend on the listings alone, never on the order in which they were met.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from workers.feeds.terms import words

LIKE = 85.0
"""Percent of two texts that must agree (rapidfuzz's ratio) for them to be one."""

SHORT, LONG = 100, 2000
"""Letters of a description below which it proves nothing, and up to which it is compared."""

MOST_PAIRED = 100
"""In a block of more listings than this only those with the very same text and places are copies."""

_LEGAL = frozenset(
    (
        *("ab", "ag", "as", "asa", "bv", "co", "company", "corp", "corporation", "eg", "ev", "gmbh", "inc"),
        *("incorporated", "kg", "kgaa", "limited", "llc", "llp", "lp", "ltd", "mbh", "nv", "oy", "oyj", "plc"),
        *("private", "pte", "pty", "pvt", "sa", "sarl", "sas", "se", "sl", "spa", "srl", "ug"),
    )
)
_HOW = frozenset(("remote", "hybrid", "onsite"))
_GENDERS = re.compile(
    r"[(\[]\s*(?:\w{1,3}\s*[/|,*]\s*)+\w{1,3}\s*[)\]]|\b[mwfh]/[mwfdh](?:/[mwfdxi])?\b", re.IGNORECASE
)


class Candidate(NamedTuple):
    """What is looked at of a listing in a block. `text` is folded, `places` are sets of folded words."""

    id: str
    source: str
    first_run: int
    text: str
    places: frozenset[frozenset[str]]
    remote: str | None


def candidate(
    id: str, source: str, first_run: int, *, text: str, locations: Iterable[str], remote: str | None
) -> Candidate:
    """Fold a listing: `text` is its description without markup."""
    places = (frozenset(words(location)) for location in locations)
    return Candidate(id, source, first_run, " ".join(words(text)), frozenset(filter(None, places)), remote)


def copy_key(company: str, title: str) -> str:
    """Name the block of a listing: the same for all whose company and title are the same words; "" without them.

    The company's legal form, "(m/f/d)" and remote, hybrid or onsite in the title make no difference, nor does order.
    """
    of_company = words(company)
    while len(of_company) > 1 and of_company[-1] in _LEGAL:
        of_company.pop()
    of_title = set(words(_GENDERS.sub(" ", title))) - _HOW
    if not of_company or not of_title:
        return ""
    told = " ".join(of_company) + "\n" + " ".join(sorted(of_title))
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def groups(block: Sequence[Candidate]) -> dict[str, str]:
    """Say for each listing that has copies, or is one, which listing of its group came first.

    Listings of one source are never compared with each other, but may be copies of the same other one.
    """
    heads = {one.id: one.id for one in block}
    if len({one.source for one in block}) < 2:
        return {}
    for one, other in _exact(block) if len(block) > MOST_PAIRED else _alike(block, heads):
        heads[_head(heads, one.id)] = _head(heads, other.id)
    members: dict[str, list[Candidate]] = {}
    for one in block:
        members.setdefault(_head(heads, one.id), []).append(one)
    found: dict[str, str] = {}
    for group in members.values():
        if len(group) > 1:
            first = min(group, key=lambda one: (one.first_run, one.id))
            found |= {one.id: first.id for one in group}
    return found


def _head(heads: Mapping[str, str], id: str) -> str:
    while heads[id] != id:
        id = heads[id]
    return id


def _alike(block: Sequence[Candidate], heads: Mapping[str, str]) -> Iterable[tuple[Candidate, Candidate]]:
    for one, other in combinations(block, 2):
        if one.source != other.source and _head(heads, one.id) != _head(heads, other.id) and is_copy(one, other):
            yield one, other


def _exact(block: Sequence[Candidate]) -> Iterable[tuple[Candidate, Candidate]]:
    same: dict[tuple[str, frozenset[frozenset[str]]], list[Candidate]] = {}
    for one in block:
        if len(one.text) >= SHORT:
            same.setdefault((one.text, one.places), []).append(one)
    for listings in same.values():
        if len({one.source for one in listings}) > 1:
            yield from ((listings[0], other) for other in listings[1:])


def is_copy(one: Candidate, other: Candidate) -> bool:
    """Compare two listings of one block: the places must not speak against it, and the text, or the place, for it.

    Boards cut descriptions: of two texts, as much is compared as the shorter one has.
    """
    if one.places and other.places and not _share_place(one.places, other.places):
        return False
    if {one.remote, other.remote} == {"remote", "onsite"}:
        return False
    length = min(len(one.text), len(other.text), LONG)
    if length < SHORT:
        return bool(one.places and other.places)
    from rapidfuzz import fuzz  # here: who only reads groups does without

    return fuzz.ratio(one.text[:length], other.text[:length], score_cutoff=LIKE) > 0


def _share_place(some: Iterable[frozenset[str]], others: Iterable[frozenset[str]]) -> bool:
    """Whether a place of one is a place of the other, told more or less exactly: "Berlin", "Berlin, Germany"."""
    others = list(others)
    return any(one <= other or other <= one for one in some for other in others)
