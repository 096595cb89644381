"""Search terms: folded words. Who searches folds the words of a query by the same rule.

A word is kept once for each place where it stands, with that place as its tag, which no word can be (it has no colon):
`python` of the title or a tag, `c:acme` of the company, `l:berlin` of a location. Each costs an entry of the index, so
what stands anywhere is asked for by all three. `r:remote` is how the work is done, `e:contractor` a type of employment.
"""

import re
import unicodedata
from collections.abc import Iterable

LONGEST, MOST = 40, 80
ANYWHERE = ("", "c:", "l:")
"""The tags of words."""

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


def search_terms(
    title: str,
    company: str = "",
    locations: Iterable[str] = (),
    tags: Iterable[str] = (),
    remote: str | None = None,
    employment_types: Iterable[str] = (),
) -> list[str]:
    """The terms of a listing: its different words, at most 80, first come first kept; then what tags alone say."""
    texts = [("", title), ("c:", company), *(("l:", place) for place in locations), *(("", tag) for tag in tags)]
    found = list(dict.fromkeys(tag + word for tag, text in texts for word in words(text)))[:MOST]
    return [*found, *([f"r:{remote}"] if remote else []), *(f"e:{kind.lower()}" for kind in employment_types)]
