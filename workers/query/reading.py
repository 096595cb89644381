"""Text -> Query. One pass over the characters; what cannot be understood is refused with its column."""

import difflib
import re
from typing import cast

from workers.feeds.terms import words
from workers.query import keys, values
from workers.query.model import (
    Clause,
    Facet,
    FacetKey,
    Id,
    Inside,
    OfRun,
    Query,
    QueryError,
    Sort,
    Text,
    TextKey,
)

LONGEST = 2000
MOST_CLAUSES = 40
LONGEST_PHRASE = 160
"""Letters: as a pattern they are up to 30 kB, and MongoDB takes 32."""
SHORTEST_PREFIX = 2
"""Letters of a beginning: a single letter stands for itself ("C", "R")."""

_KEY = re.compile(r"([A-Za-z_]+):")
_SPACE = re.compile(r"\s*")
_BARE = re.compile(r"\S*")
_ID = re.compile(r"[a-z0-9-]{1,64}:(.*)", re.DOTALL)
_NO_TEXT = re.compile("[\ud800-\udfff]")
_TIMES = (values.age, values.days, values.moment)
_RUN = re.compile(r"run:#?(\d{1,18})")


def parse(text: str) -> Query:
    """Read a query. A last word that nothing follows, not even a space, is a beginning: `"java"` is only itself.

    Raises QueryError.
    """
    if len(text) > LONGEST:
        raise QueryError(text[:LONGEST], LONGEST, f"a query has at most {LONGEST} characters")
    if broken := _NO_TEXT.search(text):
        raise QueryError(text, broken.start(), "this character is half a character")
    return _Reader(text).query()


