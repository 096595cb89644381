"""Where the work is: the places, and whether it is onsite, hybrid or remote."""

import re
from typing import Literal

from workers.feeds.normalise.title import short_texts
from workers.model.listing import Remote

_LONGEST, _MOST = 200, 50

# What a whole text says, letters only; eight languages.
_WORDS: dict[Remote, str] = {
    "hybrid": "hybrid hybride híbrido hibrido híbrida ibrido ibrida hybridowa hybrydowa hybrydowo hybryda partlyremote "
    "partiallyremote partremote remotehybrid hybridremote flexible teilweisehomeoffice mobilesarbeiten "
    "télétravailpartiel semipresencial deelsthuis",
    "remote": "remote telecommute telecommuting fullyremote remoteonly 100remote workfromhome wfh homeoffice home "
    "télétravail teletravail remoto teletrabajo teletrabalho anywhere distributed virtual fullremote remotefirst "
    "fernarbeit adistance àdistance distanciel adistancia adistância distanza dadistanza smartworking telelavoro "
    "thuiswerken opafstand zdalna zdalnie pracazdalna praczdalna distans pådistans hemarbete fjernarbejde",
    "onsite": "onsite inoffice office inperson vorort surplace sursite presencial notremote präsenz ensite présentiel "
    "presenziale insede inpresenza oplocatie stacjonarna stacjonarnie pålats påplats kontor",
}
_KEYS: dict[str, Remote] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
# A word within a longer text: "Hybrid remote in Leeds", "100% Remote (EU)".
_INSIDE: dict[Remote, set[str]] = {
    "hybrid": {"hybrid", "hybride", "híbrido", "hibrido", "ibrido", "hybrydowa"},
    "remote": {"remote", "remoto", "telecommute", "télétravail", "teletrabajo", "homeoffice", "zdalna"},
    "onsite": {"onsite", "presencial", "présentiel", "stacjonarna"},
}
_NEGATIONS = {"no", "not", "non", "nicht", "kein", "keine", "pas", "ikke", "inte", "nie", "niet", "não", "without"}
_LETTERS = re.compile(r"[^\W\d_]+")
_YES = {"true", "yes", "1", "y", "ja", "oui", "si", "sí"}
_NO = {"false", "no", "0", "n", "nein", "non"}
_NOT_LETTERS = re.compile(r"[\W_]+")
_IN_PLACE = re.compile(r"(?:^|[(\[,;/|–—-]\s*)(?:100\s*%\s*|fully\s+)?(remote|hybrid)\b(?!\s*control)", re.IGNORECASE)


def places(texts: list[str]) -> list[str]:
    """Place names: short texts without blanks and repeats, in the feed's order; at most 50."""
    unique = dict.fromkeys(text.strip(" ,;|") for text in short_texts(texts[:200], _LONGEST, _MOST))
    unique.pop("", None)
    return list(unique)


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
    for text in texts[:10]:
        kind = _said_in(text[:100])
        if kind is not None:
            return kind
    if any(key in _YES for key in keys):
        return "remote"
    for text in locations:
        match = _IN_PLACE.search(text)
        if match is not None:
            return "hybrid" if match.group(1).lower() == "hybrid" else "remote"
    return "onsite" if any(key in _NO for key in keys) and locations else None


def _said_in(text: str) -> Remote | None:
    words = set(_LETTERS.findall(text.casefold()))
    if len(words) < 2:
        return None
    for kind, known in _INSIDE.items():
        if not words.isdisjoint(known):
            return kind if words.isdisjoint(_NEGATIONS) else "onsite" if kind == "remote" else None
    return None
