"""Section 1: the lanes, what is being imported, what was, and what happens."""

from collections.abc import Iterable
from itertools import cycle

from textual import events
from textual.widget import Widget

from jobimport_tui.display.format import age, clock, count, rate, span
from jobimport_tui.display.text import safe
from jobimport_tui.screens import columns
from jobimport_tui.screens.page import bindings
from jobimport_tui.screens.selecting import Selecting
from jobimport_tui.session import Session
from jobimport_tui.state import EventLine, Flight, Lane
from jobimport_tui.widgets.grid import Column, Grid
from jobimport_tui.widgets.painted import Span
from workers.model import Run


def share_out(height: int, lanes: int, flights: int, recent: int) -> tuple[int, int, int, int]:
    """Heights of the four panels, with their headings, out of what there is.

    The lanes get what they need, the flights what they need up to a third of the rest and never less than two
    lines, the last runs and the events the remainder, two to one. A panel that has room for nothing is left out.
    """
    first = min(lanes + 1, height)
    rest = height - first
    second = min(max(2, flights + 1), max(2, rest // 3)) if rest >= 2 else 0
    rest -= second
    third = min(max(2, recent + 1), max(2, rest * 2 // 3)) if rest >= 2 else 0
    rest -= third
    return first, second, third, rest if rest >= 2 else 0


def lane_columns(session: Session) -> list[Column[Lane]]:
    """What is known of a lane. Names of the first designs stand beside ours."""
    glyphs = session.glyphs

    def state(lane: Lane) -> Span:
        word = "paused" if lane.paused else "running" if lane.running else "waiting" if lane.waiting else "idle"
        mark = glyphs.mark(word)
        return mark.glyph + " " + lane.queue, mark.tone

    def dead(lane: Lane) -> Span:
        return count(lane.dead, 4), "bad" if lane.dead else ""

    def drain(lane: Lane) -> Span:
        if lane.paused:
            return "paused", "warn"
        seconds = lane.drain_s
        return ("grows", "warn") if seconds == float("inf") else (span(seconds) if seconds else "-", "")

    return [
        Column("QUEUE", 23, state),
        Column("LANE", 6, lambda lane: lane.lane.partition(":")[0]),
        Column("WAIT", 6, lambda lane: count(lane.waiting, 6), "right"),
        Column("RUN", 4, lambda lane: count(lane.running, 4), "right"),
        Column("DELAY", 5, lambda lane: count(lane.delayed, 5), "right"),
        Column("DEAD", 4, dead, "right"),
        Column("IN/S", 5, lambda lane: rate(lane.in_rate), "right"),
        Column("OUT/S", 5, lambda lane: rate(lane.out_rate), "right"),
        Column("OLDEST", 6, lambda lane: age(lane.oldest_s), "right"),
        Column("DRAIN", 6, drain, "right"),
        Column("OUT/S, 5 MIN", 30, lambda lane: (glyphs.spark(lane.history, 30), "busy"), "right", needs=112),
    ]


def event_columns(session: Session) -> list[Column[EventLine]]:
    """When, what kind, whose, what."""

    def glyph(line: EventLine) -> Span:
        mark = session.glyphs.mark(line.mark)
        return mark.glyph, mark.tone

    return [
        Column("EVENTS", 8, lambda e: (clock(e.at), "dim")),
        Column("", 1, glyph),
        Column("", 16, lambda e: safe(e.source)),
        Column("", 20, lambda e: safe(e.text), flex=1),
    ]


class QueuesSection(Selecting):
    """The overview."""

    place = "queues"
    BINDINGS = bindings("queues")

    def __init__(self, session: Session) -> None:
        super().__init__(session, section="queues")
        self.lanes = Grid[Lane](lane_columns(session), lambda lane: lane.lane, title="QUEUE", empty="", id="lanes")
        self.flights = Grid[Flight](columns.flights(session), lambda f: f.run.id, id="flights")
        self.recent = Grid[Run](columns.ended(session), lambda r: r.id, id="recent")
        self.news = Grid[EventLine](event_columns(session), lambda e: e, title="EVENTS", id="news")
        self._grown = (0, 0, 0, 0)

    @property
    def grid(self) -> Grid[Run]:
        """The last runs are what is filtered."""
        return self.recent

    def body(self) -> Iterable[Widget]:
        """Four panels."""
        yield from (self.lanes, self.flights, self.recent, self.news)

    def do_watches(self, argument: str) -> None:
        """Go to what is new in a watch."""
        from jobimport_tui.screens.watching import pick_watch

        pick_watch(self, argument, self.console_app.show_new)

    def on_mount(self) -> None:
        """Begin where something can be opened."""
        super().on_mount()
        self.recent.focus()

    def draw(self) -> None:
        """Show queues, runs and events, each with its age where it is not live."""
        session, snapshot = self.session, self.session.snapshot
        queues, runs = snapshot.queues, snapshot.runs
        self.lanes.empty = "waiting for redis" if queues.at is None else ""
        self.lanes.show(queues.lanes, title=self._aged("QUEUE", queues.at), is_stale=session.is_stale(queues.at))
        in_flight = len(runs.flights)
        self.flights.empty = self._empty("nothing is being imported: i imports a source")
        self.flights.show(
            runs.flights,
            title=self._aged(f"RUNNING {in_flight}" if in_flight else "RUNNING", runs.at),
            is_stale=session.is_stale(runs.at),
        )
        self.recent.empty = self._empty("no import has ended yet")
        self.recent.show(runs.recent, title=self._aged("LAST RUNS", runs.at), is_stale=session.is_stale(runs.at))
        self.news.empty = "nothing has happened since this console was opened"
        self.news.show(snapshot.events, is_stale=not snapshot.redis.is_up and bool(snapshot.events))
        self._fit()

    def _empty(self, otherwise: str) -> str:
        return "waiting for mongodb" if self.session.snapshot.runs.at is None else otherwise

    def _aged(self, title: str, at: float | None) -> str:
        return f"{age(self.session.age(at))} OLD" if self.session.is_stale(at) else title

    def _fit(self) -> None:
        """Give each panel its height."""
        chrome = 3 + self.banner.lines
        counts = (max(1, len(self.lanes.rows)), len(self.flights.rows), len(self.recent.all_rows))
        heights = share_out(self.size.height - chrome, *counts)
        if heights != self._grown:
            self._grown = heights
            for panel, height in zip((self.lanes, self.flights, self.recent, self.news), heights, strict=True):
                panel.display = height > 0
                panel.styles.height = height

    def on_resize(self, _: events.Resize) -> None:
        """Share the new height out."""
        self._fit()

    def do_next_panel(self, _: str) -> None:
        """Go to the next panel that has rows."""
        panels: list[Widget] = [self.recent, self.news, self.lanes, self.flights]
        panels = [panel for panel in panels if panel.display]
        place = panels.index(self.focused) if self.focused in panels else -1
        following = cycle(panels)
        for _skip in range(place + 1):
            next(following)
        next(following).focus()

    def do_open(self, _: str) -> None:
        """Open the selected run."""
        run = self._run()
        if run is None:
            self.say("nothing to open here: tab goes to the runs")
        else:
            self.open_run(run.id)

    def _run(self) -> Run | None:
        if self.focused is self.flights:
            return self.flights.selected.run if self.flights.selected else None
        return self.recent.selected if self.focused is self.recent else None

    def selected_source(self) -> str:
        """The source of the selected run."""
        run = self._run()
        return run.source if run else ""

    def run_shown(self) -> int | None:
        """The selected run."""
        run = self._run()
        return run.id if run else None

    def selected_runs(self) -> list[int]:
        """The marked flights, else the selected one; the only one, where there is one."""
        flights = self.session.snapshot.runs.flights
        if self.focused is self.flights or self.flights.marked_rows():
            return [flight.run.id for flight in self.chosen(self.flights)]
        return [flights[0].run.id] if len(flights) == 1 else []

    def is_bad(self, row: Run) -> bool:
        """A run that did not end well."""
        return row.state in ("failed", "partial", "degraded") or row.stats.failed > 0

    def selected_to_pause(self) -> list[tuple[str, bool]]:
        """The marked lanes, else the selected one, and whether they are paused."""
        if self.focused is not self.lanes and not self.lanes.marked_rows():
            return []
        return [(lane.lane, lane.paused) for lane in self.chosen(self.lanes)]
