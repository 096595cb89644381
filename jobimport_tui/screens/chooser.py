"""A list over the lower part of the screen: type to filter, arrows to move, enter takes one, escape leaves."""

from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from jobimport_tui.widgets.grid import Grid
from jobimport_tui.widgets.painted import Line, Painted

Row = TypeVar("Row")
Taken = TypeVar("Taken")


class Title(Painted):
    """The chooser's first row."""

    DEFAULT_CSS = "Title { height: 1; background: $panel; }"

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def line_at(self, y: int, width: int) -> Line:
        """What is chosen, and how."""
        return ((f" {self.text}", "title"), ("   type to filter, enter takes it, escape leaves", "dim"))


class Chooser(ModalScreen[Taken | None], Generic[Row, Taken]):
    """The frame; the rest of the screen stays as it is. `taken` makes what is answered of the row chosen."""

    DEFAULT_CSS = """
    Chooser { align: left bottom; background: transparent; }
    Chooser > Vertical { height: auto; background: $surface; }
    Chooser Input { height: 1; border: none; padding: 0 1; background: $panel; }
    Chooser Grid { background: $surface; }
    """
    MOVES: ClassVar[dict[str, int]] = {"down": 1, "up": -1, "pagedown": 10, "pageup": -10}

    def __init__(self, choices: Grid[Row], *, title: str, placeholder: str) -> None:
        super().__init__()
        self.choices, self.title_text, self.placeholder = choices, title, placeholder
        self.choices.can_focus = False
        self.choices.is_led = True

    def taken(self, row: Row) -> Taken:
        """What is answered when a row is taken."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Title, list, input."""
        entry = Input(compact=True, placeholder=self.placeholder)
        entry.cursor_blink = False
        with Vertical():
            yield Title(self.title_text)
            yield self.choices
            yield entry

    def on_mount(self) -> None:
        """Take what is typed."""
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter."""
        self.choices.show_only(event.value)
        self.choices.go_to(0)

    def on_input_submitted(self) -> None:
        """Take the selected one."""
        chosen = self.choices.selected
        if chosen is not None:
            self.dismiss(self.taken(chosen))

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
