"""What the store should hold, told in the simplest words: listings by id, moved by rows as they are settled."""

from collections.abc import Iterable
from dataclasses import dataclass

from workers.model import Counts


@dataclass
class Kept:
    """A listing as it should be."""

    title: str
    first: int
    changed: int
    closed: int | None = None


class Board:
    """One source's listings. `unsure` are those that a batch which died half-written may have touched."""

    def __init__(self) -> None:
        self.listings: dict[str, Kept] = {}

    def apply(self, run: int, items: Iterable[tuple[str, str]]) -> Counts:
        """Import (id, title) pairs; a listing without a title is a reject."""
        tally = {"new": 0, "updated": 0, "unchanged": 0, "failed": 0}
        for id, title in items:
            tally[self._take(run, id, title)] += 1
        return Counts(**tally)

    def _take(self, run: int, id: str, title: str) -> str:
        if not title or not id:
            return "failed"
        known = self.listings.get(id)
        if known is None:
            self.listings[id] = Kept(title, run, run)
            return "new"
        if known.first == run:
            return "new"
        if known.changed == run:
            return "updated"
        if known.title == title and known.closed is None:
            return "unchanged"
        self.listings[id] = Kept(title, known.first, run)
        return "updated"

    def close(self, run: int, present: set[str]) -> int:
        """Close the open listings that are not present; how many."""
        gone = [kept for id, kept in self.listings.items() if kept.closed is None and id not in present]
        for kept in gone:
            kept.closed = run
        return len(gone)

    def open_titles(self) -> dict[str, str]:
        return {id: kept.title for id, kept in self.listings.items() if kept.closed is None}
