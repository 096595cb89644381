"""The word at the end of a query that is being typed, to be completed from the dictionary of terms."""

import re

import msgspec

from workers.feeds.terms import fold, words
from workers.query.keys import ALIASES, TAGS

SHORTEST = 2

_LAST = re.compile(r"(?:^|\s)[-!]?(?:([A-Za-z_]+):)?([^\W_]+[+#]*)$")


class Typed(msgspec.Struct, frozen=True):
    """A folded word, the tags of its terms, and where it begins."""

    word: str
    tags: tuple[str, ...]
    column: int


def last_word(text: str) -> Typed | None:
    """Find the word that is being typed; None within quotes, in values that are no words, and for a single letter."""
    found = _LAST.search(text)
    if found is None or text.count('"') % 2:
        return None
    key = (found[1] or "").lower()
    tags = TAGS.get(ALIASES.get(key, key))
    if tags is None or len(found[2]) < SHORTEST or words(found[2]) != [fold(found[2])]:
        return None
    return Typed(fold(found[2]), tags, found.start(2))
