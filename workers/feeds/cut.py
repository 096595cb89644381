"""Whether an XML document that is not complete was cut short, or is broken near its end.

libxml2 holds back what may be the beginning of something: the last 300 bytes of a text, a tag without its end, a
reference without its semicolon. Such an error is told only as the input ends, and yet it need not be the end.
"""

import codecs
import re
from typing import Any

from lxml import etree as _etree  # pyright: ignore[reportAttributeAccessIssue]

LAST = 512  # bytes before the end that are looked at: more than libxml2 holds back of a text

_types: Any = _etree.ErrorTypes  # pyright: ignore[reportUnknownMemberType]
_ALWAYS = {
    _types.ERR_DOCUMENT_END,
    _types.ERR_TAG_NOT_FINISHED,
    _types.ERR_ATTRIBUTE_NOT_FINISHED,
    _types.ERR_CDATA_NOT_FINISHED,
    _types.ERR_COMMENT_NOT_FINISHED,
    _types.ERR_HYPHEN_IN_COMMENT,
    _types.ERR_PI_NOT_FINISHED,
}
_NEVER = {_types.ERR_LT_IN_ATTRIBUTE, _types.ERR_MISPLACED_CDATA_END}
_IN_TEXT = {_types.ERR_INVALID_CHAR, _types.ERR_INVALID_ENCODING}
_IN_REFERENCE = {
    _types.ERR_NAME_REQUIRED,
    _types.ERR_ENTITYREF_SEMICOL_MISSING,
    _types.ERR_INVALID_CHARREF,
    _types.ERR_INVALID_DEC_CHARREF,
    _types.ERR_INVALID_HEX_CHARREF,
}
_REFERENCE = re.compile(rb"&#?[^\s&;<>]*$")
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def is_cut(error: int, last: bytes) -> bool:
    """`error` is libxml2's, told at the end of the input; `last` are its LAST bytes."""
    if not _is_text(last) or error in _NEVER:
        return False
    if error in _ALWAYS or error in _IN_TEXT:
        return True
    if error in _IN_REFERENCE and _REFERENCE.search(last):
        return True
    return last.rfind(b"<") > last.rfind(b">")


def _is_text(last: bytes) -> bool:
    """Whether these bytes are UTF-8 of characters that XML allows, but for one that is cut short."""
    while last and last[0] & 0xC0 == 0x80:
        last = last[1:]
    try:
        return not _NO_CHARACTER.search(codecs.getincrementaldecoder("utf-8")().decode(last))
    except UnicodeDecodeError:
        return False
