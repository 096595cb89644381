"""Choose a source: type to filter, arrows to move, enter to take it."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from jobimport_tui.display.format import ago
from jobimport_tui.display.text import safe
from jobimport_tui.screens import columns
from jobimport_tui.session import Session
from jobimport_tui.state import SourceLine
from jobimport_tui.widgets.grid import Column, Grid
from jobimport_tui.widgets.painted import Line, Painted, Span

LEAST_ROWS, MOST_ROWS = 4, 14


class Title(Painted):
    """The picker's first row."""

    DEFAULT_CSS = "Title { height: 1; background: $panel; }"

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def line_at(self, y: int, width: int) -> Line:
        """What is chosen, and how."""
        return ((f" {self.text}", "title"), ("   type to filter, enter takes it, escape leaves", "dim"))


class SourcePicker(ModalScreen[str | None]):
    """A list over the lower part of the screen; the rest stays as it is."""

    DEFAULT_CSS = """
    SourcePicker { align: left bottom; background: transparent; }
    SourcePicker > Vertical { height: auto; background: $surface; }
    SourcePicker Input { height: 1; border: none; padding: 0 1; background: $panel; }
    SourcePicker Grid { background: $surface; }
    """
    MOVES: ClassVar[dict[str, int]] = {"down": 1, "up": -1, "pagedown": 10, "pageup": -10}

    def __init__(self, session: Session, *, what: str, first: str, extra: str = "") -> None:
        super().__init__()
        self.session, self.what, self.first, self.extra = session, what, first, extra
        self.choices = Grid[SourceLine](self._columns(), lambda s: s.name, empty="no source")
        self.choices.can_focus = False
        self.choices.is_led = True

    def compose(self) -> ComposeResult:
        """Title, list, input."""
        entry = Input(compact=True, placeholder="part of its name")
        entry.cursor_blink = False
        with Vertical():
            yield Title("IMPORT WHICH SOURCE?" if self.what == "import" else "SHOW WHICH SOURCE?")
            yield self.choices
            yield entry

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
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter."""
        self.choices.show_only(event.value)
        self.choices.go_to(0)

    def on_input_submitted(self) -> None:
        """Take the selected one."""
        chosen = self.choices.selected
        if chosen is not None:
            self.dismiss(chosen.name)

    def on_key(self, event: events.Key) -> None:
        """Move, or leave."""
        if event.key in self.MOVES:
            event.stop()
            self.choices.move(self.MOVES[event.key])
        elif event.key == "escape":
            event.stop()
            self.dismiss(None)
        elif event.key == "ctrl+c":
            self.app.exit(0)
