"""The plan of a bulk action, above the row in which it is confirmed."""

from collections.abc import Sequence
from typing import ClassVar

from jobimport_tui.display.text import safe, wrap
from jobimport_tui.widgets.painted import Line, Painted


class PlanPanel(Painted):
    """A few lines; none while nothing is planned."""

    DEFAULT_CSS: ClassVar[str] = "PlanPanel { height: 0; display: none; background: $panel; }"

    def __init__(self) -> None:
        super().__init__()
        self._texts: Sequence[str] = ()
        self._lines: list[Line] = []

    def show(self, lines: Sequence[str]) -> None:
        """Show a plan; [] takes it away."""
        self._texts = lines
        self._lay_out()

    def _lay_out(self) -> None:
        room = max(20, self.app.size.width - 2)
        self._lines = [
            ((f" {line}", "warn" if number == 0 else ""),)
            for number, text in enumerate(self._texts)
            for line in wrap(safe(text), room)
        ]
        self.styles.height = len(self._lines)
        self.display = bool(self._lines)
        self.repaint()

    def on_resize(self) -> None:
        """Wrap anew."""
        self._lay_out()

    def line_at(self, y: int, width: int) -> Line:
        """A line; the first is what it is about."""
        return self._lines[y] if y < len(self._lines) else ()
