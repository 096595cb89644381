"""Section 6: the sources: when each ran last, how that went, when it is due."""

from collections.abc import Iterable

from textual.widget import Widget

from jobimport_tui.display.format import ago, count
from jobimport_tui.display.text import safe
from jobimport_tui.fingerprint import brief
from jobimport_tui.plans import Plan
from jobimport_tui.screens import columns
from jobimport_tui.screens.acting import HELD, INVERSE
from jobimport_tui.screens.page import bindings
from jobimport_tui.screens.selecting import Selecting
from jobimport_tui.session import Session
from jobimport_tui.state import SourceLine
from jobimport_tui.widgets.grid import Column, Grid
from jobimport_tui.widgets.painted import Span

BAD = ("failed", "partial", "degraded")


def strip(session: Session, row: SourceLine) -> Span:
    """The glyphs of the last runs, the newest on the right; it gives the tone."""
    marks = [session.glyphs.mark(state) for state in row.strip]
    return "".join(mark.glyph for mark in marks), "bad" if marks and marks[-1].tone == "bad" else ""


def source_columns(session: Session) -> list[Column[SourceLine]]:
    """The file's facts and the last run's."""

    def state(row: SourceLine) -> Span:
        mark = session.glyphs.mark(row.state)
        return str(mark), mark.tone

    def health(row: SourceLine) -> Span:
        if row.health is None:
            return "-", "dim"
        mark = session.glyphs.mark(row.health.state)
        return str(mark), mark.tone

    def about(row: SourceLine) -> Span:
        if row.problem:
            return safe(row.problem), "bad"
        if row.health is not None and row.health.state != "ok":
            # What failed last is worth the little room; that it failed, and how often, stands in the columns before.
            is_failing = row.health.state in ("failing", "suspended")
            reason = columns.why(row.last) if is_failing and row.last else ""
            return brief(reason or safe(row.health.text)), session.glyphs.mark(row.health.state).tone
        return safe(row.url), "dim"

    def last(row: SourceLine) -> Span:
        return columns.state_of(session, row.last) if row.last else ("never ran", "dim")

    def due(row: SourceLine) -> Span:
        if row.next_due is None or row.is_suspended:
            return "-", "dim"
        left = row.next_due - session.clock()
        if left <= 0:
            return "due", "busy"
        return ago(left) if left >= 60 else "<1m", ""

    def since(row: SourceLine) -> str:
        return ago(session.age(row.last.queued_at.timestamp())) if row.last else "-"

    return [
        Column("SOURCE", 14, lambda s: safe(s.name), flex=1),
        Column("STATE", 8, state),
        Column("HEALTH", 11, health),
        Column("KIND", 8, lambda s: s.kind, needs=140),
        Column("LAST", 12, last),
        Column("LAST 14 RUNS", 14, lambda s: strip(session, s), "right"),
        Column("AGO", 4, since, "right"),
        Column("TOTAL", 6, lambda s: count(s.last.stats.total, 6) if s.last else "-", "right"),
        Column("NEW", 6, lambda s: count(s.last.stats.new, 6) if s.last else "-", "right", needs=90),
        Column("FAILS", 5, lambda s: (str(s.failures), "bad" if s.failures else ""), "right", needs=130),
        Column("DUE", 4, due, "right", order=lambda s: s.next_due or float("inf")),
        Column("SCHEDULE", 14, lambda s: (safe(s.schedule) or "by hand", "dim"), needs=140),
        Column("URL, OR WHAT IS ODD", 20, about, needs=100, flex=2),
    ]


class SourcesSection(Selecting):
    """Every file of config/sources."""

    place = "sources"
    BINDINGS = bindings("sources")

    def __init__(self, session: Session) -> None:
        super().__init__(session, section="sources")
        self.files = Grid[SourceLine](source_columns(session), lambda s: s.name)

    def body(self) -> Iterable[Widget]:
        """One grid."""
        yield self.files

    def draw(self) -> None:
        """Show the sources."""
        sources = self.session.snapshot.sources
        nothing = f"no sources in {safe(sources.folder)}: A looks at a feed and makes one"
        self.files.empty = "reading the source files ..." if sources.at is None else nothing
        self.files.show(sources.rows)

    def do_down(self, _: str) -> None:
        """One row down."""
        super().do_down("")
        self._explain()

    def do_up(self, _: str) -> None:
        """One row up."""
        super().do_up("")
        self._explain()

    def _explain(self) -> None:
        """Say what is odd about the selected source: the column that says it needs a wide screen."""
        row = self.files.selected
        if row is not None and row.health is not None and row.health.state != "ok":
            self.say(f"{row.name}: {row.health.text}", self.session.glyphs.mark(row.health.state).tone)

    def do_open(self, _: str) -> None:
        """Show the source: its file, its charts, its runs."""
        from jobimport_tui.screens.source import SourcePage

        row = self.files.selected
        if row is not None:
            self.app.push_screen(SourcePage(self.session, section="sources", name=row.name))

    def is_bad(self, row: SourceLine) -> bool:
        """A source that fails, or whose file cannot be read."""
        return row.state == "broken" or row.failures > 0 or (row.last is not None and row.last.state in BAD)

    def selected_to_pause(self) -> list[tuple[str, bool]]:
        """The marked sources, else the selected one, and whether they are paused."""
        rows = [row for row in self.chosen(self.files) if row.state != "broken"]
        return [(f"source:{row.name}", row.state == "paused") for row in rows]

    def do_disable(self, argument: str) -> None:
        """Switch sources off; by key, those that are all off are switched on."""
        names = [argument] if argument else [row.name for row in self.chosen(self.files)]
        states = {row.name: row.state for row in self.files.all_rows}
        if not argument and names and all(states[name] == "off" for name in names):
            self._switch(names, on=True)
        else:
            self._switch(names, on=False)

    def do_enable(self, argument: str) -> None:
        """Switch sources on."""
        self._switch([argument] if argument else [row.name for row in self.chosen(self.files)], on=True)

    def _switch(self, names: list[str], *, on: bool) -> None:
        gateway, verb = self.session.gateway, "enable" if on else "disable"
        plan = Plan(
            verb=verb,
            noun="source",
            keys=tuple(names),
            command=" && ".join(f"jobimport sources {verb} {name}" for name in names[:5]),
            undo=INVERSE,
        )
        self.propose(
            plan, lambda name: gateway.set_enabled(name, on), inverse=lambda name: gateway.set_enabled(name, not on)
        )

    def do_add(self, argument: str) -> None:
        """Look at a feed, and make a source of it."""
        if refusal := self.session.refusal():
            self.say(refusal, "warn")
        else:
            self.look_at(argument, asks=True)

    def do_remove(self, argument: str) -> None:
        """Delete a source's file."""
        if name := argument or self.selected_source():
            plan = Plan(
                verb="remove",
                noun="source",
                keys=(name,),
                command=f"jobimport sources remove {name}",
                kinds=((name, 1),),
                undo=f"its listings stay; {HELD}",
            )
            self.propose(plan, self.session.gateway.remove_source, is_grave=True, held=True)

    def selected_source(self) -> str:
        """The selected source."""
        return self.files.selected.name if self.files.selected else ""
