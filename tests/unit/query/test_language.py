"""What a query means, what is refused and where, and that its canonical text is read as the same query."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.feeds.terms import words
from workers.query import Query, QueryError, folding, keys, last_word, parse, write
from workers.query.model import Age, Amount, Clause, Days, Facet, Id, Inside, OfRun, Since, Text
from workers.store.compiling import Facts, compile, whole_terms

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def only(text: str) -> Clause:
    (clause,) = parse(text).clauses
    return clause


@pytest.mark.parametrize(
    "text, clause",
    [
        ("python ", Text("", ("python",))),
        ("python", Text("", ("python",), is_prefix=True)),
        ('"python"', Text("", ("python",))),
        ("C ", Text("", ("c",))),
        ("R", Text("", ("r",))),  # a single letter is no beginning
        ("ÉLAN* ", Text("", ("elan",), is_prefix=True)),
        ('"Site   Reliability"', Text("", ("site", "reliability"))),
        ("-intern", Text("", ("intern",), is_not=True)),
        ("!intern", Text("", ("intern",), is_not=True)),
        ("company:acme", Text("company", ("acme",))),
        ('title:"site reliability"', Text("title", ("site", "reliability"))),
        ("location:berl*", Text("location", ("berl",), is_prefix=True)),
        ("source:b,a,a", Facet("source", ("a", "b"))),
        ('text:"deep sea"', Inside(("deep", "sea"))),
        ("remote:true", Facet("remote", ("remote",))),
        ("remote:onsite,hybrid", Facet("remote", ("hybrid", "onsite"))),
        ("-type:contract,full-time", Facet("type", ("CONTRACTOR", "FULL_TIME"), is_not=True)),
        ("state:closed", Facet("status", ("closed",))),
        ("salary:>80k", Amount("salary", low=80_000, low_open=True)),
        ("salary:<=50,000", Amount("salary", high=50_000)),
        ("salary:50000..60000", Amount("salary", 50_000, 60_000)),
        ("posted:<7d", Age("posted", True, 7 * 86_400)),
        ("seen:>36h", Age("seen", False, 36 * 3_600)),
        ("posted:2026-10-01..2026-10-31", Days("posted", date(2026, 10, 1), date(2026, 10, 31))),
        ("new:>2026-10-01", Days("new", date(2026, 10, 2))),
        ("posted:2026-02-28", Days("posted", date(2026, 2, 28), date(2026, 2, 28))),
        ("new:>=2026-10-01T12:30Z", Since("new", datetime(2026, 10, 1, 12, 30, tzinfo=UTC))),
        ("changed:run:12", OfRun("changed", 12)),
        ("new:run:#12", OfRun("new", 12)),
        ("id:board:x:1", Id("board:x:1")),
        ('id:"board:a \\"b\\""', Id('board:a "b"')),
        ("id:board:::", Id("board:::")),
        ('id:"board:a*"', Id("board:a*")),
        ('id:"board:a*"*', Id("board:a*", is_prefix=True)),
        ("quality:<50", Amount("quality", high=50, high_open=True)),
        ("-copies:hide", Facet("copies", ("hide",), is_not=True)),
        ("id:board:*", Id("board:", is_prefix=True)),
    ],
)
def test_a_part_means(text: str, clause: Clause):
    assert only(text) == clause


@pytest.mark.parametrize(
    "text, column, says",
    [
        ("a compny:acme", 2, "did you mean company:?"),
        ("http://x", 0, "no key http: keys are title, company,"),
        ('a "b c', 2, "never closed"),
        ("a salary:lots", 9, "salary: expected a year's pay: >80000"),
        ("type:full_time,contact", 15, "(did you mean contract?)"),
        ("posted:7", 7, "posted: expected an age, days or a moment: <7d"),
        ("new:>=2026-10-01T25:00Z", 4, "new: expected"),
        ("posted:2026-02-30", 7, "posted: expected"),
        ("new:run:x", 8 - 4, "new: expected an age, days, or a run"),
        ("company: acme", 8, "company: expected a word"),
        ("-text:sea", 6, "text: expected a whole word"),
        ("text:se*", 5, "text: expected a whole word"),
        ("title:--", 6, "title: expected a word"),
        ("source:Bo_ard", 7, "source: expected a source's name"),
        ("x*", 0, "at least 2 letters"),
        ("sort:date", 5, "sort: expected posted or salary"),
        ("-sort:salary", 0, "sort: expected"),
        ("sort:salary sort:posted", 17, "one order"),
        ("id:12", 3, "id: expected SOURCE:EXTERNAL_ID"),
        ("id:board:", 3, "id: expected SOURCE:EXTERNAL_ID"),
        ("quality:101%", 8, "quality: expected a number from 0 to 100"),
        ("copies:show", 7, "copies: expected hide or only"),
        ("a \udcff", 2, "half a character"),
        (f'"{"long " * 60}"', 0, "at most 160 letters"),
        ("a " * 1001, 2000, "at most 2000 characters"),
        (" ".join(f"w{n}" for n in range(41)), 0, "at most 40 parts"),
    ],
)
def test_what_cannot_be_understood_is_refused_where_it_stands(text: str, column: int, says: str):
    with pytest.raises(QueryError, match=re.escape(says)) as refused:
        parse(text)
    assert (refused.value.column, str(refused.value)[:5]) == (column, "query")


WORD = st.text("abcdefghijkl0123456789", min_size=2, max_size=8)
NOT = st.booleans()
DAY = st.dates(date(2000, 1, 1), date(2100, 1, 1))
NUMBER = st.integers(0, 10**9)
TIME = st.sampled_from(keys.TIMES)
CLAUSES = st.one_of(
    st.builds(
        Text, st.sampled_from(("", *keys.TEXTS)), st.lists(WORD, min_size=1, max_size=3).map(tuple), st.booleans(), NOT
    ),
    st.builds(Inside, st.lists(WORD, min_size=1, max_size=3).map(tuple)),
    st.builds(Facet, st.just("source"), st.sets(WORD, min_size=1, max_size=3).map(lambda s: tuple(sorted(s))), NOT),
    st.builds(Amount, st.just("quality"), low=st.integers(0, 100), is_not=NOT),
    *(
        st.builds(
            Facet,
            st.just(key),
            st.sets(st.sampled_from(sorted(set(known.values()))), min_size=1).map(lambda s: tuple(sorted(s))),
            NOT,
        )
        for key, known in keys.FACETS.items()
        if known
    ),
    st.builds(lambda low, more, no: Amount("salary", low, low + more, is_not=no), NUMBER, NUMBER, NOT),
    st.builds(lambda n, is_open, no: Amount("salary", low=n, low_open=is_open, is_not=no), NUMBER, NOT, NOT),
    st.builds(lambda n, is_open, no: Amount("salary", high=n, high_open=is_open, is_not=no), NUMBER, NOT, NOT),
    st.builds(Age, TIME, st.booleans(), st.integers(0, 9_999_999), NOT),
    st.builds(Days, TIME, DAY, st.none() | DAY, NOT),
    st.builds(Days, TIME, st.none(), DAY, NOT),
    st.builds(
        Since,
        TIME,
        st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year > 999).map(lambda at: at.replace(microsecond=0)),
        NOT,
    ),
    st.builds(OfRun, st.sampled_from(keys.RUNS), st.integers(0, 10**17), NOT),
    st.builds(lambda s, x, p, n: Id(f"{s}:{x}", p, n), WORD, st.text('ab "\\:*é', min_size=1), NOT, NOT),
)
QUERIES = st.builds(
    Query, st.lists(CLAUSES, max_size=6).map(lambda found: tuple(dict.fromkeys(found))), st.sampled_from(keys.SORTS)
)


@given(QUERIES)
def test_what_is_written_is_read_as_the_same(query: Query):
    assert parse(write(query)) == query


HOSTILE = st.one_of(
    st.text(),
    st.text('ab:*"\\-!<>=.,#0123456789 \t\n\u202e\u2066\ud800', max_size=60),
    st.lists(
        st.sampled_from(
            [*(f"{key}:" for key in keys.EXPECTED), '"', "-", "run:", "..", "<7d", "a*", " ", "$where", ".*", "(a+)+$"]
        ),
        max_size=12,
    ).map("".join),
    st.builds(
        lambda part, n: part * n, st.text('a" -:*\\', min_size=1, max_size=4), st.sampled_from([100, 2000, 10_000])
    ),
)


@given(HOSTILE)
def test_any_text_is_read_or_refused_within_itself(text: str):
    try:
        query = parse(text)
    except QueryError as error:
        assert 0 <= error.column <= len(text)
    else:
        assert parse(write(query)) == query
        compile(query, Facts(now=NOW))


@given(QUERIES)
def test_every_query_compiles(query: Query):
    where = compile(query, Facts(now=NOW, runs={1: "a"}, last_complete={"a": NOW}))
    assert isinstance(where, dict)
    assert bool(where) == bool(query.clauses or query.sort == "salary")


def test_the_rarest_term_goes_first():
    query = parse("senior python company:acme remote:true ")
    assert set(whole_terms(query)) == {
        ("senior", "c:senior", "l:senior"),
        ("python", "c:python", "l:python"),
        ("c:acme",),
        ("r:remote",),
    }
    facts = Facts(now=NOW, frequencies={"senior": 900, "python": 300, "r:remote": 5000, "c:acme": 2})
    assert compile(query, facts) == {"search_terms": {"$all": ["c:acme", "python", "senior", "r:remote"]}}


def test_a_word_is_looked_for_wherever_the_dictionary_has_it():
    facts = Facts(now=NOW, frequencies={"berlin": 3, "l:berlin": 900, "bank": 70})
    assert compile(parse("bank berlin "), facts) == {
        "$and": [{"search_terms": "bank"}, {"search_terms": {"$in": ["berlin", "l:berlin"]}}]
    }
    unknown = {"search_terms": {"$in": ["zzyzx", "c:zzyzx", "l:zzyzx"]}}
    assert compile(parse("zzyzx "), facts) == unknown
    assert compile(parse("-berlin "), facts) == {
        "$nor": [{"search_terms": {"$in": ["berlin", "c:berlin", "l:berlin"]}}]
    }


def test_seen_is_known_of_sources_not_of_listings():
    facts = Facts(now=NOW, last_complete={"fresh": NOW - timedelta(hours=1), "stale": NOW - timedelta(days=3)})
    assert compile(parse("seen:<1d"), facts) == {"status": "open", "source": {"$in": ["fresh"]}}
    assert compile(parse("seen:<1m"), facts) == {"_id": {"$in": []}}


@pytest.mark.parametrize(
    "typed, found",
    [
        ("py", ("py", ("", "c:", "l:"), 0)),
        ("a company:Ac", ("ac", ("c:",), 10)),
        ("title:py", ("py", ("",), 6)),
        ("-ÉL", ("el", ("", "c:", "l:"), 1)),
    ],
)
def test_the_word_that_is_typed_is_found(typed: str, found: tuple[str, tuple[str, ...], int]):
    last = last_word(typed)
    assert last is not None
    assert (last.word, last.tags, last.column) == found


@pytest.mark.parametrize("typed", ["", "p", "py ", 'a "py', "source:py", "salary:>80", "type:con"])
def test_nothing_else_is_completed(typed: str):
    assert last_word(typed) is None


LETTERS = st.text(st.sampled_from("aeounszñÉéöÖßçŽйЙΩάa -,+#"), min_size=1, max_size=12)


@given(LETTERS, LETTERS, LETTERS)
def test_a_pattern_finds_what_folds_to_its_words(before: str, wanted: str, after: str):
    folded = tuple(words(wanted.replace("ß", "s")))
    if not folded or "+" in wanted or "#" in wanted:
        return
    plain = (
        folding.pattern(folded)
        .replace(r"\p{L}\p{N}", r"^\W_")
        .replace("[[^", "[^")
        .replace(r"\p{M}", "[\u0300-\u036f]")
    )
    plain = plain.replace(r"(?<![^\W_])", r"(?<![^\W_])").replace(r"[^^\W_]+", r"[\W_]+")
    text = f"{before} {wanted.replace('ß', 's')} {after}"
    assert re.search(plain, text, re.IGNORECASE), (plain, text)
