"""Section 2: the import history."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from textual.widget import Widget

from jobimport_tui.gateway.protocol import RunQuery
from jobimport_tui.screens import columns
from jobimport_tui.screens.page import bindings
from jobimport_tui.screens.paged import PagedSection, parse, with_field
from jobimport_tui.session import Session
from jobimport_tui.widgets.grid import Grid
from jobimport_tui.widgets.heading import Heading
from workers.model import Run


class RunsSection(PagedSection[Run]):
    """Runs, newest first. The first page follows the events; a later one is as it was when it was read."""

    place = "runs"
    BINDINGS = bindings("runs")

    def __init__(self, session: Session, filter: str = "") -> None:
        super().__init__(session, section="runs", filter=filter)
        self.history = Grid[Run](columns.ended(session, in_full=True), lambda r: r.id, empty="no import yet")
        self.heading = Heading()
        self._seen: tuple[object, ...] = ()

    @property
    def grid(self) -> Grid[Run]:
        """The history."""
        return self.history

    def body(self) -> Iterable[Widget]:
        """A heading and the history."""
        yield from (self.heading, self.history)

    async def read(self, before: tuple[datetime, int] | None) -> list[Run]:
        """Ask for a page; words are looked for in it."""
        words, fields = parse(self.text)
        self.history.show_only(words)
        query = RunQuery(source=fields.get("source"), state=fields.get("state"), before=before)
        return await self.session.gateway.runs(query)

    def key_of(self, row: Run) -> Any:
        """Newest request first."""
        return row.queued_at, row.id

    def draw(self) -> None:
        """Follow what is known of the runs on this page; read it again when a run began or ended."""
        runs = self.session.snapshot.runs
        seen = (tuple(f.run.id for f in runs.flights), runs.recent[0].id if runs.recent else 0)
        if seen != self._seen and len(self.starts) == 1 and self.loaded_at is not None:
            self.load(self.starts)
        self._seen = seen
        live = {f.run.id: f.run for f in runs.flights}
        rows = [live.get(row.id, row) for row in self.history.all_rows]
        is_stale = self.session.is_stale(runs.at)
        self.history.empty = self.nothing("reading ...", "no import yet")
        self.history.show(rows, is_stale=is_stale)
        where = f"   filter {self.text}" if self.text else ""
        self.heading.show(f"RUNS {self.place_in_history()}{where}", self.problem)

    def do_open(self, _: str) -> None:
        """Open the selected run."""
        if run := self.history.selected:
            self.open_run(run.id)

    def selected_source(self) -> str:
        """The source of the selected run."""
        return self.history.selected.source if self.history.selected else ""

    def selected_runs(self) -> list[int]:
        """The marked runs, else the selected one, as far as they are active; after *, all that fit the filter."""
        if self.everything:
            _, fields = parse(self.text)
            flights = self.session.snapshot.runs.flights
            return [f.run.id for f in flights if fields.get("source") in (None, f.run.source)]
        return [run.id for run in self.chosen(self.history) if run.active]

    def run_shown(self) -> int | None:
        """The selected run."""
        return self.history.selected.id if self.history.selected else None

    def beyond(self) -> str:
        """Active runs on other pages."""
        return "; K means every active run that fits"

    def do_errors(self, _: str) -> None:
        """Ask for the runs that went wrong, or for all."""
        _, fields = parse(self.text)
        self.filter_by(with_field(self.text, "state", "" if fields.get("state") == "bad" else "bad"))

    def equivalent(self) -> str:
        """The command that lists these runs."""
        _, fields = parse(self.text)
        flags = [f" --{name} {value}" for name, value in fields.items() if value not in ("bad", "active")]
        return "jobimport runs list" + "".join(flags)
