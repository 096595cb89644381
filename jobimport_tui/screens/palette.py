"""Everything that can be done on a screen: type a part of it, enter does it."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from jobimport_tui import registry
from jobimport_tui.screens.picker import Title
from jobimport_tui.session import Session
from jobimport_tui.widgets.grid import Column, Grid

ROWS = 10


class Palette(ModalScreen[registry.Action | None]):
    """The registry over the lower part of the screen; the rest stays as it is."""

    DEFAULT_CSS = """
    Palette { align: left bottom; background: transparent; }
    Palette > Vertical { height: auto; background: $surface; }
    Palette Input { height: 1; border: none; padding: 0 1; background: $panel; }
    Palette Grid { background: $surface; }
    """
    MOVES: ClassVar[dict[str, int]] = {"down": 1, "up": -1, "pagedown": 10, "pageup": -10}

    def __init__(self, session: Session, *, place: str) -> None:
        super().__init__()
        known = [a for a in registry.of_place(place, read_only=session.read_only) if a.name != "palette"]
        self.actions = sorted(known, key=lambda action: list(registry.GROUPS).index(action.group))
        self.choices = Grid[registry.Action](
            [
                Column("  KEY", 14, lambda a: (f"  {registry.shown_keys(a)}", "key")),
                Column("WHAT", 30, lambda a: a.help, flex=2),
                Column("VERB", 12, lambda a: (f":{a.verb}" if a.verb else "", "busy")),
                Column("FROM A SHELL", 30, lambda a: (registry.command_line(a, place), "dim"), flex=1, needs=100),
            ],
            lambda a: (a.name, a.preset),
            empty="nothing",
        )
        self.choices.can_focus = False
        self.choices.is_led = True

    def compose(self) -> ComposeResult:
        """Title, list, input."""
        entry = Input(compact=True, placeholder="part of what is to be done")
        entry.cursor_blink = False
        with Vertical():
            yield Title("DO WHAT?")
            yield self.choices
            yield entry

    def on_mount(self) -> None:
        """Show the actions."""
        self.choices.styles.height = min(len(self.actions), ROWS, max(3, self.size.height - 8)) + 1
        self.choices.show(self.actions)
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter."""
        self.choices.show_only(event.value)
        self.choices.go_to(0)

    def on_input_submitted(self) -> None:
        """Take the selected one."""
        if self.choices.selected is not None:
            self.dismiss(self.choices.selected)

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
