"""One listing, with every field that is stored: first what people look for, stamps of the machinery last."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jobimport_tui.display.format import moment
from jobimport_tui.display.html import to_lines
from jobimport_tui.display.text import safe, wrap
from jobimport_tui.screens.detail import BLANK, NAME_WIDTH, Detail, fact, heading, paragraph
from jobimport_tui.screens.page import bindings
from jobimport_tui.session import Session
from jobimport_tui.widgets.painted import Line
from workers.model.change import FieldChange, changes_of

LOOKED_FOR = ("locations", "remote", "applicant_locations", "employment_types")
DATED = ("url", "tags")
"""What people open a listing for; salary and dates, which are put together, stand between the two."""

OF_SOURCE = ("attribution", "first_seen", "last_updated", "closed_at")
"""Of its metadata."""

TOLD = frozenset(
    (
        *("title", "company", "status", "salary", "pay", "posted_at", "posted_at_known", "valid_through"),
        *("description", "metadata", "changes", "copies", "quality", "quality_of", "source"),
        *("search_terms", "copy_key", "copy_group", "copy_of", *LOOKED_FOR, *DATED),
    )
)
"""Fields that have a place of their own, or that only searches need; all others are stamps, at the end of the page."""


class ListingPage(Detail):
    """Detail of a listing."""

    place = "listing"
    BINDINGS = bindings("listing")

    def __init__(self, session: Session, *, section: str, listing_id: str) -> None:
        super().__init__(session, section=section)
        self.listing_id = listing_id
        self.stored: Mapping[str, Any] | None = None
        self._problem = ""

    def on_mount(self) -> None:
        """Ask for it."""
        super().on_mount()
        self._ask()

    def mongodb_came(self) -> None:
        """Ask again."""
        if self.stored is None:
            self._ask()

    def _ask(self) -> None:
        gateway = self.session.gateway
        self.call(lambda: gateway.listing(self.listing_id), self._read, self._refused, group="detail")

    def _refused(self, why: str) -> None:
        self._problem = why
        self.draw()

    def _read(self, stored: Mapping[str, Any]) -> None:
        self.stored = stored
        self.draw()

    def called(self) -> str:
        """Its key."""
        return self.listing_id

    def data(self) -> object:
        """The listing as it is stored."""
        return dict(self.stored or {})

    def equivalent(self) -> str:
        """The command that shows it."""
        return f"jobimport jobs show {self.listing_id}"

    def selected_source(self) -> str:
        """Its source."""
        return str((self.stored or {}).get("source", ""))

    def lines_for(self, width: int) -> list[Line]:
        """The page."""
        stored = self.stored
        if stored is None:
            return [((f" {safe(self.listing_id)}", "title"), (f"   {self._problem or 'reading ...'}", "dim"))]
        status = self.session.glyphs.mark(str(stored.get("status", "")))
        lines: list[Line] = [
            *paragraph(safe(str(stored.get("title", ""))), width, tone="title"),
            ((f" {safe(str(stored.get('company', '')))}   ", ""), (str(status), status.tone)),
            BLANK,
        ]
        lines += _facts({name: stored.get(name) for name in LOOKED_FOR}, width)
        lines += _facts({"salary": _salary(stored), **_dates(stored)}, width)
        lines += _facts({name: stored.get(name) for name in DATED}, width)
        if (quality := stored.get("quality")) is not None:
            lines.append(fact("quality", quality))
            lines += paragraph(str(stored.get("quality_of") or ""), width, indent=NAME_WIDTH + 2, tone="dim")
        for number, copy in enumerate(stored.get("copies") or ()):
            first = ", which came first" if copy["is_first"] else ""
            lines.append(fact("" if number else "copies", f"{copy['id']}{first}"))
        metadata: Mapping[str, Any] = stored.get("metadata") or {}
        lines += _facts({"source": stored.get("source"), **{name: metadata.get(name) for name in OF_SOURCE}}, width)
        lines += _changes(changes_of(stored), width)
        description = to_lines(str(stored.get("description", "")))
        lines += [BLANK, heading("DESCRIPTION")]
        for text in description or ["none"]:
            lines += paragraph(text, width)
        stamps = {name: value for name, value in stored.items() if name not in TOLD and name != "_id"}
        of_file = {name: value for name, value in metadata.items() if name not in (*OF_SOURCE, "source")}
        lines += [BLANK, heading("STAMPS"), *_facts({"key": stored.get("_id"), **of_file, **stamps}, width, tone="dim")]
        return lines


def plain(value: Any) -> str:
    """A stored value as a person reads it."""
    if isinstance(value, datetime):
        return f"{moment(value)}Z"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _facts(values: Mapping[str, Any], width: int, tone: str = "") -> list[Line]:
    """A field that holds anything, in as many lines as it takes: half an address leads nowhere."""
    empty: tuple[Any, ...] = (None, "", [], {}, b"")
    lines: list[Line] = []
    for name, value in values.items():
        if value not in empty:
            parts = wrap(safe(plain(value)), max(20, width - NAME_WIDTH - 3))
            names = (name.replace("_", " "), *("" for _ in parts[1:]))
            lines += [fact(shown, part, tone) for shown, part in zip(names, parts, strict=True)]
    return lines


def _dates(stored: Mapping[str, Any]) -> dict[str, Any]:
    """When it was posted, or that nobody says so; and until when it is valid."""
    posted = plain(stored.get("posted_at") or "")
    known = stored.get("posted_at_known", True)
    told = posted if known or not posted else f"~{posted}, when it was first seen: its feed tells no date"
    return {"posted": told, "valid_through": stored.get("valid_through")}


def _changes(entries: Sequence[FieldChange], width: int) -> list[Line]:
    """What changed: a line of what and by whom, then the value before and the value after."""
    lines: list[Line] = [BLANK, heading("CHANGES")] if entries else []
    for entry in entries:
        lines.append(((f" {moment(entry.at)}Z  ", "dim"), (safe(entry.field), "head"), (f"  {entry.told}", "dim")))
        for sign, text, tone in (("-", entry.old, "bad"), ("+", entry.new, "ok")):
            if text:
                lines += paragraph(f"{sign} {safe(text)}", width, indent=3, tone=tone)
    return lines


def _salary(stored: Mapping[str, Any]) -> str:
    """What is paid, as the feed has it; and what that is a year, where it is told by another unit."""
    salary: Mapping[str, Any] = stored.get("salary") or {}
    if salary.get("min") is None and salary.get("max") is None:
        return str(salary.get("text") or "")
    bounds = [f"{salary[name]:,.0f}" for name in ("min", "max") if salary.get(name) is not None]
    told = " ".join(part for part in (" - ".join(bounds), salary.get("currency"), salary.get("unit")) if part)
    pay = stored.get("pay")
    return told if pay is None or salary.get("unit") == "YEAR" else f"{told} ({pay:,} a year)"
