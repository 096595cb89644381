"""Which index a query goes through, where MongoDB would find out at great cost.

MongoDB tries its plans side by side until one gives a page, and what the others read meanwhile is in vain: most of the
time for `new:run` (300 ms of 340 in a source of 40,000 listings), for `sort:salary`, whose listings are either met by
walking down the pay, or gathered and sorted, and for several words. How many hold a word or belong to a source tells.
"""

import re
from math import isqrt

import msgspec

from workers.query.model import Age, Clause, Days, Facet, OfRun, Query, Since, Text
from workers.store.compiling import FREELY, Facts, Through, held_terms, whole_terms
from workers.store.connect import Database
from workers.store.documents import Document

STRETCH = 2500
"""Listings that are looked at in one stretch: 13 ms, 25 for a phrase, 6 more for a beginning of 200 words."""

_MOST_COUNTED = 20_000  # of a source's listings, by keys alone: 10 ms
_PAGE = 50  # listings that a walk is to meet
_OF_KEYS = 20  # what a walk costs that looks at keys alone, beside one that looks at listings


class Hint(msgspec.Struct, frozen=True):
    """An index, None for MongoDB's own choice; what is true of all that is found, that its keys alone tell."""

    index: str | None = None
    also: Document = {}
    through: Through = FREELY


NONE = Hint()


async def hint(db: Database, query: Query, facts: Facts) -> Hint:
    """Choose. The index may not be there yet (see `migrations`)."""
    if any(isinstance(clause, OfRun) and clause.key == "new" and not clause.is_not for clause in query.clauses):
        return Hint("source_changed")
    if query.sort == "salary":
        return await _by_pay(db, query, facts)
    return await _of_words(db, query, facts)


async def _of_words(db: Database, query: Query, facts: Facts) -> Hint:
    """Through the rarest word, or through the source if that has fewer, where nothing else tells listings apart."""
    others = [clause for clause in query.clauses if not clause.is_not and not _is_of_words(clause)]
    wanted = held_terms(query, facts)
    if not wanted or (len(query.clauses) == 1 and _is_a_term(query.clauses[0])):
        return NONE
    through = Through(terms=wanted[0])
    match others:
        case []:
            return Hint("terms_newest", through=through)
        case [Facet(key="source", values=(source,))]:
            few = min(_MOST_COUNTED, facts.held_by(wanted[0]))
            if few > STRETCH and await db.jobs.count_documents({"source": source}, limit=few) < few:
                return Hint("source_newest", through=Through(source=source))
            return Hint("terms_newest", through=through)
        case _:
            return NONE


def _is_of_words(clause: Clause) -> bool:
    """Whether it is told by terms, by the order of the list, or of nearly every listing."""
    match clause:
        case Text() | Facet(key="remote" | "type") | Facet(key="copies", values=("hide",)):
            return True
        case Facet(key="status", values=("open",)):
            return True
        case Age(key="posted") | Days(key="posted") | Since(key="posted"):
            return True
        case _:
            return False


def _is_a_term(clause: Clause) -> bool:
    """Whether it is one term of the index, or one of several."""
    match clause:
        case Text(key="title"):
            return False
        case Text(words=(_,)) | Facet(key="remote" | "type"):
            return True
        case _:
            return False


async def _by_pay(db: Database, query: Query, facts: Facts) -> Hint:
    """Of N listings, n hold a word: n are gathered, or a walk down the pay meets a page of them in _PAGE * N / n."""
    match query.clauses:
        case (Facet(key="source", values=(source,), is_not=False),):
            # The walk tells a source by the id, which is in the key, and looks at no listing of others.
            few = isqrt(_OF_KEYS * await db.jobs.estimated_document_count()) + 1
            if await db.jobs.count_documents({"source": source}, limit=few) < few:
                return Hint("source_newest")
            return Hint("pay", {"_id": {"$regex": f"^{re.escape(source)}:", "$options": "i"}})
        case clauses if (terms := whole_terms(query)) and facts.frequencies:
            least = min(map(facts.held_by, terms))
            if least < isqrt(_PAGE * await db.jobs.estimated_document_count()):
                return Hint("terms_newest")
            return Hint("pay") if _is_a_word(clauses) else NONE
        case _:
            return NONE


def _is_a_word(clauses: tuple[Clause, ...]) -> bool:
    match clauses:
        case (Text(words=(_,), is_prefix=False),):
            return True
        case _:
            return False
