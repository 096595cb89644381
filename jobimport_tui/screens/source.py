"""One source: its file, and what its runs were like."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len

from jobimport_tui.display.format import ago, count, counted, moment, span
from jobimport_tui.display.text import safe
from jobimport_tui.fingerprint import brief
from jobimport_tui.screens import columns
from jobimport_tui.screens.detail import BLANK, Detail, fact, heading, paragraph
from jobimport_tui.screens.page import bindings
from jobimport_tui.session import Session
from jobimport_tui.state import SourceLine
from jobimport_tui.widgets.painted import Line
from workers.model import Run

RELOAD_SECONDS = 30.0
SHOWN = 20


class SourcePage(Detail):
    """Detail of a source. The charts have one cell a run, the newest on the right."""

    place = "source"
    BINDINGS = bindings("source")

    def __init__(self, session: Session, *, section: str, name: str) -> None:
        super().__init__(session, section=section)
        self.source = name
        self.runs: list[Run] | None = None
        self._problem = ""
        self._asked_at = 0.0
        self._last = 0

    def called(self) -> str:
        """Its name."""
        return self.source

    def data(self) -> object:
        """Its line and its runs."""
        return {"source": self._line(), "runs": self.runs}

    def equivalent(self) -> str:
        """The command that shows it."""
        return f"jobimport sources show {self.source}"

    def selected_source(self) -> str:
        """The one that is shown."""
        return self.source

    def selected_to_pause(self) -> list[tuple[str, bool]]:
        """The one that is shown."""
        line = self._line()
        return [(f"source:{self.source}", line is not None and line.state == "paused")]

    def draw(self) -> None:
        """Show what is known; read its runs again when one has ended."""
        line = self._line()
        last = line.last.id if line and line.last else 0
        if last != self._last or self.session.clock() - self._asked_at >= RELOAD_SECONDS:
            self._asked_at, self._last = self.session.clock(), last
            gateway = self.session.gateway
            self.call(lambda: gateway.runs_of(self.source), self._read, self._refused, group="detail")
        super().draw()

    def _read(self, runs: list[Run]) -> None:
        self.runs, self._problem = runs, ""
        super().draw()

    def mongodb_came(self) -> None:
        """Read it again."""
        self._asked_at = 0.0

    def _refused(self, why: str) -> None:
        self._problem = why
        super().draw()

    def _line(self) -> SourceLine | None:
        rows = self.session.snapshot.sources.rows
        return next((row for row in rows if row.name == self.source), None)

    def lines_for(self, width: int) -> list[Line]:
        """The page."""
        line = self._line()
        if line is None:
            return [((f" {safe(self.source)}", "title"), ("   its file is gone", "warn"))]
        mark = self.session.glyphs.mark(line.state)
        lines: list[Line] = [((f" {safe(line.name)}  ", "title"), (str(mark), mark.tone)), BLANK]
        if line.problem:
            lines += paragraph(safe(line.problem), width, tone="bad")
        if line.health is not None and line.health.state != "ok":
            judged = self.session.glyphs.mark(line.health.state)
            lines += [*paragraph(f"{judged}: {safe(line.health.text)}", width, tone=judged.tone), BLANK]
        due = f"in {span(line.next_due - self.session.clock())}" if line.next_due else "never by itself"
        due = "when it is no longer suspended" if line.is_suspended else due
        lines += [
            fact("url", line.url),
            fact("kind", f"{line.kind}, format {line.format}"),
            fact("schedule", f"{line.schedule or 'none'}, next {due}"),
            fact("failures in a row", line.failures, "bad" if line.failures else ""),
            BLANK,
        ]
        if self.runs is None:
            return [*lines, ((f" {self._problem or 'reading its runs ...'}", "dim"),)]
        return [*lines, *self._charts(width), BLANK, *self._history(width)]

    def _charts(self, width: int) -> list[Line]:
        """One row a figure; its greatest and its last value in words."""
        whole = [run for run in reversed(self.runs or []) if run.state in ("succeeded", "partial")]
        if not whole:
            return [((" no run of it has read the whole feed yet", "dim"),)]
        figures: list[tuple[str, Callable[[Run], float], Callable[[float], str]]] = [
            ("listings", lambda run: run.stats.total, lambda v: count(int(v))),
            ("new", lambda run: run.stats.new, lambda v: count(int(v))),
            ("updated", lambda run: run.stats.updated, lambda v: count(int(v))),
            ("closed", lambda run: run.stats.closed, lambda v: count(int(v))),
            ("failed", lambda run: run.stats.failed, lambda v: count(int(v))),
            ("took", lambda run: columns.took(self.session, run) or 0.0, span),
        ]
        room = max(10, min(60, width - 42))
        lines: list[Line] = [heading(f"LAST {counted(min(len(whole), room), 'WHOLE RUN', 'WHOLE RUNS')}")]
        for name, figure, shown in figures:
            values = [float(figure(run)) for run in whole]
            spark = self.session.glyphs.spark(tuple(values), min(room, len(values)))
            text = f"  last {shown(values[-1])}, most {shown(max(values))}"
            lines.append(((f" {name:<9} ", "head"), (f"{spark:<{room}}", "busy"), (text, "")))
        return [*lines, *self._durations(whole)]

    def _durations(self, whole: Sequence[Run]) -> list[Line]:
        took = sorted(columns.took(self.session, run) or 0.0 for run in whole)
        p95 = took[min(len(took) - 1, int(len(took) * 0.95))]
        return [((f" {'duration':<9} ", "head"), (f"p50 {span(took[len(took) // 2])}, p95 {span(p95)}", ""))]

    def _history(self, width: int) -> list[Line]:
        runs = self.runs or []
        lines: list[Line] = [heading(f"NEWEST OF {counted(len(runs), 'RUN', 'RUNS')}")]
        for run in runs[:SHOWN]:
            state = columns.state_of(self.session, run)
            since = ago(self.session.age(run.queued_at.timestamp()))
            told = f"{count(run.stats.total):>8} listings, {count(run.stats.new)} new, {count(run.stats.failed)} failed"
            why = brief(columns.why(run))
            head: Line = (
                (f" {run.id:>6}  {moment(run.queued_at)[5:16]} {since:>4}  ", "dim"),
                (f"{state[0]:<13}", state[1]),
                (told, ""),
            )
            is_beside = sum(cell_len(text) for text, _ in head) + cell_len(why) + 3 <= width
            lines.append((*head, (f"  {why}", "dim")) if is_beside else head)
            lines += [] if is_beside else paragraph(why, width, indent=9, tone="dim")
        return [*lines, ((" :run NUMBER opens one, 2 and f lists them all", "dim"),)]
