"""Where the work is: the places, and whether it is onsite, hybrid or remote."""

import re
from typing import Literal

from workers.feeds.normalise.title import short_texts
from workers.model.listing import Remote

_LONGEST, _MOST = 200, 50

_WORDS: dict[Remote, str] = {
    "hybrid": "hybrid hybride híbrido ibrido partlyremote partiallyremote remotehybrid teilweisehomeoffice",
    "remote": "remote telecommute telecommuting fullyremote remoteonly 100remote workfromhome wfh homeoffice home "
    "télétravail teletravail remoto teletrabajo anywhere distributed virtual fullremote remotefirst",
    "onsite": "onsite inoffice office inperson vorort surplace presencial notremote",
}
_KEYS: dict[str, Remote] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_YES = {"true", "yes", "1", "y", "ja", "oui", "si", "sí"}
_NO = {"false", "no", "0", "n", "nein", "non"}
_NOT_LETTERS = re.compile(r"[\W_]+")
_IN_PLACE = re.compile(r"(?:^|[(\[,;/|–—-]\s*)(?:100\s*%\s*|fully\s+)?(remote|hybrid)\b(?!\s*control)", re.IGNORECASE)


def places(texts: list[str]) -> list[str]:
    """Place names: short texts without blanks and repeats, in the feed's order; at most 50."""
    return short_texts([text.strip(" ,;|") for text in texts[:200]], _LONGEST, _MOST)


def remote(texts: list[str], locations: list[str], constant: Remote | Literal[""]) -> Remote | None:
    """Onsite, hybrid, remote, or None where nobody says.

    The source's own setting first; then an explicit word, before a boolean: a board says Hybrid beside
    isRemote = true; then a place that calls itself remote.
    """
    if constant:
        return constant
    keys = [_NOT_LETTERS.sub("", text[:100]).casefold() for text in texts[:10]]
    for key in keys:
        kind = _KEYS.get(key)
        if kind is not None:
            return kind
    if any(key in _YES for key in keys):
        return "remote"
    for text in locations:
        match = _IN_PLACE.search(text)
        if match is not None:
            return "hybrid" if match.group(1).lower() == "hybrid" else "remote"
    return "onsite" if any(key in _NO for key in keys) and locations else None
