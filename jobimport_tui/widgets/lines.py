"""A page of text that scrolls."""

from collections.abc import Sequence
from typing import ClassVar

from jobimport_tui.widgets.painted import Line, Painted


class Lines(Painted, can_focus=True):
    """Lines, from the first that is seen."""

    DEFAULT_CSS: ClassVar[str] = "Lines { height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: Sequence[Line] = ()
        self._top = 0

    def show(self, lines: Sequence[Line]) -> None:
        """Show these; the place in the page stays."""
        self.lines = lines
        self.go_to(self._top)

    def move(self, rows: int) -> None:
        """Scroll by some lines."""
        self.go_to(self._top + rows)

    def go_to(self, row: int) -> None:
        """Scroll so that a line is the first."""
        self._top = max(0, min(row, len(self.lines) - self.size.height))
        self.repaint()

    def find(self, words: str, step: int) -> bool:
        """Scroll to the next line with these words, or to the one before; False where there is none."""
        count = len(self.lines)
        for away in range(1, count + 1):
            at = (self._top + step * away) % count
            if words.casefold() in "".join(text for text, _ in self.lines[at]).casefold():
                self.go_to(at)
                return True
        return False

    @property
    def page(self) -> int:
        """Lines that fit."""
        return max(1, self.size.height)

    @property
    def rows(self) -> Sequence[Line]:
        """What can be gone to."""
        return self.lines

    def line_at(self, y: int, width: int) -> Line:
        """A line of the page; the last says how much is below."""
        at = self._top + y
        below = len(self.lines) - at - 1
        if y == self.size.height - 1 and below > 0:
            return ((f"  {below + 1} more lines below", "dim"),)
        return self.lines[at] if at < len(self.lines) else ()

    def on_resize(self) -> None:
        """Fill the page."""
        self.go_to(self._top)
        self.refresh()
