"""The help: every action of the screen it was asked on, out of the registry."""

from itertools import chain

from rich.cells import cell_len

from jobimport_tui import registry
from jobimport_tui.screens.detail import BLANK, Detail, heading, paragraph
from jobimport_tui.screens.page import bindings
from jobimport_tui.session import Session
from jobimport_tui.widgets.painted import Line

INDENT = 33
"""Where the meaning of an action begins: after its keys and its verb."""

ROOMY = 100
"""Cells from which on commands are shown."""


class HelpPage(Detail):
    """Keys, verbs and the commands that do the same."""

    place = "help"
    BINDINGS = bindings("help")

    def __init__(self, session: Session, *, section: str, of: str) -> None:
        super().__init__(session, section=section)
        self.of = of

    def do_help(self, _: str) -> None:
        """It is open already: the key that opened it closes it."""
        self.do_back("")

    def called(self) -> str:
        """The help."""
        return f"help of {self.of}"

    def data(self) -> object:
        """The registry of the place."""
        return [(a.keys, a.verb, a.help, a.cli) for a in registry.of_place(self.of, read_only=self.session.read_only)]

    def equivalent(self) -> str:
        """The command's own help."""
        return "jobimport --help"

    def lines_for(self, width: int) -> list[Line]:
        """The table."""
        lines: list[Line] = [((f" HELP  {self.of}", "title"), ("   escape goes back", "dim")), BLANK]
        actions = registry.of_place(self.of, read_only=self.session.read_only)
        for group, title in registry.GROUPS.items():
            members = [action for action in actions if action.group == group]
            if members:
                told = (_lines(action, width, self.of) for action in members)
                lines += [heading(title), *chain.from_iterable(told), BLANK]
        if self.session.read_only:
            lines.append(((" This console is read-only: what would change anything is left out.", "warn"),))
        return lines


def _lines(action: registry.Action, width: int, place: str) -> list[Line]:
    """Keys, verb and meaning; the command beside it where there is room, else under it."""
    verb = f":{action.verb}" + (f" {action.argument}" if action.argument else "") if action.verb else ""
    told = [line[0] for line in paragraph(action.help, width, indent=INDENT)]
    head: Line = ((f"   {registry.shown_keys(action):<12} ", "key"), (f"{verb:<16} ", "busy"), (told[0][0].strip(), ""))
    lines: list[Line] = [head, *((span,) for span in told[1:])]
    command = registry.command_line(action, place) if action.cli or place in action.cli_of else ""
    if command and width >= ROOMY:
        beside = f"   {command}"
        if sum(cell_len(text) for text, _ in lines[-1]) + cell_len(beside) < width:
            lines[-1] = (*lines[-1], (beside, "dim"))
        else:
            lines.append(((" " * INDENT + command, "dim"),))
    return lines
