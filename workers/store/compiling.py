"""A query as MongoDB asks it. Pure: what must be looked up first is given as `Facts`.

Words, companies, locations, remote and types are all `search_terms` (see feeds.terms), so that one index,
{search_terms, posted_at, _id}, finds them in the order of the list. A word that may stand anywhere is one of several
terms: MongoDB merges their scans in the order of the list. Of several words it goes through one, and looks at what it
finds for the others; phrases and titles are looked at as well, by pattern. Which one is told it (`through`), or else it
tries them side by side until one has given a page.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from workers.query import folding
from workers.query.keys import TAGS
from workers.query.model import Age, Amount, Clause, Days, Facet, Id, Inside, OfRun, Query, Since, Text
from workers.store.documents import Document

_FIELDS = {"": ("title", "company", "locations", "tags"), "title": ("title",)} | {
    "company": ("company",),
    "location": ("locations",),
}
_FACETS = {"remote": "r:", "type": "e:"}
_BEST = 100
_COPIES: dict[str, Document] = {"hide": {"copy_of": None}, "only": {"copy_of": {"$gt": ""}}}
_BEYOND = "\U0010ffff"
_NOTHING: Document = {"_id": {"$in": []}}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a query needs to know: the time, terms of beginnings, how frequent terms are, sources, runs.

    `beginnings` maps what terms begin with (`starts`) to those terms; their frequencies are known, too. `last_complete`
    is when the last complete run of each source ended, which is when its open listings were last seen. `runs` maps a
    run to its source.
    """

    now: datetime
    beginnings: dict[tuple[str, ...], list[str]] = {}
    frequencies: dict[str, int] = {}
    last_complete: dict[str, datetime] = {}
    runs: dict[int, str] = {}

    def held_by(self, terms: tuple[str, ...]) -> int:
        """At most how many listings hold one of these."""
        return sum(self.frequencies.get(term, 0) for term in terms)


class Through(msgspec.Struct, frozen=True):
    """What every listing that is looked at has: one of some terms, or a source. Nothing: MongoDB may choose."""

    terms: tuple[str, ...] = ()
    source: str = ""

    def __bool__(self) -> bool:
        """Whether it is chosen."""
        return bool(self.terms or self.source)

    @property
    def where(self) -> Document:
        """As a filter, which one scan of an index serves."""
        return {"source": self.source} if self.source else _one_of(self.terms)


FREELY = Through()


def starts(query: Query, *, is_not: bool | None = None) -> list[tuple[str, ...]]:
    """What the terms begin with that a beginning stands for; of those that are negated, or are not, or of all."""
    texts = [clause for clause in query.clauses if isinstance(clause, Text) and clause.is_prefix]
    texts = [clause for clause in texts if is_not is None or clause.is_not == is_not]
    return list(dict.fromkeys(_terms(clause, clause.words[-1]) for clause in texts))


def whole_terms(query: Query) -> list[tuple[str, ...]]:
    """Terms of which every listing found holds one, for each whole word and each remote or type."""
    found: dict[tuple[str, ...], None] = {}
    for clause in query.clauses:
        if clause.is_not:
            continue
        if isinstance(clause, Text):
            found.update(dict.fromkeys(_terms(clause, word) for word in _whole(clause)))
        elif isinstance(clause, Facet) and clause.key in _FACETS:
            found[tuple(_FACETS[clause.key] + value.lower() for value in clause.values)] = None
    return list(found)


def _terms(clause: Text, word: str) -> tuple[str, ...]:
    return tuple(tag + word for tag in TAGS[clause.key])


def _whole(clause: Text) -> tuple[str, ...]:
    return clause.words[:-1] if clause.is_prefix else clause.words


def held_terms(query: Query, facts: Facts) -> list[tuple[str, ...]]:
    """Terms of which every listing found holds one, for each word and each beginning, the rarest first."""
    wanted = [_held(terms, facts) for terms in whole_terms(query)]
    wanted += [_begun(terms, facts) for terms in starts(query, is_not=False)]
    return _rarest_first(wanted, facts)


