"""Search terms: folded words. Who searches folds the words of a query by the same rule."""

import re
import unicodedata
from collections.abc import Iterable

LONGEST, MOST = 40, 80

_WORD = re.compile(r"[^\W_]+(?:[+#]+(?![^\W_]))?")


def fold(text: str) -> str:
    """Case and marks off: "Señor GRÜN" -> "senor grun"."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()


def words(text: str) -> list[str]:
    """Folded words in order, each at most 40 characters; "C++" and "C#" keep their signs."""
    return [word[:LONGEST] for word in _WORD.findall(fold(text))]


def search_terms(texts: Iterable[str]) -> list[str]:
    """The different words of several texts, at most 80, first come first kept."""
    return list(dict.fromkeys(words(" ".join(texts))))[:MOST]
