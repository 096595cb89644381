"""Patterns (PCRE) that find folded words in text that is stored as the feed has it.

A search term is a folded word; the text beside it is not. "developpeur" must find "Développeur": each letter stands
for every letter that folds to it, and marks may follow.
"""

import functools
import re
from collections import defaultdict

from workers.feeds.terms import LONGEST, fold

_EDGE = r"\p{L}\p{N}"
_LAST = 0x2000  # beyond it only signs, CJK and compatibility forms fold


def pattern(words: tuple[str, ...], *, is_prefix: bool = False) -> str:
    """A pattern, to be used with the option "i", for words side by side; the last may be a beginning."""
    between = rf"[^{_EDGE}]+"
    spelled = between.join(map(_word, words))
    last = "" if is_prefix else rf"(?![{_EDGE}])"
    return rf"(?<![{_EDGE}]){spelled}{last}"


def _word(word: str) -> str:
    is_cut = len(word) == LONGEST  # what is longer is stored and asked for by its beginning
    return "".join(map(_letter, word)) + (f"[{_EDGE}]*" if is_cut else "")


def _letter(letter: str) -> str:
    others = _spellings().get(letter)
    plain = re.escape(letter) if letter.isascii() else letter
    return rf"[{plain}{others}]\p{{M}}*" if others else rf"{plain}\p{{M}}*" if letter.isalpha() else plain


@functools.cache
def _spellings() -> dict[str, str]:
    found: defaultdict[str, str] = defaultdict(str)
    for code in range(0xAA, _LAST):
        letter = chr(code)
        folded = fold(letter)
        if letter.isalnum() and len(folded) == 1 and folded != letter:
            found[folded] += letter
    return dict(found)
