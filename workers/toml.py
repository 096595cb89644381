"""A TOML file against a struct: every fault is one sentence that names file, key, value and expectation."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit, urlunsplit

import msgspec

from workers.errors import ConfigError
from workers.model.source import Seconds, Size

T = TypeVar("T")

TEN_YEARS = 10 * 365 * 86400

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_SECRET = re.compile(r"(?i)(?:^|[_-])(?:key|apikey|token|secret|password|passwd|pwd|sig|signature|auth)$")


def read_toml(file: Path) -> dict[str, Any]:
    """Parse one TOML file; ConfigError names the file and the line."""
    try:
        return tomllib.loads(file.read_text("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(file), "", None, f"TOML, but {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(file), "", None, f"UTF-8 text, but byte {error.start} is not") from error
    except OSError as error:
        raise ConfigError(str(file), "", None, f"a readable file ({error.strerror})") from error


def convert(data: Mapping[str, Any], kind: type[T], where: str, *, strict: bool = True) -> T:
    """Check plain data against a struct; ConfigError names the key that does not fit, and its value."""
    try:
        return msgspec.convert(data, kind, strict=strict, dec_hook=decode)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `")
        key = _pinpoint(data, kind, path.rstrip("`").removeprefix("$").removeprefix("."))
        if unknown := re.search(r"unknown field `(.+)`", reason):
            known = sorted(field.encode_name for field in msgspec.structs.fields(_type_at(kind, key)))
            key = f"{key}.{unknown[1]}".strip(".")
            expected = "a known key: " + ", ".join(known)
        elif missing := re.search(r"missing required field `(.+)`", reason):
            key = f"{key}.{missing[1]}".strip(".")
            expected = "this key, which is required"
        else:
            expected = _in_words(reason, _type_at(kind, key))
        secret = key.startswith(("headers.", "query.", "basic."))
        raise ConfigError(where, key, None if secret else mask(_lookup(data, key)), expected) from error


def _in_words(reason: str, kind: Any) -> str:
    """What msgspec expected, for someone who does not know Python."""
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(kind))
    wanted = reason.removeprefix("Expected ").partition(", got ")[0]
    wanted = wanted.replace(" | null", "").replace("`", "").replace(" | ", " or ")
    return re.sub(r"\b(str|int|float|bool|array|object)\b", lambda found: _WORDS[found[1]], wanted)


def _pinpoint(data: Any, kind: Any, path: str) -> str:
    """The path with the key in place of "[...]", which is all that msgspec says of a free table's entry."""
    head, unnamed, _ = path.partition("[...]")
    if not unnamed:
        return path
    entry_kind = get_args(_type_at(kind, head))[1]
    for key, value in _lookup(data, head, tables=True).items():
        try:
            msgspec.convert(value, entry_kind)
        except msgspec.ValidationError:
            return f"{head}.{key}"
    return head


def _type_at(kind: Any, key: str) -> Any:
    for part in filter(None, key.split(".")):
        hints = get_type_hints(kind) if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else {}
        renamed = {field.encode_name: field.name for field in msgspec.structs.fields(kind)} if hints else {}
        kind = hints.get(renamed.get(part, ""))
    return kind


def _lookup(data: Any, key: str, *, tables: bool = False) -> Any:
    for part in filter(None, re.split(r"[.\[\]]+", key)):
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit():
            data = data[int(part)]
    return None if isinstance(data, Mapping) and not tables else data


def decode(kind: type, value: Any) -> Any:
    """Read what msgspec does not know: lengths of time and sizes. Its `dec_hook`."""
    if kind is Seconds:
        return parse_seconds(value)
    if kind is Size:
        return parse_size(value)
    raise NotImplementedError(kind)


def parse_seconds(value: float | str) -> Seconds:
    """Read 90, "90", "90s", "15m", "1h" or "30d" as seconds, up to ten years; ValueError otherwise."""
    text = "" if isinstance(value, bool) else str(value).strip()
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)?", text)
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else -1
    if not 0 <= seconds <= TEN_YEARS:
        raise ValueError('Expected a length of time such as 30, "30s", "15m", "1h" or "30d"')
    return Seconds(seconds)


def parse_size(value: int | str) -> Size:
    """Read 1024, "64KiB", "20MB" or "1GiB" as bytes; ValueError otherwise."""
    text = "" if isinstance(value, bool) else str(value).strip()
    match = re.fullmatch(r"([0-9]{1,18})\s*([KMG]i?B|B)?", text, re.IGNORECASE)
    if match is None:
        raise ValueError('Expected a size such as 1048576, "64KiB", "20MB" or "1GiB"')
    return Size(int(match[1]) * _SIZES[(match[2] or "").upper()])


def mask(value: Any) -> Any:
    """Hide the secrets of a URL, wherever one is shown: its password, and parameters named like a secret."""
    if not isinstance(value, str) or "://" not in value:
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return re.sub(r"://[^/@]*@", "://***@", value)
    user, at, hosts = parts.netloc.rpartition("@")
    hidden = parts
    if at and ":" in user:
        hidden = hidden._replace(netloc=f"{user.partition(':')[0]}:***@{hosts}")
    if parts.query:
        hidden = hidden._replace(query="&".join(_mask_pair(pair) for pair in parts.query.split("&")))
    # An untouched URL is shown as it was written: urlunsplit tidies.
    return value if hidden == parts else urlunsplit(hidden)


def is_secret_name(name: str) -> bool:
    """Whether a parameter of this name is likely to hold a secret."""
    return _SECRET.search(name) is not None


def _mask_pair(pair: str) -> str:
    name, sign, _ = pair.partition("=")
    return f"{name}=***" if sign and _SECRET.search(name) else pair
