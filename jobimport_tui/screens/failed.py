"""Section 3: the dead letters: messages that nobody will try again by himself."""

from collections.abc import Iterable

from textual.widget import Widget

from jobimport_tui.display.format import ago
from jobimport_tui.display.text import safe
from jobimport_tui.screens.page import bindings
from jobimport_tui.screens.section import Section
from jobimport_tui.session import Session
from jobimport_tui.state import Dead
from jobimport_tui.widgets.grid import Column, Grid


def dead_columns(session: Session) -> list[Column[Dead]]:
    """Whose, where, why."""
    mark = session.glyphs.mark("dead")
    return [
        Column("AGE", 4, lambda d: ago(session.age(d.at)), "right", order=lambda d: -d.at),
        Column("SOURCE", 14, lambda d: (f"{mark.glyph} {safe(d.source) or 'unknown'}", mark.tone), flex=1),
        Column("LANE", 11, lambda d: safe(d.lane), needs=100),
        Column("RUN", 6, lambda d: str(d.run) if d.run else "-", "right", order=lambda d: d.run),
        Column("TRIES", 5, lambda d: str(d.attempts), "right", order=lambda d: d.attempts),
        Column("WHY", 9, lambda d: safe(d.reason).replace("_", " ")),
        Column("ERROR", 18, lambda d: safe(d.error), flex=3),
        Column("WORKER", 20, lambda d: (safe(d.worker), "dim"), needs=118),
    ]


class FailedSection(Section):
    """The newest dead letters."""

    place = "failed"
    BINDINGS = bindings("failed")

    def __init__(self, session: Session) -> None:
        super().__init__(session, section="failed")
        self.letters = Grid[Dead](dead_columns(session), lambda d: d.id)

    def body(self) -> Iterable[Widget]:
        """One grid."""
        yield self.letters

    def draw(self) -> None:
        """Show the letters."""
        failed = self.session.snapshot.failed
        nothing = "no dead letters: every message was done, or is still to be done"
        self.letters.empty = "waiting for redis" if failed.at is None else nothing
        self.letters.show(failed.rows, is_stale=self.session.is_stale(failed.at))

    def do_open(self, _: str) -> None:
        """Show the whole letter."""
        from jobimport_tui.screens.letter import LetterPage

        if letter := self.letters.selected:
            self.app.push_screen(LetterPage(self.session, section="failed", letter=letter))

    def selected_source(self) -> str:
        """The source of the selected letter."""
        return self.letters.selected.source if self.letters.selected else ""
