"""Search terms: folded words. Who searches folds the words of a query by the same rule.

Beside the words stand tagged terms, which no word can be (it has no colon): `c:acme` a word of the company, `l:berlin`
of a location, `r:remote` how it is done, `e:contractor` a type of employment. One index then serves words and filters.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST, MOST = 40, 80
MOST_TAGGED = 12  # of a field

# Accents and points, which people leave out; not the vowel signs of Indic scripts, which they do not.
_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_WORD = re.compile(r"[^\W_]+(?:[+#]+(?![^\W_]))?")


def fold(text: str) -> str:
    """Case and marks off: "Señor GRÜN" -> "senor grun"."""
    if text.isascii():
        return text.lower()
    return _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold())).casefold()


def words(text: str) -> list[str]:
    """Folded words in order, each at most 40 characters; "C++" and "C#" keep their signs."""
    return [word[:LONGEST] for word in _WORD.findall(fold(text))]


def search_terms(texts: Iterable[str]) -> list[str]:
    """The different words of several texts, at most 80, first come first kept."""
    return list(dict.fromkeys(word for text in texts for word in words(text)))[:MOST]


def tagged(company: str, locations: Sequence[str], remote: str | None, employment_types: Sequence[str]) -> list[str]:
    """The tagged terms of a listing, at most 12 a field."""
    places = dict.fromkeys(word for place in locations for word in words(place))
    return [
        *(f"c:{word}" for word in list(dict.fromkeys(words(company)))[:MOST_TAGGED]),
        *(f"l:{word}" for word in list(places)[:MOST_TAGGED]),
        *([f"r:{remote}"] if remote else []),
        *(f"e:{kind.lower()}" for kind in employment_types),
    ]
