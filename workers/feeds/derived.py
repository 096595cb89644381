"""Texts made out of what paths find: dates in a dialect's order and zone, addresses from a template."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import quote

from workers.feeds.expression import Kind
from workers.feeds.normalise.dates import utc
from workers.feeds.paths import Alternative, Getter, compile_alternatives, unbound

_HOLE = re.compile(r"\{([^{}]+)\}")
_NO_DAY = datetime.min.replace(tzinfo=UTC)  # what is relative to the run's day stays for the normaliser


def dated(getter: Getter, zone: tzinfo, order: str) -> Getter:
    """Texts that are dates by this order and zone, as ISO 8601 in UTC; the others as they are."""

    def get(node: Any) -> list[str]:
        texts: list[str] = []
        for text in getter(node):
            found = utc(text, zone, order, _NO_DAY)
            texts.append(text if found is None else found.isoformat())
        return texts

    return get


def compile_url(template: str, kind: Kind) -> Alternative:
    """Compile "/job/{id}" or "https://{company.slug}.x.example/{id}"; nothing where a path finds nothing.

    Raises ValueError where a path cannot be read.
    """
    pieces = _HOLE.split(template)
    holes: list[list[Alternative]] = [compile_alternatives(path, kind) for path in pieces[1::2]]
    if not holes:
        raise ValueError(f"{template!r} has no {{path}} in it")

    def get(node: Any) -> list[str]:
        made = pieces[0]
        for hole, after in zip(holes, pieces[2::2], strict=True):
            text = _first([each.get for each in hole], node)
            if not text:
                return []
            made += quote(text, safe="/%") + after
        return [made]

    return unbound(get, template)


def _first(getters: list[Callable[[Any], list[str]]], node: Any) -> str:
    for getter in getters:
        for text in getter(node):
            if text.strip():
                return text.strip()
    return ""
