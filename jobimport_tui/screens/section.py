"""A section: one of the six modes. Movement goes to the grid that has the focus; the filter to its main grid."""

from typing import Any

from textual import events

from jobimport_tui import registry
from jobimport_tui.screens.acting import Acting
from jobimport_tui.widgets.chrome import Clicked
from jobimport_tui.widgets.grid import Grid
from jobimport_tui.widgets.lines import Lines


class Moving(Acting):
    """A page in which something scrolls."""

    @property
    def scroller(self) -> Grid[Any] | Lines:
        """What the movement keys move."""
        if isinstance(self.focused, (Grid, Lines)):
            return self.focused
        return self.query(Grid).first() if self.query(Grid) else self.query_one(Lines)

    sought = ""

    def on_clicked(self, event: Clicked) -> None:
        """Do what was clicked, unless something is being asked: that wants an answer first."""
        if self.keys.display:
            self.action_do(event.action, event.preset)

    def do_days(self, argument: str) -> None:
        """Show some weeks: of the source that is named, else of the one that the page is about, else of all."""
        from jobimport_tui.screens.days import DaysPage

        source = argument or (self.selected_source() if self.place in ("sources", "source") else "")
        self.app.push_screen(DaysPage(self.session, section=self.section, source=source))

    def do_next_match(self, _: str) -> None:
        """The next row with what was last looked for."""
        self._find(1)

    def do_last_match(self, _: str) -> None:
        """The row before with what was last looked for."""
        self._find(-1)

    def _find(self, step: int) -> None:
        if not self.sought:
            self.say("nothing was looked for yet: / looks")
        elif not self.scroller.find(self.sought, step):
            self.say(f"{self.sought!r} is not here")

    def do_copy_cli(self, _: str) -> None:
        """Show and copy the command that shows the same."""
        command = self.equivalent()
        self.copy(command, command)

    def equivalent(self) -> str:
        """The command that shows what this screen shows."""
        section = next(a for a in registry.of_place(self.place, read_only=True) if a.preset == self.section)
        return registry.command_line(section)

    def copy(self, text: str, told: str = "") -> None:
        """Copy a text through the terminal; the notice says what."""
        self.say(f"copied: {told or text}")
        self.app.copy_to_clipboard(text)
        self.paint_chrome()

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
        self.type(
            "/",
            before,
            done=self.filter_by,
            left=lambda: self.filter_by(before),
            changed=self.filter_typed,
            history="filter",
        )

    def remember(self, **facts: str | list[str]) -> None:
        """Keep how this section is looked at, for the next console; a list over it is not a section."""
        if self.place in registry.LISTS:
            section = self.session.preferences.of(self.place)
            for name, value in facts.items():
                setattr(section, name, value)

    def restore(self) -> None:
        """Look at it as the last console did."""
        kept = self.session.preferences.of(self.place)
        self.grid.choose_columns(kept.columns)
        self.grid.sort_by(kept.sort)
        if kept.filter and not self.filter_text():
            self.filter_by(kept.filter)

    def on_mount(self) -> None:
        """Show what is known, as it was looked at last."""
        super().on_mount()
        if self.place in registry.LISTS:
            self.restore()

    def do_columns(self, argument: str) -> None:
        """Only some columns."""
        titles = [title for title in argument.upper().split() if title]
        known = [column.title.strip() for column in self.grid.every_column if column.title.strip()]
        if unknown := [title for title in titles if title not in known]:
            self.say(f"no column {unknown[0]}: expected some of {' '.join(known)}", "warn")
            return
        self.grid.choose_columns(titles)
        self.remember(columns=titles)

    def do_preview(self, argument: str) -> None:
        """Look at a feed that is no source."""
        self.look_at(argument, asks=False)

    def look_at(self, url: str, *, asks: bool) -> None:
        """Look at an address, which is asked for where there is none; `asks` goes on to make a source of it."""
        from jobimport_tui.screens.look import LookPage

        def typed(text: str) -> None:
            if text.strip():
                self.app.push_screen(LookPage(self.session, section=self.section, url=text.strip(), asks=asks))

        if url:
            typed(url)
        else:
            self.type("the feed's address: ", "", done=typed, history="url")

    def filter_text(self) -> str:
        """The filter in force."""
        return self.grid.filter

    def filter_by(self, words: str) -> None:
        """Put a filter in force."""
        self.sought = words.strip() or self.sought
        self.grid.show_only(words.strip())
        self.remember(filter=words.strip())
        self.paint()

    def filter_typed(self, words: str) -> None:
        """A filter is being typed."""
        self.filter_by(words)

    def do_sort(self, _: str) -> None:
        """Sort by the next column."""
        title = self.grid.sort_by_next()
        self.remember(sort=title)
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
