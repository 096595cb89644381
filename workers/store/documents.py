"""Structs <-> BSON documents."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

Document = dict[str, Any]

_NATIVE = (bytes, datetime)


def to_document(struct: msgspec.Struct) -> Document:
    """Turn a struct into a document; None at its top level is left out, so that $min finds the field absent."""
    plain: Document = msgspec.to_builtins(struct, builtin_types=_NATIVE)
    return {key: value for key, value in plain.items() if value is not None}


def to_value(struct: Any) -> Any:
    """Turn a struct, or a list of them, into a value inside a document; None stays None."""
    return msgspec.to_builtins(struct, builtin_types=_NATIVE)


def from_document(document: Document, kind: type[T]) -> T:
    """Read a document as a struct; fields that the struct does not know are ignored.

    Raises msgspec.ValidationError for a document that was not written by us.
    """
    return msgspec.convert(document, kind)


def utc_now() -> datetime:
    """Return the time as MongoDB keeps it: UTC, cut to milliseconds."""
    return to_milliseconds(datetime.now(UTC))


def to_milliseconds(moment: datetime) -> datetime:
    """Cut a moment to what a BSON date holds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def storable(text: str, limit: int) -> str:
    """Cut text to `limit` characters and replace what UTF-8 cannot carry (lone surrogates)."""
    return text[:limit].encode("utf-8", "replace").decode("utf-8")
