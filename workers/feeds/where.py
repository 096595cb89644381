"""Where in a TOML file a key or a path stands: for errors that name the line."""

import re

_TABLE = re.compile(r"\s*\[\s*([A-Za-z0-9_.\"'-]+)\s*\]\s*(?:#.*)?$")


def line_of(text: str, table: str, key: str, value: str = "") -> int | None:
    """The line, from 1, where `key` of `[table]` ("" for the top) says `value`; None where it is not found.

    TOML's parser keeps no lines, so this looks for what people write; a quoted or dotted key is found too.
    """
    lines = text.splitlines()
    now, first = "", None
    spoken = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
    dotted = re.compile(rf"\s*{re.escape(table)}\.[\"']?{re.escape(key)}[\"']?\s*=") if table else None
    for number, line in enumerate(lines, 1):
        if first is None:
            heading = _TABLE.match(line)
            if heading is not None:
                now = heading.group(1)
                continue
            if (now == table and spoken.match(line)) or (dotted is not None and not now and dotted.match(line)):
                first = number
        if first is not None:
            if not value or value in line:
                return number
            if number > first and (_TABLE.match(line) or re.match(r"\s*[\w\"'-]+\s*=\s", line)):
                return first  # the value is written another way, with escapes perhaps
    return first