def posted_within(query: Query, facts: Facts) -> list[Document]:
    """When what is found was posted."""
    asked = [clause for clause in query.clauses if isinstance(clause, (Age, Days, Since)) and not clause.is_not]
    return [_time(clause, facts) for clause in asked if clause.key == "posted"]


def compile(query: Query, facts: Facts, through: Through = FREELY) -> Document:
    """Build the filter. `through` is all that an index is used for; its terms are of `held_terms`."""
    if through:
        others = (terms for terms in held_terms(query, facts) if terms != through.terms)
        parts = [through.where, *map(_looked_at, others)]
    else:
        parts = _holding([_held(terms, facts) for terms in whole_terms(query)], facts)
        parts += [_one_of(_begun(terms, facts)) for terms in starts(query, is_not=False)]
    if inside := [f'"{" ".join(clause.words)}"' for clause in query.clauses if isinstance(clause, Inside)]:
        parts.append({"$text": {"$search": " ".join(inside)}})
    for clause in query.clauses:
        wanted = [part for part in _clause(clause, facts) if part]
        if clause.is_not:
            parts.append({"$nor": [{"$and": wanted} if len(wanted) > 1 else wanted[0]]})
        else:
            parts += wanted
    if query.sort != "posted":
        parts.append({"pay": {"$gt": 0}})
    return {"$and": parts} if len(parts) > 1 else parts[0] if parts else {}


def _held(terms: tuple[str, ...], facts: Facts) -> tuple[str, ...]:
    """Those of the dictionary; all of them where it knows none: it may not have been made yet."""
    return tuple(term for term in terms if term in facts.frequencies) or terms


def _begun(starts: tuple[str, ...], facts: Facts) -> tuple[str, ...]:
    return tuple(facts.beginnings.get(starts, ()))


def _rarest_first(wanted: list[tuple[str, ...]], facts: Facts) -> list[tuple[str, ...]]:
    return sorted(dict.fromkeys(wanted), key=facts.held_by)


def _one_of(terms: tuple[str, ...]) -> Document:
    return {"search_terms": terms[0] if len(terms) == 1 else {"$in": list(terms)}}


def _looked_at(terms: tuple[str, ...]) -> Document:
    """What MongoDB plans no scan for: of two words it would try both, which takes twice as long (bench.search)."""
    return {"$nor": [{"search_terms": {"$nin": list(terms)}}]}


def _holding(wanted: list[tuple[str, ...]], facts: Facts) -> list[Document]:
    """One of the terms of each, the rarest first."""
    wanted = _rarest_first(wanted, facts)
    single = [terms[0] for terms in wanted if len(terms) == 1]
    several = [_one_of(terms) for terms in wanted if len(terms) > 1]
    if not single:
        return several
    return [{"search_terms": single[0] if len(single) == 1 else {"$all": single}}, *several]


def _clause(clause: Clause, facts: Facts) -> Iterable[Document]:
    match clause:
        case Text():
            return _text(clause, facts)
        case Inside():
            return []  # one $text for all of them
        case Facet():
            return [_facet(clause)]
        case Amount():
            return [_quality(clause)] if clause.key == "quality" else [{"pay": _bounds(clause)}]
        case Age() | Days() | Since():
            return [_time(clause, facts)]
        case OfRun():
            return [_of_run(clause, facts)]
        case Id():
            return [{"_id": {"$gte": clause.id, "$lt": clause.id + _BEYOND} if clause.is_prefix else clause.id}]


def _text(clause: Text, facts: Facts) -> Iterable[Document]:
    """The pattern of a phrase or title; negated, also the words and the beginning, which are in no `held_terms`."""
    if clause.is_not:
        yield from (_one_of(_terms(clause, word)) for word in _whole(clause))
        if clause.is_prefix:
            yield _one_of(_begun(_terms(clause, clause.words[-1]), facts))
    if len(clause.words) > 1 or clause.key == "title":
        how = {"$regex": folding.pattern(clause.words, is_prefix=clause.is_prefix), "$options": "i"}
        fields = _FIELDS[clause.key]
        yield {fields[0]: how} if len(fields) == 1 else {"$or": [{field: how} for field in fields]}


