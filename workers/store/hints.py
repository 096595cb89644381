"""Which index a query goes through, where MongoDB would find out at great cost.

MongoDB tries its plans side by side until one gives a page, and what the others read meanwhile is in vain: most of the
time for `new:run` (300 ms of 340 in a source of 40,000 listings) and for `sort:salary`, whose listings are either met
by walking down the pay, or gathered and sorted. How many hold a word or belong to a source tells which of the two.
"""

import re
from math import isqrt

import msgspec

from workers.query.model import Clause, Facet, OfRun, Query, Text
from workers.store.compiling import Facts, whole_terms
from workers.store.connect import Database
from workers.store.documents import Document

_PAGE = 50  # listings that a walk is to meet
_OF_KEYS = 20  # what a walk costs that looks at keys alone, beside one that looks at listings


class Hint(msgspec.Struct, frozen=True):
    """An index, None for MongoDB's own choice, and what is true of all that is found, that its keys alone tell."""

    index: str | None = None
    also: Document = {}


NONE = Hint()


async def hint(db: Database, query: Query, facts: Facts) -> Hint:
    """Choose. An index that is not there (see `migrations`) is never chosen."""
    found = NONE
    if any(isinstance(clause, OfRun) and clause.key == "new" and not clause.is_not for clause in query.clauses):
        found = Hint("source_changed")
    elif query.sort == "salary":
        found = await _by_pay(db, query, facts)
    return found if found.index and found.index in await db.jobs.index_information() else NONE


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
            least = min(sum(facts.frequencies.get(term, 0) for term in alike) for alike in terms)
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
