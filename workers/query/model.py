"""A query: clauses that must all hold, and an order."""

from datetime import date, datetime
from typing import ClassVar, Literal

import msgspec

from workers.errors import ConfigError

TextKey = Literal["", "title", "company", "location"]
FacetKey = Literal["source", "status", "remote", "type", "copies"]
AmountKey = Literal["salary", "quality"]
TimeKey = Literal["posted", "seen", "new"]
RunKey = Literal["new", "changed", "closed"]
Sort = Literal["posted", "salary"]
Bound = Literal["<", "<=", ">", ">="]


class QueryError(ConfigError):
    """A query that cannot be understood. `column` counts characters from 0."""

    def __init__(self, text: str, column: int, reason: str) -> None:
        super().__init__("query", "", None, "")
        self.text, self.column, self.reason = text, column, reason
        self.args = (f"query, column {column + 1}: {reason}",)


class Text(msgspec.Struct, frozen=True, tag=True):
    """Folded words that stand side by side; with `is_prefix` the last is a beginning of two letters or more."""

    key: TextKey
    words: tuple[str, ...]
    is_prefix: bool = False
    is_not: bool = False


class Inside(msgspec.Struct, frozen=True, tag=True):
    """Folded words that stand side by side in the description; only whole words, and never taken back."""

    words: tuple[str, ...]
    is_not: ClassVar[bool] = False
    key: ClassVar[str] = "text"


class Facet(msgspec.Struct, frozen=True, tag=True):
    """One of these values, as they are stored; `copies` is hide (a group's first alone) or only (the others)."""

    key: FacetKey
    values: tuple[str, ...]
    is_not: bool = False


class Amount(msgspec.Struct, frozen=True, tag=True):
    """A number between bounds: a year's pay in the listing's own currency, or marks out of 100."""

    key: AmountKey
    low: int | None = None
    high: int | None = None
    low_open: bool = False
    high_open: bool = False
    is_not: bool = False


class Age(msgspec.Struct, frozen=True, tag=True):
    """Younger (<) or older (>) than so many seconds."""

    key: TimeKey
    is_younger: bool
    seconds: int
    is_not: bool = False


class Days(msgspec.Struct, frozen=True, tag=True):
    """From the first to the last day, both included, in UTC."""

    key: TimeKey
    first: date | None = None
    last: date | None = None
    is_not: bool = False


class Since(msgspec.Struct, frozen=True, tag=True):
    """At a moment (UTC, whole seconds) or later."""

    key: TimeKey
    at: datetime
    is_not: bool = False


class OfRun(msgspec.Struct, frozen=True, tag=True):
    """What a run brought, changed or closed, by the listing's stamps."""

    key: RunKey
    run: int
    is_not: bool = False


class Id(msgspec.Struct, frozen=True, tag=True):
    """One listing, or all whose key begins so."""

    id: str
    is_prefix: bool = False
    is_not: bool = False


Clause = Text | Inside | Facet | Amount | Age | Days | Since | OfRun | Id


class Query(msgspec.Struct, frozen=True):
    """What is asked for. No clause finds everything."""

    clauses: tuple[Clause, ...] = ()
    sort: Sort = "posted"

    def also(self, *clauses: Clause) -> "Query":
        """The same, with more to hold."""
        return Query((*self.clauses, *clauses), self.sort)

    def takes(self, key: str) -> bool:
        """Whether a clause speaks of a key."""
        return any(getattr(clause, "key", "id") == key for clause in self.clauses)
