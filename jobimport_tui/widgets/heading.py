"""One line over a paged grid; under it, in as many lines as it takes, why the page could not be read."""

from typing import ClassVar

from jobimport_tui.display.text import safe, wrap
from jobimport_tui.widgets.painted import Line, Painted

MOST_LINES = 3
"""Of a reason: it never pushes the rows off a small screen."""


class Heading(Painted):
    """What is shown, cut where there is no room; the reason is wrapped, since its end says what to write instead."""

    DEFAULT_CSS: ClassVar[str] = "Heading { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._text = self._problem = ""
        self._lines: list[Line] = [()]

    def show(self, text: str, problem: str = "") -> None:
        """Show it."""
        self._text, self._problem = text, problem
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.app.size.width
        reason = wrap(safe(self._problem), max(1, width - 2))[:MOST_LINES] if self._problem else []
        self._lines = [((self._text, "title"),), *(((f"  {line}", "warn"),) for line in reason)]
        if self.styles.height is None or self.styles.height.value != len(self._lines):
            self.styles.height = len(self._lines)
        self.repaint()

    def on_resize(self) -> None:
        """Wrap anew."""
        self._lay_out()

    def line_at(self, y: int, width: int) -> Line:
        """A line of it."""
        return self._lines[y] if y < len(self._lines) else ()
