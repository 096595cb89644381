"""The members of a group of dead letters: each with where, when and how often it was tried."""

from collections.abc import Callable, Iterable, Sequence

from textual.widget import Widget

from jobimport_tui.display.format import ago
from jobimport_tui.display.text import safe
from jobimport_tui.fingerprint import Group, brief, normalised
from jobimport_tui.screens.failed import choice_of
from jobimport_tui.screens.page import bindings
from jobimport_tui.screens.selecting import OverSection
from jobimport_tui.session import Session
from jobimport_tui.state import Dead
from jobimport_tui.widgets.grid import Column, Grid
from jobimport_tui.widgets.heading import Heading

SHOWN = 1000


def dead_columns(session: Session) -> list[Column[Dead]]:
    """Whose, where, why."""
    mark = session.glyphs.mark("dead")
    return [
        Column("LETTER", 17, lambda d: (safe(d.id), mark.tone)),
        Column("AGE", 4, lambda d: ago(session.age(d.at)), "right", order=lambda d: -d.at),
        Column("LANE", 11, lambda d: safe(d.lane)),
        Column("RUN", 6, lambda d: str(d.run) if d.run else "-", "right", order=lambda d: d.run),
        Column("TRIES", 5, lambda d: str(d.attempts), "right", order=lambda d: d.attempts),
        Column("WHY", 14, lambda d: safe(d.reason).replace("_", " "), needs=100),
        Column("ERROR", 14, lambda d: safe(brief(d.error)), flex=1),
        Column("WORKER", 20, lambda d: (safe(d.worker), "dim"), needs=140),
    ]


class GroupPage(OverSection):
    """A list over the section; escape goes back."""

    place = "group"
    BINDINGS = bindings("group")

    def __init__(self, session: Session, *, section: str, group: Group) -> None:
        super().__init__(session, section=section)
        self.group = group
        self.letters = Grid[Dead](dead_columns(session), lambda d: d.id, empty="none of them is there any more")
        self.heading = Heading()

    def body(self) -> Iterable[Widget]:
        """What they have in common, and each."""
        yield from (self.heading, self.letters)

    def draw(self) -> None:
        """Show those that are still there."""
        failed = self.session.snapshot.failed
        members = [letter for letter in failed.rows if self._belongs(letter)]
        self.letters.show(members[:SHOWN], is_stale=self.session.is_cut_off(failed.at))
        more = f", the newest {SHOWN:,} shown" if len(members) > SHOWN else ""
        group = self.group
        text = f"{len(members):,} OF {safe(group.source) or 'unknown'}{more}: {safe(group.kind)}: {safe(group.told)}"
        self.heading.show(text)

    def _belongs(self, letter: Dead) -> bool:
        group = self.group
        return (letter.kind, letter.source, normalised(letter.error)) == (group.kind, group.source, group.message)

    def do_open(self, _: str) -> None:
        """Show the whole letter."""
        from jobimport_tui.screens.letter import LetterPage

        if letter := self.letters.selected:
            self.app.push_screen(LetterPage(self.session, section=self.section, letter=letter))

    def letters_meant(self, then: Callable[[Sequence[Dead], str], None]) -> None:
        """The marked ones, else the selected one; after *, all that fit, also those that are not shown."""
        known = self.session.snapshot.failed.rows
        if self.everything:
            members = [d for d in known if self._belongs(d) and self.letters.has_words(d, self.letters.filter)]
        else:
            members = self.chosen(self.letters)
        then(members, choice_of(members, known) if len(members) > 1 else "")

    def equivalent(self) -> str:
        """The command that lists them."""
        source = f" --source {self.group.source}" if self.group.source else ""
        return f"jobimport failed list{source}"

    def selected_source(self) -> str:
        """The group's source."""
        return self.group.source
