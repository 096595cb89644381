"""One run: where it stands, what it cost, what it counted, what went wrong."""

from collections.abc import Sequence

from jobimport_tui import compare
from jobimport_tui.display.format import clock, count, moment, rate, size, span
from jobimport_tui.display.text import safe
from jobimport_tui.gateway.protocol import RunDetail
from jobimport_tui.screens import columns
from jobimport_tui.screens.detail import BLANK, Detail, fact, heading, paragraph
from jobimport_tui.screens.page import bindings
from jobimport_tui.screens.section import Section
from jobimport_tui.session import Session
from jobimport_tui.state import Flight
from jobimport_tui.widgets.painted import Line, Span
from workers.model import LogEntry, Run

RELOAD_SECONDS = 2.0
SLOWEST_RELOAD = 3600.0
BROUGHT = ("new", "changed", "closed")
"""What a run does to a listing, as a search calls it."""


class RunPage(Detail):
    """Detail of a run; a run in flight is read again every 2 s, its counts follow the events."""

    place = "run"
    BINDINGS = bindings("run")

    def __init__(self, session: Session, *, section: str, run_id: int) -> None:
        super().__init__(session, section=section)
        self.run_id = run_id
        self.detail: RunDetail | None = None
        self._asked_at = 0.0
        self._problem = ""

    def draw(self) -> None:
        """Show what is known; ask for what is not."""
        wait = RELOAD_SECONDS if self._is_moving() else SLOWEST_RELOAD
        if self.session.clock() - self._asked_at >= wait:
            self._asked_at = self.session.clock()
            gateway = self.session.gateway
            self.call(lambda: gateway.run_detail(self.run_id), self._read, self._refused, group="detail")
        self._offer()
        super().draw()

    def _offer(self) -> None:
        """Keep to the hints that make sense for this run."""
        detail = self.detail
        stats = detail.run.stats if detail else None
        can = {
            "cancel": detail is not None and detail.run.active,
            "retry": detail is not None and detail.rejects_in_all > 0,
            "approve": detail is not None and bool(detail.run.held),
            "brought": stats is not None and any((stats.new, stats.updated, stats.closed)),
        }
        self.keys.withhold(*(name for name, is_so in can.items() if not is_so))

    def _is_moving(self) -> bool:
        return self.detail is None or self.detail.run.active or self._flight() is not None

    def _read(self, detail: RunDetail) -> None:
        self.detail, self._problem = detail, ""
        self._offer()
        super().draw()

    def mongodb_came(self) -> None:
        """Read it again."""
        self._asked_at = 0.0

    def _refused(self, why: str) -> None:
        self._problem = why
        super().draw()

    def do_refresh(self, _: str) -> None:
        """Read the run again."""
        self._asked_at = 0.0
        super().do_refresh("")
        self.draw()

    def _flight(self) -> Flight | None:
        flights = self.session.snapshot.runs.flights
        return next((flight for flight in flights if flight.run.id == self.run_id), None)

    def called(self) -> str:
        """Its number."""
        return str(self.run_id)

    def data(self) -> object:
        """The run with its batches and rejects."""
        return self.detail

    def equivalent(self) -> str:
        """The command that shows it."""
        return f"jobimport runs show {self.run_id}"

    def selected_source(self) -> str:
        """Its source."""
        return self.detail.run.source if self.detail else ""

    def selected_runs(self) -> list[int]:
        """The one that is shown, while it is active."""
        return [self.run_id] if self.detail and self.detail.run.active else []

    def run_shown(self) -> int | None:
        """The one that is shown."""
        return self.run_id

    def do_brought(self, argument: str) -> None:
        """Go to the listings that it brought, changed, or closed."""
        what = argument or "new"
        if what not in BROUGHT:
            self.say(f"brought {argument!r}: expected {', '.join(BROUGHT)}", "warn")
            return
        self.app.switch_mode("listings")
        self.app.call_after_refresh(self._search, f"{what}:run:{self.run_id}")

    def _search(self, query: str) -> None:
        section, *over = self.app.screen_stack
        for _ in over:
            self.app.pop_screen()
        if isinstance(section, Section):
            section.filter_by(query)

    def lines_for(self, width: int) -> list[Line]:
        """The page."""
        if self.detail is None:
            return [((f" run {self.run_id}", "title"), (f"   {self._problem or 'reading ...'}", "dim"))]
        flight = self._flight()
        run = self.detail.run
        if flight is not None and run.active:
            run = flight.run
        lines = [*self._head(run, flight, width), BLANK, *table(run, self.detail.earlier), BLANK]
        return (
            lines
            + self._fetch(self.detail.run)
            + self._batches(run)
            + self._acts()
            + self._log(width)
            + self._rejects(width)
        )

    def _head(self, run: Run, flight: Flight | None, width: int) -> list[Line]:
        session = self.session
        asked = "by schedule" if run.trigger == "schedule" else f"{run.trigger} by {safe(run.requested_by) or '-'}"
        if run.priority == "high":
            asked += ", high priority"
        first: Line = (
            (f" run {run.id}  {safe(run.source)}  ", "title"),
            columns.state_of(session, run),
            (f"  {asked}", "dim"),
        )
        times: list[Span] = [(f" queued {moment(run.queued_at)}Z", "")]
        if run.started_at:
            times.append((f"  started {clock(run.started_at.timestamp())}", ""))
        if run.finished_at:
            times.append((f"  ended {clock(run.finished_at.timestamp())}", ""))
        times.append((f"  took {span(columns.took(session, run))}", ""))
        lines: list[Line] = [first, tuple(times)]
        if run.active and flight is not None:
            facts = f"  {rate(flight.rate)} listings/s  ETA {columns.eta(session, flight)}"
            lines.append(((" ", ""), columns.progress(session, flight), (facts, "")))
        earlier = self.detail.earlier if self.detail else ()
        reasons = (columns.why(run), compare.shrinkage(run, earlier))
        told = [paragraph(safe(reason), width, tone="warn") for reason in reasons if reason]
        return [*lines, *(line for reason in told for line in reason)]

    def _fetch(self, run: Run) -> list[Line]:
        fetch = run.fetch
        if fetch is None:
            told = "not asked for yet" if run.active else "could not be read"
            return [heading("FETCH"), fact("feed", told, "dim"), BLANK]
        read = f"{size(fetch.bytes)}, {size(fetch.wire_bytes)} over the wire, {fetch.redirects} redirects"
        status = f"{fetch.status or '-'} {fetch.outcome}" + (f", read as {fetch.dialect}" if fetch.dialect else "")
        lines = [heading("FETCH"), fact("url", fetch.url), fact("answer", status), fact("body", read)]
        worst = sorted(run.fill_rate.items(), key=lambda item: item[1])
        if worst:
            shares = "  ".join(f"{name} {share:.0%}" for name, share in worst[:8])
            lines.append(fact("filled", shares))
        if run.scored:
            lines.append(fact("quality", f"{run.quality} on the average of {run.scored:,} listings"))
        return [*lines, BLANK]

    def _batches(self, run: Run) -> list[Line]:
        sums = self.detail.batches if self.detail else None
        if sums is None or not sums.total:
            return []
        done = max(sums.done, run.batches.done) if run.active else sums.done
        total = run.batches.total if run.batches.total is not None else sums.total
        parts: list[Span] = [(f"{done} of {total} done", "")]
        pending = max(0, total - done - sums.dead - sums.dropped) if run.active else sums.pending
        for number, word, tone in ((pending, "pending", ""), (sums.dead, "dead", "bad"), (sums.dropped, "dropped", "")):
            if number:
                parts.append((f", {number} {word}", tone))
        each = f"   {span(sums.took_ms / 1000 / sums.done)} each" if sums.done else ""
        return [heading("BATCHES"), ((" ", ""), *parts, (each, "dim")), BLANK]

    def _acts(self) -> list[Line]:
        acts = self.detail.acts if self.detail else ()
        if not acts:
            return []
        lines = [((f" {moment(act.at)} ", "dim"), (f"{safe(act.user)} {safe(act.text)}", "")) for act in acts]
        return [heading("BY HAND"), *lines, BLANK]

    def _log(self, width: int) -> list[Line]:
        entries = self.detail.run.error_log if self.detail else []
        if not entries:
            return []
        lines = [heading(f"LOG {len(entries)}")]
        for entry in reversed(entries):
            lines += self._entry(entry, width)
        return [*lines, BLANK]

    def _entry(self, entry: LogEntry, width: int) -> list[Line]:
        mark = self.session.glyphs.mark(entry.level)
        texts = paragraph(safe(entry.text), width, indent=14)
        first = texts[0][0][0][14:]
        head: Line = (
            (f" {clock(entry.at.timestamp())} ", "dim"),
            (f"{mark.glyph}   ", mark.tone),
            (first, ""),
        )
        where = f"{safe(entry.code)}  {safe(entry.worker)}"
        return [head, *texts[1:], ((" " * 14 + where, "dim"),)]

    def _rejects(self, width: int) -> list[Line]:
        if self.detail is None or not self.detail.rejects:
            return []
        shown = len(self.detail.rejects)
        more = f", the first {shown}" if shown < self.detail.rejects_in_all else ""
        lines = [heading(f"REJECTED LISTINGS {self.detail.rejects_in_all:,}{more}")]
        for reject in self.detail.rejects:
            value = f"{safe(reject.field)} = {safe(reject.value)!r}" if reject.field else ""
            text = "   ".join(filter(None, (safe(reject.reason), value, safe(reject.external_id))))
            lines.append(((f" item {reject.position:<7} ", "dim"), (text, "")))
        return lines


