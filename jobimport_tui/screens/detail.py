"""A detail: one page of text over a section. Escape and q go back."""

from collections.abc import Iterable, Sequence

import msgspec
from textual.widget import Widget

from jobimport_tui.display.text import safe, wrap
from jobimport_tui.screens.section import Moving
from jobimport_tui.session import Session
from jobimport_tui.widgets.lines import Lines
from jobimport_tui.widgets.painted import Line

NAME_WIDTH = 19
BLANK: Line = ()


def fact(name: str, value: object, tone: str = "") -> Line:
    """A name and its value. The value is made inert here."""
    return ((f" {name:<{NAME_WIDTH}} ", "head"), (safe(str(value)), tone))


def heading(text: str) -> Line:
    """A heading within the page."""
    return ((f" {text}", "title"),)


def paragraph(text: str, width: int, *, indent: int = 1, tone: str = "") -> list[Line]:
    """Text in as many lines as it takes."""
    return [((" " * indent + line, tone),) for line in wrap(text, max(20, width - indent - 1))]


class Detail(Moving):
    """Subclasses give `lines_for(width)`; `draw` shows them."""

    def __init__(self, session: Session, *, section: str) -> None:
        super().__init__(session, section=section)
        self.page = Lines()

    def body(self) -> Iterable[Widget]:
        """One page."""
        yield self.page

    def lines_for(self, width: int) -> Sequence[Line]:
        """The page at a width."""
        raise NotImplementedError

    def draw(self) -> None:
        """Show the page."""
        self.page.show(self.lines_for(self.size.width))

    def called(self) -> str:
        """What the page is about, for copying."""
        raise NotImplementedError

    def data(self) -> object:
        """What the page shows, for copying as JSON."""
        raise NotImplementedError

    def do_copy(self, _: str) -> None:
        """Copy what the page is about."""
        self.copy(self.called())

    def do_copy_row(self, _: str) -> None:
        """Copy it as JSON."""
        text = msgspec.json.encode(self.data(), enc_hook=str).decode()
        self.copy(text, f"{self.called()} as JSON: {len(text):,} bytes")

    def do_find(self, argument: str) -> None:
        """Find words on the page; n and N go on."""
        if argument:
            self._look_for(argument)
        else:
            self.type("/", "", done=self._look_for, history="find")

    def _look_for(self, words: str) -> None:
        self.sought = words.strip()
        if self.sought:
            self.do_next_match("")

    def on_resize(self) -> None:
        """Wrap anew."""
        if self.is_mounted:
            self.draw()
