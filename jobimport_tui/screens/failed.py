"""Section 3: what failed and stays failed, grouped by fingerprint: dead letters, and listings that were rejected."""

from collections.abc import Callable, Iterable, Sequence

from textual.widget import Widget

from jobimport_tui.display.format import ago, count
from jobimport_tui.display.text import safe
from jobimport_tui.fingerprint import Group, of_letters
from jobimport_tui.screens.page import bindings
from jobimport_tui.screens.selecting import Selecting
from jobimport_tui.session import Session
from jobimport_tui.state import Dead
from jobimport_tui.widgets.grid import Column, Grid
from jobimport_tui.widgets.heading import Heading
from jobimport_tui.widgets.painted import Span

REJECTED_SECONDS = 30.0
Then = Callable[[Sequence[Dead], str], None]


def group_columns(session: Session, is_new: Callable[[Group], bool]) -> list[Column[Group]]:
    """What, whose, how many, since when."""

    def name(group: Group) -> Span:
        mark = session.glyphs.mark("dead" if group.what == "dead" else "partial")
        return f"{mark.glyph} {safe(group.kind).replace('_', ' ')}", mark.tone

    return [
        Column("GROUP", 18, name),
        Column("SOURCE", 10, lambda g: safe(g.source) or ("unknown", "dim"), flex=1),
        Column("COUNT", 6, lambda g: count(g.count, 6), "right", order=lambda g: -g.count),
        Column("FIRST", 5, lambda g: ago(session.age(g.first)), "right", order=lambda g: -g.first),
        Column("LAST", 4, lambda g: ago(session.age(g.last)), "right", order=lambda g: -g.last),
        Column("NEW", 3, lambda g: ("new", "warn") if is_new(g) else "", order=lambda g: not is_new(g)),
        Column("24 HOURS", 12, lambda g: (session.glyphs.spark(g.trend, 12), "busy"), needs=100),
        Column("MESSAGE", 12, lambda g: safe(g.told), flex=4),
    ]


class FailedSection(Selecting):
    """Groups; enter shows their members. R and X mean every member of the marked groups."""

    place = "failed"
    BINDINGS = bindings("failed")

    def __init__(self, session: Session) -> None:
        super().__init__(session, section="failed")
        self.groups = Grid[Group](group_columns(session, self._is_new), lambda g: g.key)
        self.heading = Heading()
        self._seen_at = session.seen("failed")
        self._of: tuple[Dead, ...] | None = None
        self._letters: list[Group] = []
        self._rejected: tuple[Group, ...] = ()
        self._rejected_at: float | None = None

    def _is_new(self, group: Group) -> bool:
        """Whether its first came after this section was last looked at, in this console or one before."""
        return self._seen_at is not None and group.first > self._seen_at

    def body(self) -> Iterable[Widget]:
        """A heading and one grid."""
        yield from (self.heading, self.groups)

    def on_screen_suspend(self) -> None:
        """What is here was looked at."""
        self._seen_at = self.session.has_seen("failed")

    def draw(self) -> None:
        """Show the groups."""
        failed, now = self.session.snapshot.failed, self.session.clock()
        if self._of is not failed.rows:
            self._of = failed.rows
            self._letters = of_letters(failed.rows, now)
        if self._rejected_at is None or now - self._rejected_at >= REJECTED_SECONDS:
            self._rejected_at = now
            self.call(self.session.gateway.rejected, self._heard, lambda _: None, group="rejected")
        nothing = "no dead letters: every message was done, or is still to be done"
        self.groups.empty = "waiting for redis" if failed.at is None else nothing
        self.groups.show([*self._letters, *self._rejected], is_stale=self.session.is_cut_off(failed.at))
        self.heading.show(self._counts(len(failed.rows), failed.total))

    def mongodb_came(self) -> None:
        """Read the rejected listings."""
        self._rejected_at = None

    def _heard(self, groups: tuple[Group, ...]) -> None:
        self._rejected = groups
        self.draw()

    def _counts(self, known: int, total: int) -> str:
        rejected = sum(group.count for group in self._rejected)
        text = f"DEAD LETTERS {total:,}" + (f", the newest {known:,} grouped" if known < total else "")
        return f"{text}   REJECTED {rejected:,} in the last runs" if rejected else text

    def beyond(self) -> str:
        """Dead letters that are not grouped because there are so many."""
        failed = self.session.snapshot.failed
        return (
            f", and what fits of {failed.total - len(failed.rows):,} older" if failed.total > len(failed.rows) else ""
        )

    def do_refresh(self, _: str) -> None:
        """Read the rejected listings again, too."""
        self._rejected_at = None
        super().do_refresh("")

    def do_open(self, _: str) -> None:
        """Show a group's members; of rejected listings, the run that has them."""
        from jobimport_tui.screens.group import GroupPage

        if group := self.groups.selected:
            if group.what == "rejected":
                self.open_run(group.run)
            else:
                self.app.push_screen(GroupPage(self.session, section="failed", group=group))

    def do_requeue(self, argument: str) -> None:
        """Try again: dead letters one by one, rejected listings by their run."""
        chosen = [] if argument else self.chosen(self.groups)
        if chosen and all(group.what == "rejected" for group in chosen):
            self.retry_runs(sorted({group.run for group in chosen}))
        else:
            super().do_requeue(argument)

    def letters_meant(self, then: Then) -> None:
        """Every member of the chosen groups; after *, also of those that are not grouped here."""
        failed = self.session.snapshot.failed
        if self.everything and failed.total > len(failed.rows):
            self.say("reading every dead letter ...")
            self.call(self.session.gateway.letters, lambda letters: self._all_that_fit(letters, then))
            return
        self._choose([group for group in self.chosen(self.groups) if group.what == "dead"], failed.rows, then)

    def _all_that_fit(self, letters: Sequence[Dead], then: Then) -> None:
        groups = of_letters(letters, self.session.clock())
        self._choose([g for g in groups if self.groups.has_words(g, self.groups.filter)], letters, then)

    def _choose(self, groups: Sequence[Group], letters: Sequence[Dead], then: Then) -> None:
        members = sorted((m for group in groups for m in group.members), key=lambda m: m.at, reverse=True)
        then(members, choice_of(members, letters))

    def selected_source(self) -> str:
        """The source of the selected group."""
        return self.groups.selected.source if self.groups.selected else ""


def choice_of(members: Sequence[Dead], letters: Sequence[Dead]) -> str:
    """How the command names these letters where it needs no ids: all, or all of one source."""
    if not members:
        return ""
    if len(members) == len(letters):
        return "--all"
    source = members[0].source
    of_source = sum(letter.source == source for letter in letters)
    is_all_of_it = len(members) == of_source and all(member.source == source for member in members)
    return f"--all --source {source}" if source and is_all_of_it else ""
