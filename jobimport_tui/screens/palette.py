"""Everything that can be done on a screen: type a part of it, enter does it."""

from jobimport_tui import registry
from jobimport_tui.screens.chooser import Chooser
from jobimport_tui.session import Session
from jobimport_tui.widgets.grid import Column, Grid

ROWS = 10


class Palette(Chooser[registry.Action, registry.Action]):
    """The registry."""

    def __init__(self, session: Session, *, place: str) -> None:
        known = [a for a in registry.of_place(place, read_only=session.read_only) if a.name != "palette"]
        self.actions = sorted(known, key=lambda action: list(registry.GROUPS).index(action.group))
        choices = Grid[registry.Action](
            [
                Column("  KEY", 14, lambda a: (f"  {registry.shown_keys(a)}", "key")),
                Column("WHAT", 30, lambda a: a.help, flex=2),
                Column("VERB", 12, lambda a: (f":{a.verb}" if a.verb else "", "busy")),
                Column("FROM A SHELL", 30, lambda a: (registry.command_line(a, place), "dim"), flex=1, needs=100),
            ],
            lambda a: (a.name, a.preset),
            empty="nothing",
        )
        super().__init__(choices, title="DO WHAT?", placeholder="part of what is to be done")

    def taken(self, row: registry.Action) -> registry.Action:
        """The action itself."""
        return row

    def on_mount(self) -> None:
        """Show the actions."""
        self.choices.styles.height = min(len(self.actions), ROWS, max(3, self.size.height - 8)) + 1
        self.choices.show(self.actions)
