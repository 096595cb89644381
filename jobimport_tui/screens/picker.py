"""Choose a source: type to filter, arrows to move, enter to take it."""

from jobimport_tui.display.format import ago
from jobimport_tui.display.text import safe
from jobimport_tui.screens import columns
from jobimport_tui.screens.chooser import Chooser
from jobimport_tui.session import Session
from jobimport_tui.state import SourceLine
from jobimport_tui.widgets.grid import Column, Grid
from jobimport_tui.widgets.painted import Span

LEAST_ROWS, MOST_ROWS = 4, 14


class SourcePicker(Chooser[SourceLine, str]):
    """The sources, and their names."""

    def __init__(self, session: Session, *, what: str, first: str, extra: str = "") -> None:
        self.session, self.what, self.first, self.extra = session, what, first, extra
        super().__init__(
            Grid[SourceLine](self._columns(), lambda s: s.name, empty="no source"),
            title="IMPORT WHICH SOURCE?" if what == "import" else "SHOW WHICH SOURCE?",
            placeholder="part of its name",
        )

    def taken(self, row: SourceLine) -> str:
        """Its name."""
        return row.name

    def _columns(self) -> list[Column[SourceLine]]:
        def state(row: SourceLine) -> Span:
            mark = self.session.glyphs.mark(row.state)
            return (str(mark), mark.tone) if row.name != self.extra else ("", "")

        def last(row: SourceLine) -> Span:
            if row.last is None:
                return ("" if row.name == self.extra else "never ran", "dim")
            return columns.state_of(self.session, row.last)

        def since(row: SourceLine) -> str:
            return ago(self.session.age(row.last.queued_at.timestamp())) if row.last else ""

        return [
            Column("  SOURCE", 20, lambda s: f"  {safe(s.name)}", flex=1),
            Column("STATE", 8, state),
            Column("LAST RUN", 12, last),
            Column("AGO", 4, since, "right"),
            Column("", 1, lambda _: ""),
        ]

    def on_mount(self) -> None:
        """Show the sources, the cursor on the one that was meant."""
        rows = self.session.snapshot.sources.rows
        if self.what == "import":
            rows = tuple(row for row in rows if row.state != "broken")
        if self.extra:
            rows = (SourceLine(name=self.extra, state="on"), *rows)
        room = min(MOST_ROWS, max(LEAST_ROWS, self.size.height - 8))
        self.choices.styles.height = min(max(1, len(rows)), room) + 1
        self.choices.show(rows)
        names = [row.name for row in rows]
        if self.first in names:
            self.choices.go_to(names.index(self.first))