def _facet(clause: Facet) -> Document:
    if clause.key in _FACETS:
        values = [_FACETS[clause.key] + value.lower() for value in clause.values]
        return {"search_terms": {"$in": values}} if clause.is_not else {}  # else in whole_terms
    if clause.key == "copies":
        asked = [_COPIES[value] for value in clause.values]
        return asked[0] if len(asked) == 1 else {"$or": asked}
    return {clause.key: clause.values[0] if len(clause.values) == 1 else {"$in": list(clause.values)}}


def _bounds(clause: Amount) -> Document:
    """Pay is never 0: the lower bound tells MongoDB that the partial index holds all that is asked for."""
    bounds: Document = {"$gt": 0}
    if clause.low:
        bounds = {"$gt" if clause.low_open else "$gte": clause.low}
    if clause.high is not None:
        bounds["$lt" if clause.high_open else "$lte"] = clause.high
    return bounds


def _quality(clause: Amount) -> Document:
    """Every mark by itself: scans of one mark each are in the list's order, and MongoDB merges them."""
    low = 0 if clause.low is None else clause.low + clause.low_open
    high = _BEST if clause.high is None else min(_BEST, clause.high - clause.high_open)
    return {"quality": {"$in": list(range(low, high + 1))}}


def _time(clause: Age | Days | Since, facts: Facts) -> Document:
    """Bounds of a moment, the upper one excluded."""
    low, high = _moments(clause, facts.now)
    if clause.key == "seen":
        return _seen(low, high, facts)
    bounds: Document = {}
    if low is not None:
        bounds["$gte"] = low
    if high is not None:
        bounds["$lt"] = high
    return {"posted_at" if clause.key == "posted" else "metadata.first_seen": bounds}


def _moments(clause: Age | Days | Since, now: datetime) -> tuple[datetime | None, datetime | None]:
    if isinstance(clause, Since):
        return clause.at, None
    if isinstance(clause, Age):
        cut = now - timedelta(seconds=clause.seconds)
        return (cut, None) if clause.is_younger else (None, cut)
    first = None if clause.first is None else _midnight(clause.first)
    if clause.last is None or clause.last == date.max:
        return first, None
    return first, _midnight(clause.last + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _seen(low: datetime | None, high: datetime | None, facts: Facts) -> Document:
    """An open listing was last seen by the last complete run of its source, a closed one before it was closed."""

    def within(at: datetime) -> bool:
        return (low is None or at >= low) and (high is None or at < high)

    sources = [name for name, at in facts.last_complete.items() if within(at)]
    still_open = {"status": "open", "source": {"$in": sources}}
    if high is None:
        return still_open if sources else _NOTHING
    closed: Document = {"$lt": high} if low is None else {"$gte": low, "$lt": high}
    return {"$or": [still_open, {"status": "closed", "metadata.closed_at": closed}]}


def _of_run(clause: OfRun, facts: Facts) -> Document:
    """Through the run's source: a run has one, and the indexes begin with it."""
    source = facts.runs.get(clause.run)
    if source is None:
        return _NOTHING
    run = clause.run
    if clause.key == "new":
        # changed_run only narrows the scan: it never falls behind first_run.
        return {"source": source, "changed_run": {"$gte": run}, "first_run": run}
    if clause.key == "changed":
        # The stamp is the last run's; what earlier ones changed stands in the listing's own history.
        told = {"source": source, "changes": {"$elemMatch": {"run": run, "because": ""}}, "changes.run": run}
        return {"$or": [{"source": source, "changed_run": run, "first_run": {"$ne": run}}, told]}
    return {"source": source, "status": "closed", "closed_run": run}