def table(run: Run, earlier: Sequence[Run]) -> list[Line]:
    """Stages on the left, counts on the right, each beside the run before and the median of those before."""
    left = [(row.name, [span(row.this), span(row.before), span(row.usual)]) for row in compare.stages(run, earlier)]
    right = [
        (row.name, [_whole(row.this), _whole(row.before), _whole(row.usual)]) for row in compare.counts(run, earlier)
    ]
    of = f"MEDIAN {min(len(earlier), compare.WINDOW)}" if earlier else "MEDIAN"
    head = f" {'STAGE':<7}{'TOOK':>7}{'BEFORE':>8}{of:>10}   {'LISTINGS':<11}{'THIS':>9}{'BEFORE':>9}{of:>10}"
    lines: list[Line] = [((head, "head"),)]
    for number, (name, figures) in enumerate(right):
        stage, spans = left[number] if number < len(left) else ("", ["", "", ""])
        bad = (
            "bad"
            if name == "failed" and run.stats.failed
            else "warn"
            if name == "dropped" and run.stats.dropped
            else ""
        )
        lines.append(
            (
                (f" {stage:<7}{spans[0]:>7}", ""),
                (f"{spans[1]:>8}{spans[2]:>10}   ", "dim"),
                (f"{name:<11}{figures[0]:>9}", bad),
                (f"{figures[1]:>9}{figures[2]:>10}", "dim"),
            )
        )
    return lines


def _whole(number: float | None) -> str:
    return count(None if number is None else round(number), 9)
