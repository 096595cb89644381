"""The language in which people ask for listings, the same in console, command, export and watches. Pure.

    model     Query and its clauses         keys      what each key takes, and how that is said
    values    ages, days, amounts           reading   text -> Query; an error points at its column
    typing    the word that is being typed
    writing   Query -> text, canonical      folding   patterns that find folded words in text that is not folded

`python "site reliability" -intern company:acme remote:true salary:>80000 posted:<7d sort:salary`: everything must hold,
`-` takes it back, `*` ends a beginning, commas stand between alternatives. docs/search.md is its manual.
"""

from workers.query.model import Query, QueryError
from workers.query.reading import parse
from workers.query.typing import last_word
from workers.query.writing import write

__all__ = ["Query", "QueryError", "last_word", "parse", "write"]
