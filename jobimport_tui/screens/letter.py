"""One dead letter, with all that is known of its end."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from jobimport_tui.display.format import counted, moment
from jobimport_tui.display.text import safe
from jobimport_tui.screens.detail import BLANK, Detail, fact, heading, paragraph
from jobimport_tui.screens.page import bindings
from jobimport_tui.session import Session
from jobimport_tui.state import Dead
from jobimport_tui.widgets.painted import Line


class LetterPage(Detail):
    """Detail of a dead letter."""

    place = "letter"
    BINDINGS = bindings("letter")

    def __init__(self, session: Session, *, section: str, letter: Dead) -> None:
        super().__init__(session, section=section)
        self.letter = letter

    def called(self) -> str:
        """Its id."""
        return self.letter.id

    def data(self) -> object:
        """The letter."""
        return self.letter

    def equivalent(self) -> str:
        """The command that shows it."""
        return f"jobimport failed show {self.letter.id}"

    def selected_source(self) -> str:
        """Its source."""
        return self.letter.source

    def letters_meant(self, then: Callable[[Sequence[Dead], str], None]) -> None:
        """The one that is shown."""
        then([self.letter], "")

    def lines_for(self, width: int) -> list[Line]:
        """The page."""
        letter = self.letter
        mark, tries = self.session.glyphs.mark("dead"), counted(letter.attempts, "attempt")
        return [
            ((f" dead letter {safe(letter.id)}  ", "title"), (str(mark), mark.tone)),
            BLANK,
            fact("source", letter.source or "unknown"),
            fact("lane", letter.lane),
            fact("run", f"{letter.run}   :run {letter.run} opens it" if letter.run else "-"),
            fact("batch", letter.batch or "-"),
            fact("died", f"{moment(datetime.fromtimestamp(letter.at, UTC))}Z"),
            fact("why", f"{letter.reason}: {letter.kind}"),
            fact("tries", f"{tries}, {counted(letter.deliveries, 'delivery', 'deliveries')}"),
            fact("worker", letter.worker or "-"),
            BLANK,
            heading("ERROR"),
            *paragraph(safe(letter.error), width),
            BLANK,
            heading("MESSAGE"),
            *paragraph(safe(letter.payload), width, tone="dim"),
            BLANK,
            ((" R tries it again, X gives it up", "dim"),),
        ]
