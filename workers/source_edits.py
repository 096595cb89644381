"""Change single keys of a source's file: every other line stays as it is, and what no source may be is refused."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from workers.errors import ConfigError
from workers.model.source import Source
from workers.sources import check, check_reading, check_text, find, load_one, plain, save, write_whole
from workers.toml import convert

KEYS = (
    *("url", "format", "kind", "schedule", "priority", "enabled", "min_interval", "rate", "max_bytes"),
    *("company", "attribution", "terms_url", "timezone", "date_order", "remote", "location_split"),
    *("url_template", "item"),
)
"""The keys that are one value; tables are for an editor."""

NEVER = "never"
"""A schedule that is spoken of: `schedule = ""`, unlike no schedule, which is the settings' own."""


def set_enabled(folder: Path, name: str, enabled: bool) -> bool:
    """Enable or disable a source; False if it was so already."""
    if load_one(folder, name).enabled == enabled:
        return False
    return set_key(folder, name, "enabled", str(enabled).lower())


def set_key(folder: Path, name: str, key: str, text: str) -> bool:
    """Give one of KEYS a value, as it is typed; "" takes the key out. False if it was so already.

    The file is replaced whole or not at all. Raises ConfigError, naming file, key, value and what was expected, and
    UnknownSource.
    """
    file = find(folder, name)
    before = load_one(folder, name)
    wanted = changed(before, key, text, str(file))
    if wanted == before:
        return False
    said = file.read_text("utf-8-sig")
    # A default that is spelled out stays spelled out.
    text_after = _with_line(said, key, plain(wanted).get(key, _typed(key, text)) if text else None)
    # An odd way to write TOML (a multi-line text, a quoted key) may mislead a line editor: then write it anew.
    try:
        is_faithful = check_text(folder, name, text_after) == wanted
    except ConfigError:
        is_faithful = False
    if is_faithful:
        write_whole(file, text_after)
    else:
        save(folder, wanted)
    return True


def changed(source: Source, key: str, text: str, where: str) -> Source:
    """The source with another value. Raises ConfigError for one that it cannot have."""
    if key not in KEYS:
        raise ConfigError(where, key, text, "one of " + ", ".join(KEYS))
    facts: dict[str, Any] = plain(source) | {"name": source.name}
    facts.pop(key, None)
    if text:
        facts[key] = _typed(key, text)
    wanted = convert(facts, Source, where)
    check(wanted, where)
    check_reading(wanted, where)
    return wanted


def _typed(key: str, text: str) -> object:
    """What was typed, as TOML would have it."""
    if key == "enabled" and text in ("true", "false"):
        return text == "true"
    return "" if key == "schedule" and text == NEVER else text


def keys_changed(before: Source, after: Source) -> list[str]:
    """The keys in which two differ, in the order of the fields."""
    names = [field.name for field in msgspec.structs.fields(Source)]
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def edited(keys: list[str]) -> str:
    """What somebody did to a source's file, for the audit; goes on after the name."""
    return "edited the source's file" + (f": {', '.join(keys)}" if keys else "")


def _with_line(text: str, key: str, value: object) -> str:
    """The text with the key's line replaced, added after the last key, or taken out for None."""
    found = re.search(r"(?m)^[ \t]*\[", text)
    start = found.start() if found else len(text)
    head, tables = text[:start], text[start:]
    line = re.compile(rf"(?m)^[ \t]*{re.escape(key)}[ \t]*=[^\n]*\n?")
    if value is None:
        return line.sub("", head, count=1) + tables
    spoken = tomli_w.dumps({key: value})
    if (old := line.search(head)) is not None:
        comment = _comment(old[0])
        spoken = spoken.rstrip("\n") + comment + "\n"
        return head[: old.start()] + spoken + head[old.end() :] + tables
    return f"{head.rstrip()}\n{spoken}" + (f"\n{tables}" if tables else "")


def _comment(line: str) -> str:
    """The comment at the end of a line, with the blanks before it; "" where there is none."""
    for at, character in enumerate(line):
        if character != "#":
            continue
        try:
            tomllib.loads(line[:at])
        except tomllib.TOMLDecodeError:
            continue  # inside a text
        return line[len(line[:at].rstrip()) :].rstrip("\n")
    return ""
