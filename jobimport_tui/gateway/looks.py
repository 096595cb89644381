"""What a look at a feed, a file or some weeks gives the console: words and figures, nothing that a parser made."""

import msgspec

from jobimport_tui.hourly import Hour
from workers.model.daily import Day


class FieldLine(msgspec.Struct, frozen=True, kw_only=True):
    """How one field fares: the shares of the items that have it, in which it can be read, and of the run before.

    `is_odd`: it is expected and missing, or is there and cannot be read.
    """

    name: str
    filled: float
    read: float
    then: float | None = None
    remark: str = ""
    is_odd: bool = False


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A source that is no file yet. `schedule` is five cron fields or "never"."""

    url: str
    name: str
    kind: str
    schedule: str
    company: str = ""
    format: str = "auto"
    is_nameless: bool = False  # the feed names no company


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at an address. `rows` are the first listings, by the columns `titles`.

    `wrong` is what speaks against it, a sentence each; `missing` are expected fields that no item has. `compared_with`
    is the run whose shares stand beside, None for none; `draft` the source that could be made of it.
    """

    url: str
    headline: str
    listings: int
    titles: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    fields: tuple[FieldLine, ...] = ()
    missing: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    compared_with: int | None = None
    draft: Draft | None = None


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A source's file as it may be edited: each key, its value as it would be typed, and whether it is the default."""

    file: str
    keys: tuple[tuple[str, str, bool], ...]


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """Some weeks, oldest first, days without imports too; `hour` is None where Redis does not answer."""

    days: tuple[Day, ...]
    hour: Hour | None = None
