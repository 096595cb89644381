"""A section: one of the six modes. Movement goes to the grid that has the focus; the filter to its main grid."""

from typing import Any

from textual import events

from jobimport_tui.screens.page import Page
from jobimport_tui.widgets.grid import Grid
from jobimport_tui.widgets.lines import Lines


class Moving(Page):
    """A page in which something scrolls."""

    @property
    def scroller(self) -> Grid[Any] | Lines:
        """What the movement keys move."""
        if isinstance(self.focused, (Grid, Lines)):
            return self.focused
        return self.query(Grid).first() if self.query(Grid) else self.query_one(Lines)

    def do_down(self, _: str) -> None:
        """One row down."""
        self.scroller.move(1)

    def do_up(self, _: str) -> None:
        """One row up."""
        self.scroller.move(-1)

    def do_page_down(self, _: str) -> None:
        """One page down."""
        self.scroller.move(self.scroller.page)

    def do_page_up(self, _: str) -> None:
        """One page up."""
        self.scroller.move(-self.scroller.page)

    def do_top(self, _: str) -> None:
        """First row."""
        self.scroller.go_to(0)

    def do_bottom(self, _: str) -> None:
        """Last row."""
        self.scroller.go_to(len(self.scroller.rows))


class Section(Moving):
    """One of the six. Subclasses give `grid`, their main grid."""

    @property
    def grid(self) -> Grid[Any]:
        """The grid that filter and sort mean."""
        return self.query(Grid).first()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A double click opens."""
        event.stop()
        self.do_open("")

    def do_open(self, _: str) -> None:
        """Open the selected row."""
        raise NotImplementedError

    def do_filter(self, argument: str) -> None:
        """Filter while typing; escape brings back what was."""
        if argument:
            self.filter_by(argument)
            return
        before = self.filter_text()
        self.type("/", before, done=self.filter_by, left=lambda: self.filter_by(before), changed=self.filter_typed)

    def filter_text(self) -> str:
        """The filter in force."""
        return self.grid.filter

    def filter_by(self, words: str) -> None:
        """Put a filter in force."""
        self.grid.show_only(words.strip())
        self.paint()

    def filter_typed(self, words: str) -> None:
        """A filter is being typed."""
        self.filter_by(words)

    def do_sort(self, _: str) -> None:
        """Sort by the next column."""
        title = self.grid.sort_by_next()
        self.say(f"sorted by {title}" if title else "as it came")

    def do_back(self, _: str) -> None:
        """Clear the filter."""
        if self.filter_text():
            self.filter_by("")

    def do_leave(self, _: str) -> None:
        """Leave the console."""
        self.do_quit("")

    def on_key(self, event: events.Key) -> None:
        """Keys that Textual would give to a focused widget's own bindings stay ours."""
        if event.key in ("up", "down") and self.focused is None:
            self.scroller.focus()
