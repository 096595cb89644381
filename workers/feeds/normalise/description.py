"""Descriptions: HTML through nh3, and the text in it."""

import html
import re

import nh3

from workers.feeds.text import without_controls

_LONGEST = 200_000  # characters of a description, before and after cleaning
_MOST_TAGS = 5_000  # beyond this it is no description but an attack on the cleaner: its text is kept

_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "i", "ins", "li", "ol", "p", "pre", "q", "s", "small", "span", "strong", "sub", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style", "iframe", "object", "noscript", "template", "svg", "math", "title"},
    attributes={"a": {"href"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
    url_schemes={"http", "https", "mailto", "tel"},
    link_rel="noopener noreferrer nofollow",
)
_MARKUP = re.compile(r"<(?:/?[a-zA-Z][a-zA-Z0-9]*[\s/>]|!--)")
_ESCAPED = re.compile(r"&(?:amp;)?lt;/?[a-zA-Z!]", re.IGNORECASE)
_ENTITIES = (
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", '"'),
    ("&#39;", "'"),
    ("&LT;", "<"),
    ("&GT;", ">"),
    ("&amp;", "&"),
)
_BLOCK = re.compile(
    r"</?(?:blockquote|br|dd|div|dl|dt|h[1-6]|hr|li|ol|p|pre|table|tbody|td|tfoot|th|thead|tr|ul)\b[^>]*>"
)
_ANY_TAG = re.compile(r"</?[a-z][^<>\"]*+(?:\"[^\"]*+\"[^<>\"]*+)*+>")  # of cleaned HTML: it is well-formed
_RAW_TAG = re.compile(r"<[^<>]*>")
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")


def clean_html(texts: list[str]) -> str:
    """HTML that is safe to show, of several parts in order; "" where there is none.

    Escaped HTML (Greenhouse's, inside JSON) is unescaped first, plain text keeps its line ends.
    """
    raw = without_controls("\n".join(texts)[:_LONGEST])
    for _ in range(2):
        if _MARKUP.search(raw) is not None or _ESCAPED.search(raw) is None:
            break
        for entity, character in _ENTITIES:  # the others nh3 resolves; 40 times faster than html.unescape
            raw = raw.replace(entity, character)
    if raw.count("<") > _MOST_TAGS:
        return html.escape(_RAW_TAG.sub(" ", raw), quote=False)[:_LONGEST]
    if "\n" in raw and _MARKUP.search(raw) is None:
        raw = raw.strip().replace("\n", "<br>")
    return _CLEANER.clean(raw).strip()


def substance(cleaned: str) -> str:
    """What a cleaned description says, whatever its markup and spacing: for comparing, not for reading."""
    if "<" in cleaned:
        cleaned = _ANY_TAG.sub("", cleaned)
    if "&nbsp;" in cleaned:
        cleaned = cleaned.replace("&nbsp;", "")
    return "".join(cleaned.split())


def line_of(cleaned: str) -> str:
    """The text of a cleaned description on one line: for comparing and for lists."""
    if "<" in cleaned:
        cleaned = _ANY_TAG.sub("", _BLOCK.sub(" ", cleaned))
    return " ".join(html.unescape(cleaned).split())


def text_of(cleaned: str) -> str:
    """The text of a cleaned description: a line a block, entities resolved."""
    if "<" in cleaned:
        cleaned = _ANY_TAG.sub("", _BLOCK.sub("\n", cleaned))
    return _LINES.sub("\n", _SPACES.sub(" ", html.unescape(cleaned))).strip()
