"""Short texts: titles, companies, places, tags. Entities resolved at most twice, HTML's tags off, one line, NFC."""

import html
import re
import unicodedata

from workers.feeds.text import one_line

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# Only what HTML has: "C++ <Senior>" keeps its words.
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|br|center|code|div|em|font|h[1-6]|i|img|li|mark|o:p|ol|p|s|script|small|span|strike|strong"
    r"|style|sub|sup|svg|table|td|tr|tt|u|ul|wbr)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_BREAKING = re.compile(r"</?(?:br|div|h[1-6]|li|ol|p|table|td|tr|ul)\b", re.IGNORECASE)


def short_text(text: str, limit: int) -> str:
    """A text for one line, at most `limit` characters; "" where nothing is left."""
    text = text[: limit * 10]
    if "&" in text:
        text = unescape(unescape(text))
    if "<" in text:
        text = _TAG.sub(lambda tag: " " if _BREAKING.match(tag.group()) else "", text)
    text = one_line(text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def unescape(text: str) -> str:
    """Resolve entities that end in a semicolon: "R&amp;D", but not the "&copy" of "?a=1&copy=2"."""
    return _ENTITY.sub(lambda match: html.unescape(match.group()), text) if "&" in text else text


def short_texts(texts: list[str], limit: int, count: int) -> list[str]:
    """Short texts without blanks and repeats, in order."""
    unique = dict.fromkeys(short_text(text, limit) for text in texts)
    unique.pop("", None)
    return list(unique)[:count]
