"""Which listing an item is: derived once, by the fetcher, from the mapped strings; the normaliser never changes it.

The source's id as text; else its canonical url; else a hash of title, company and location. "" where none of
these can tell one listing from another.
"""

import hashlib
import html
import re

from workers.feeds.normalise.urls import canonical, http_url
from workers.feeds.text import one_line
from workers.model import Source

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_LONGEST = 1000  # characters; a longer id is replaced by its hash


def identity(fields: dict[str, list[str]], source: Source) -> str:
    """The listing's id within its source: stripped, entities left inside resolved, case untouched; "" if none."""
    for text in fields.get("id", ()):
        found = _clean(text)
        if found:
            return found
    for text in fields.get("url", ()):
        url = http_url(text, source.url)
        if url:
            return _bounded(canonical(url))
    title = _first(fields, "title")
    company = _first(fields, "company")
    places = sorted(one_line(text) for text in fields.get("locations", ()) if text.strip())
    if not title or not (company or places):
        return ""
    return _hashed("\x1f".join((title, company, *places)))


def identity_hash(external_id: str) -> bytes:
    """8 bytes that stand for an identity in a batch's `seen`."""
    return hashlib.blake2b(external_id.encode("utf-8", "replace"), digest_size=8).digest()


def _first(fields: dict[str, list[str]], name: str) -> str:
    found = fields.get(name)
    return one_line(found[0]) if found else ""


def _clean(text: str) -> str:
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    return _bounded(one_line(text))


def _bounded(text: str) -> str:
    return text if len(text) <= _LONGEST else _hashed(text)


def _hashed(text: str) -> str:
    return "h:" + hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
