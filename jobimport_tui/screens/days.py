"""Days as charts: listings new, updated, closed, how long imports took; and the last hour. Of one source, or of all."""

from collections.abc import Callable, Sequence

from jobimport_tui.display import charts
from jobimport_tui.display.format import clock, count, span
from jobimport_tui.display.text import safe
from jobimport_tui.gateway.looks import Days
from jobimport_tui.hourly import MINUTES, Hour
from jobimport_tui.screens.detail import BLANK, Detail, heading, paragraph
from jobimport_tui.screens.page import bindings
from jobimport_tui.session import Session
from jobimport_tui.widgets.painted import Line
from workers.model.daily import Day

RELOAD_SECONDS = 30.0
HEIGHT, TALL = 3, 4
ROOMY = 36
"""Lines of a screen from which on charts are tall, with a blank line between them."""

LABEL = 10


class DaysPage(Detail):
    """Detail of some weeks; `source` is "" for all of them."""

    place = "days"
    BINDINGS = bindings("days")

    def __init__(self, session: Session, *, section: str, source: str) -> None:
        super().__init__(session, section=section)
        self.source = source
        self.found: Days | None = None
        self._problem = ""
        self._asked_at = 0.0

    def draw(self) -> None:
        """Show what is known; read it again now and then."""
        if self.session.clock() - self._asked_at >= RELOAD_SECONDS:
            self._asked_at = self.session.clock()
            self.call(lambda: self.session.gateway.days(self.source), self._read, self._refused, group="detail")
        super().draw()

    def do_refresh(self, _: str) -> None:
        """Read them again."""
        self._asked_at = 0.0
        self.draw()

    def _read(self, found: Days) -> None:
        self.found, self._problem = found, ""
        super().draw()

    def mongodb_came(self) -> None:
        """Read it again."""
        self._asked_at = 0.0

    def _refused(self, why: str) -> None:
        self._problem = why
        super().draw()

    def called(self) -> str:
        """The source."""
        return self.source or "all sources"

    def data(self) -> object:
        """The days."""
        return self.found

    def equivalent(self) -> str:
        """The command that lists the same days."""
        return "jobimport runs stats" + (f" --source {self.source}" if self.source else "")

    def selected_source(self) -> str:
        """The source that is shown."""
        return self.source

    @property
    def _height(self) -> int:
        """Lines of a chart."""
        return TALL if self.size.height >= ROOMY else HEIGHT

    def lines_for(self, width: int) -> list[Line]:
        """The page."""
        what = safe(self.source) or "all sources"
        if self.found is None:
            return [((f" {what}", "title"),), *paragraph(safe(self._problem) or "reading ...", width, tone="dim")]
        days = self.found.days
        title: Line = ((f" {what}: the last {len(days)} days", "title"), ("   UTC, today on the right", "dim"))
        lines: list[Line] = [title]
        if self._problem:
            lines += paragraph(f"! {safe(self._problem)}", width, tone="warn")
        if not any(day.runs for day in days):
            return [*lines, ((" no import in these days", "dim"),), BLANK, *self._hour(width)]
        step = max(1, min(3, (width - LABEL - 32) // len(days)))
        for name in ("new", "updated", "closed"):
            values = [float(getattr(day, name)) if day.runs else None for day in days]
            lines += self._chart(name, values, days, step, lambda value: count(int(value)))
        lines += [*self._took(days, step)[: self._height], _axis(days, step), BLANK, *self._hour(width), BLANK]
        return lines + _table(days)

    def _chart(
        self,
        name: str,
        values: Sequence[float | None],
        days: Sequence[Day],
        step: int,
        shown: Callable[[float], str],
    ) -> list[Line]:
        rows = charts.columns(values, self._height, self.session.glyphs, step=step)
        most = max(range(len(values)), key=lambda i: values[i] or 0.0)
        figures = [
            f"today {shown(values[-1] or 0.0).strip()}",
            f"most {shown(values[most] or 0.0).strip()} on {days[most].day:%d %b}"
            if values[most]
            else "none on any day",
            f"in all {shown(sum(value or 0.0 for value in values)).strip()}",
        ]
        return _beside(name, rows, figures)

    def _took(self, days: Sequence[Day], step: int) -> list[Line]:
        """Half of the imports took as long as the full part, 95 of 100 as the shaded."""
        pairs = [_pair(day) for day in days]
        known = [pair for pair in pairs if pair is not None]
        if not known:
            return []
        rows = charts.ranges(pairs, self._height, self.session.glyphs, step=step)
        halves = [low for low, _ in known if low]
        figures = [
            f"p95 {span(known[-1][1])}, most {span(max(high for _, high in known))}",
            f"p50 {span(known[-1][0])}, most {span(max(halves))}" if halves else "of each day's slowest source",
            "",
        ]
        return _beside("took", rows, figures)

    def _hour(self, width: int) -> list[Line]:
        hour = self.found.hour if self.found else None
        if hour is None:
            return [heading("LAST HOUR"), ((" not known: redis does not answer", "dim"),)]
        since = f", known since {clock(hour.since)}Z" if hour.since is not None else ""
        return [heading(f"LAST HOUR, A MINUTE A CELL{since}"), *self._minutes(hour, width)]

    def _minutes(self, hour: Hour, width: int) -> list[Line]:
        lines: list[Line] = []
        room = min(MINUTES, width - LABEL - 4)
        for name in ("read", "new", "updated", "failed"):
            values = tuple(float(getattr(minute, name)) for minute in hour.minutes)
            spark = self.session.glyphs.spark(values, room)
            told = f"  {count(int(sum(values))).strip()}"
            lines.append(((f" {name:<{LABEL - 1}}", "head"), (spark, "busy"), (told, "")))
        return lines


def _pair(day: Day) -> tuple[float, float] | None:
    if day.p95_ms is None:
        return None
    return (day.p50_ms or 0) / 1000, day.p95_ms / 1000


def _beside(name: str, rows: Sequence[str], figures: Sequence[str]) -> list[Line]:
    """A chart with its name on the left, and what it says in figures on the right."""
    names = ["", name, *[""] * len(rows)]
    told = [*figures, *[""] * len(rows)]
    lines: list[Line] = [
        ((f" {names[i]:<{LABEL - 1}}", "head"), (row, "busy"), (f"  {told[i]}", "")) for i, row in enumerate(rows)
    ]
    return [*lines, BLANK] if len(rows) == TALL else lines


def _axis(days: Sequence[Day], step: int) -> Line:
    """The date under every seventh day, counted from today."""
    cells = [" "] * (len(days) * step + 6)
    for i in range(len(days) - 1, -1, -7):
        cells[i * step : i * step + 6] = f"{days[i].day:%d %b}"
    return ((" " * LABEL + "".join(cells).rstrip(), "dim"),)


def _table(days: Sequence[Day]) -> list[Line]:
    """A line a day that had imports, the newest first."""
    head = (
        f" {'DAY':<10}{'RUNS':>6}{'FAILURES':>9}{'NEW':>9}{'UPDATED':>9}{'CLOSED':>8}{'FAILED':>8}{'P50':>8}{'P95':>8}"
    )
    lines: list[Line] = [((head, "head"),)]
    for day in reversed(days):
        if not day.runs:
            continue
        figures = f"{count(day.new, 9):>9}{count(day.updated, 9):>9}{count(day.closed, 8):>8}{count(day.failed, 8):>8}"
        took = "".join(f"{span(None if ms is None else ms / 1000):>8}" for ms in (day.p50_ms, day.p95_ms))
        failed = (f"{day.failures:>9}", "bad" if day.failures else "")
        lines.append(((f" {day.day:%Y-%m-%d}{day.runs:>6}", ""), failed, (figures + took, "")))
    return lines