class _Reader:
    """One text on its way."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._clauses: list[Clause] = []
        self._sort: Sort | None = None

    def query(self) -> Query:
        while self._skip():
            start = self._at
            is_not = self._text[start] in "-!"
            self._at += is_not
            self._clause(start, is_not)
        unique = tuple(dict.fromkeys(self._clauses))
        if len(unique) > MOST_CLAUSES:
            raise QueryError(self._text, 0, f"a query has at most {MOST_CLAUSES} parts")
        return Query(unique, self._sort or "posted")

    def _skip(self) -> bool:
        self._at = cast("re.Match[str]", _SPACE.match(self._text, self._at)).end()
        return self._at < len(self._text)

    def _clause(self, start: int, is_not: bool) -> None:
        found = _KEY.match(self._text, self._at)
        if found is None:
            value, is_quoted = self._value()
            self._words("", value, is_quoted=is_quoted, is_not=is_not, column=start)
            return
        key = self._key(found[1].lower(), self._at)
        self._at = found.end()
        column = self._at
        value, is_quoted = self._value()
        if not value:
            raise self._expected(key, column)
        if key in keys.TEXTS:
            self._words(key, value, is_quoted=is_quoted, is_not=is_not, column=column)
        elif key == "sort":
            self._order(value, start if is_not else column, is_not)
        elif key == "text":
            self._inside(value, is_quoted=is_quoted, is_not=is_not, column=column)
        elif key == "id":
            self._id(value, is_quoted=is_quoted, is_not=is_not, column=column)
        else:
            self._clauses.append(self._keyed(key, value, is_not, column))

    def _key(self, key: str, column: int) -> str:
        key = keys.ALIASES.get(key, key)
        if key in keys.EXPECTED:
            return key
        near = difflib.get_close_matches(key, keys.EXPECTED, n=1)
        hint = f"did you mean {near[0]}:?" if near else f"keys are {', '.join(keys.EXPECTED)}"
        raise QueryError(self._text, column, f'no key {key[:40]}: {hint} (text with a colon goes in "quotes")')

    def _value(self) -> tuple[str, bool]:
        """The value that begins here, and whether it stands in quotes."""
        if self._text[self._at : self._at + 1] != '"':
            bare = cast("re.Match[str]", _BARE.match(self._text, self._at))
            self._at = bare.end()
            return bare[0], False
        opened = self._at
        taken: list[str] = []
        self._at += 1
        while self._at < len(self._text):
            character = self._text[self._at]
            self._at += 1
            if character == '"':
                return "".join(taken), True
            if character == "\\" and self._text[self._at : self._at + 1] in ('"', "\\"):
                character = self._text[self._at]
                self._at += 1
            taken.append(character)
        raise QueryError(self._text, opened, 'this quote is never closed: add a "')

    def _words(self, key: str, value: str, *, is_quoted: bool, is_not: bool, column: int) -> None:
        folded = words(value)
        if not folded:
            if key:
                raise self._expected(key, column)
            return  # nothing but signs
        if len(folded) > 1 and sum(map(len, folded)) > LONGEST_PHRASE:
            raise QueryError(self._text, column, f"words side by side have at most {LONGEST_PHRASE} letters")
        starred = self._star(value, is_quoted=is_quoted)
        is_last = not key and not is_quoted and not is_not and self._at == len(self._text)
        is_prefix = (starred or is_last) and len(folded[-1]) >= SHORTEST_PREFIX
        if starred and not is_prefix:
            raise QueryError(self._text, column, f"a beginning has at least {SHORTEST_PREFIX} letters before its *")
        self._clauses.append(Text(cast("TextKey", key), tuple(folded), is_prefix, is_not))

    def _inside(self, value: str, *, is_quoted: bool, is_not: bool, column: int) -> None:
        found = words(value)
        if not found or is_not or self._star(value, is_quoted=is_quoted):
            raise self._expected("text", column)
        self._clauses.append(Inside(tuple(found)))

    def _star(self, value: str, *, is_quoted: bool) -> bool:
        """Whether a value is a beginning; a * that follows a closing quote is taken, one within is a character."""
        if not is_quoted:
            return value.endswith("*")
        found = self._text[self._at : self._at + 1] == "*"
        self._at += found
        return found

    def _order(self, value: str, column: int, is_not: bool) -> None:
        if is_not or value not in keys.SORTS:
            raise self._expected("sort", column)
        if self._sort not in (None, value):
            raise QueryError(self._text, column, "a query has one order: sort: stands here twice")
        self._sort = value

    def _keyed(self, key: str, value: str, is_not: bool, column: int) -> Clause:
        if key in keys.FACETS:
            return self._facet(key, value, is_not, column)
        found: Clause | None = None
        if key in keys.RUNS and (run := _RUN.fullmatch(value)):
            found = OfRun(key, int(run[1]), is_not)
        if found is None and key in keys.AMOUNTS:
            found = values.amount(key, value, is_not=is_not)
        if found is None and key in keys.TIMES:
            found = next((time for read in _TIMES if (time := read(key, value, is_not=is_not))), None)
        if found is None:
            raise self._expected(key, column)
        return found

    def _id(self, value: str, *, is_quoted: bool, is_not: bool, column: int) -> None:
        is_prefix = self._star(value, is_quoted=is_quoted)
        plain = value[:-1] if is_prefix and not is_quoted else value
        found = _ID.fullmatch(plain)
        if found is None or not (found[1] or is_prefix):
            raise self._expected("id", column)
        self._clauses.append(Id(plain, is_prefix, is_not))

    def _facet(self, key: str, value: str, is_not: bool, column: int) -> Facet:
        allowed, also = keys.FACETS[key], keys.ALSO.get(key, {})
        taken: dict[str, None] = {}
        for word in value.split(","):
            known = word.lower().replace("-", "_")
            if not allowed:
                stored = word if re.fullmatch(r"[a-z0-9-]{1,64}", word) else None
            else:
                stored = allowed.get(known) or also.get(known)
            if stored is None:
                near = difflib.get_close_matches(known, allowed, n=1)
                raise self._expected(key, column, f" (did you mean {near[0]}?)" if near else "")
            taken[stored] = None
            column += len(word) + 1
        return Facet(cast("FacetKey", key), tuple(sorted(taken)), is_not)

    def _expected(self, key: str, column: int, hint: str = "") -> QueryError:
        return QueryError(self._text, column, f"{key}: expected {keys.EXPECTED[key]}{hint}")
