"""The plan of a bulk action, above the row in which it is confirmed."""

from collections.abc import Sequence
from typing import ClassVar

from jobimport_tui.display.text import safe
from jobimport_tui.widgets.painted import Line, Painted


class PlanPanel(Painted):
    """A few lines; none while nothing is planned."""

    DEFAULT_CSS: ClassVar[str] = "PlanPanel { height: 0; display: none; background: $panel; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: Sequence[str] = ()

    def show(self, lines: Sequence[str]) -> None:
        """Show a plan; [] takes it away."""
        self._lines = lines
        self.styles.height = len(lines)
        self.display = bool(lines)
        self.repaint()

    def line_at(self, y: int, width: int) -> Line:
        """A line; the first is what it is about."""
        if y >= len(self._lines):
            return ()
        return ((f" {safe(self._lines[y])}", "warn" if y == 0 else ""),)
