"""One listing, with every field that is stored."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jobimport_tui.display.format import moment
from jobimport_tui.display.html import to_lines
from jobimport_tui.display.text import safe
from jobimport_tui.screens.detail import BLANK, NAME_WIDTH, Detail, fact, heading, paragraph
from jobimport_tui.screens.page import bindings
from jobimport_tui.session import Session
from jobimport_tui.widgets.painted import Line
from workers.model.change import FieldChange, changes_of

SHOWN_APART = frozenset(
    (
        *("_id", "title", "company", "description", "metadata", "salary", "search_terms", "status"),
        *("changes", "copies", "quality", "quality_of", "copy_key", "copy_group", "copy_of"),
    )
)


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
        lines += _facts({name: value for name, value in stored.items() if name not in SHOWN_APART})
        if salary := stored.get("salary"):
            lines.append(fact("salary", _salary(salary)))
        if (quality := stored.get("quality")) is not None:
            lines.append(fact("quality", quality))
            lines += paragraph(str(stored.get("quality_of") or ""), width, indent=NAME_WIDTH + 2, tone="dim")
        lines += _facts(stored.get("metadata") or {})
        lines.append(fact("key", stored.get("_id", "")))
        for number, copy in enumerate(stored.get("copies") or ()):
            first = ", which came first" if copy["is_first"] else ""
            lines.append(fact("" if number else "copies", f"{copy['id']}{first}"))
        lines += _changes(changes_of(stored), width)
        description = to_lines(str(stored.get("description", "")))
        lines += [BLANK, heading("DESCRIPTION")]
        for text in description or ["none"]:
            lines += paragraph(text, width)
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


def _facts(values: Mapping[str, Any]) -> list[Line]:
    """A line for each field that holds anything."""
    empty: tuple[Any, ...] = (None, "", [], {}, b"")
    return [fact(name.replace("_", " "), plain(value)) for name, value in values.items() if value not in empty]


def _changes(entries: Sequence[FieldChange], width: int) -> list[Line]:
    """What changed: a line of what and by whom, then the value before and the value after."""
    lines: list[Line] = [BLANK, heading("CHANGES")] if entries else []
    for entry in entries:
        lines.append(((f" {moment(entry.at)}Z  ", "dim"), (safe(entry.field), "head"), (f"  {entry.told}", "dim")))
        for sign, text, tone in (("-", entry.old, "bad"), ("+", entry.new, "ok")):
            if text:
                lines += paragraph(f"{sign} {safe(text)}", width, indent=3, tone=tone)
    return lines


def _salary(salary: Mapping[str, Any]) -> str:
    if salary.get("min") is None and salary.get("max") is None:
        return str(salary.get("text", ""))
    bounds = [f"{salary[name]:,.0f}" for name in ("min", "max") if salary.get(name) is not None]
    return " ".join(part for part in (" - ".join(bounds), salary.get("currency"), salary.get("unit")) if part)
