"""A source: one feed to import, as config/sources/NAME.toml describes it."""

from typing import Literal

import msgspec

from workers.model.amounts import Seconds, Size
from workers.model.paging import Paging

__all__ = ["NAME_PATTERN", "Priority", "Seconds", "Size", "Source", "SourceKind"]

SourceKind = Literal["snapshot", "window", "query"]
Priority = Literal["normal", "high"]

NAME_PATTERN = r"^[a-z0-9-]{1,64}$"


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One feed and how to read it; `name` is the file's name and not a key in it.

    `kind` says what absence means: in a snapshot a missing listing is gone; a window holds the newest N; a
    query is a slice of an index. Only a snapshot closes listings by their absence.
    """

    name: str = ""
    url: str
    format: str = "auto"
    kind: SourceKind = "window"
    schedule: str | None = None  # None: the settings' default; "": never by itself
    priority: Priority = "normal"
    enabled: bool = True
    min_interval: Seconds = Seconds(0)
    attribution: str = ""
    terms_url: str = ""
    # What bears on mapping and normalising, and so on mapping_hash:
    company: str = ""  # where the feed names none
    timezone: str = "UTC"  # of dates without a zone, and of `schedule`
    date_order: Literal["", "dmy", "mdy", "ymd"] = ""
    remote: Literal["", "remote", "hybrid", "onsite"] = ""
    location_split: str | None = None  # None: the dialect's; "": never; else the separator between places
    url_template: str = ""  # "https://x.example/job/{id}", where the feed has no url
    item: str = ""  # path of an item, where the dialect's is not the feed's
    fields: dict[str, str | list[str]] = {}
    # What bears on fetching:
    max_bytes: Size | None = None
    rate: str = ""  # "10/m": at most so many requests, over all workers
    headers: dict[str, str] = {}  # values may be "env:NAME" or "file:PATH", as in the two that follow
    query: dict[str, str] = {}  # parameters of every request
    basic: dict[Literal["user", "password"], str] = {}
    paging: Paging = Paging()  # over what the dialect says
