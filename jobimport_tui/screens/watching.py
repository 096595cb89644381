"""Choose one of your saved searches: type to filter, arrows to move, enter to take it."""

from collections.abc import Callable

from jobimport_tui.display.format import ago
from jobimport_tui.display.text import safe
from jobimport_tui.screens.chooser import Chooser
from jobimport_tui.screens.page import Page
from jobimport_tui.session import Session
from jobimport_tui.state import WatchLine
from jobimport_tui.widgets.grid import Column, Grid
from jobimport_tui.widgets.painted import Span

MOST_ROWS = 14


class WatchPicker(Chooser[WatchLine, WatchLine]):
    """The operator's watches, with what is new in each."""

    def __init__(self, session: Session) -> None:
        self.session = session

        def new(watch: WatchLine) -> Span:
            return watch.shown, "ok" if watch.new else "dim"

        def looked(watch: WatchLine) -> Span:
            return ago(session.age(watch.looked_at)), "dim"

        columns = [
            Column[WatchLine]("  WATCH", 20, lambda w: f"  {safe(w.name)}"),
            Column[WatchLine]("NEW", 6, new, "right"),
            Column[WatchLine]("LOOKED", 6, looked, "right"),
            Column[WatchLine]("QUERY", 20, lambda w: safe(w.query), flex=1),
        ]
        grid = Grid[WatchLine](columns, lambda w: w.name, empty="no watch yet: W in Listings saves a search")
        super().__init__(grid, title="YOUR WATCHES, what is new", placeholder="part of its name")

    def taken(self, row: WatchLine) -> WatchLine:
        """The watch."""
        return row

    def on_mount(self) -> None:
        """Show the watches."""
        rows = self.session.snapshot.watches
        self.choices.styles.height = min(max(1, len(rows)), MOST_ROWS) + 1
        self.choices.show(rows)


def pick_watch(page: Page, name: str, then: Callable[[WatchLine], None]) -> None:
    """Take the watch that is named, else one chosen from a list."""

    def chosen(watch: WatchLine | None) -> None:
        if watch is not None:
            then(watch)

    if not name:
        page.app.push_screen(WatchPicker(page.session), chosen)
        return
    known = {watch.name: watch for watch in page.session.snapshot.watches}
    if name in known:
        then(known[name])
    else:
        page.say(f"no watch {name!r}: w lists them", "warn")
