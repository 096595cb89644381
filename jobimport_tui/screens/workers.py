"""Section 5: the worker processes."""

from collections.abc import Iterable

from textual.widget import Widget

from jobimport_tui.display.format import age, count, size
from jobimport_tui.display.text import safe
from jobimport_tui.gateway.protocol import WorkerOrder
from jobimport_tui.plans import Plan, command_for
from jobimport_tui.screens.acting import HELD, INVERSE
from jobimport_tui.screens.page import bindings
from jobimport_tui.screens.selecting import Selecting
from jobimport_tui.session import SILENT_SECONDS, Session, is_silent, silence
from jobimport_tui.state import Worker
from jobimport_tui.widgets.grid import Column, Grid
from jobimport_tui.widgets.painted import Span


def worker_columns(session: Session) -> list[Column[Worker]]:
    """Where, whether alive, how busy, with what."""

    def state(worker: Worker) -> Span:
        word = "running" if worker.busy else "idle"
        word = word if worker.order == "working" else worker.order
        word = "silent" if is_silent(session.snapshot, worker) else word
        mark = session.glyphs.mark(word)
        return str(mark), mark.tone

    def beat(worker: Worker) -> str:
        seconds = silence(session.snapshot, worker)
        if seconds is None or (seconds <= SILENT_SECONDS and not session.snapshot.redis.is_up):
            return "?"
        # A beat that is as it should be does not count its seconds: that would be bytes for nothing.
        return "now" if seconds <= SILENT_SECONDS else age(seconds)

    def failures(worker: Worker) -> Span:
        return count(worker.failed, 5), "bad" if worker.failed else ""

    return [
        Column("WORKER", 16, lambda w: f"{safe(w.host)}:{w.pid}", flex=1),
        Column("STATE", 9, state),
        Column("BEAT", 6, beat, "right", order=lambda w: -w.beat_at),
        Column("BUSY", 5, lambda w: f"{w.busy}/{w.slots}", "right", order=lambda w: -w.busy),
        Column("DONE", 7, lambda w: count(w.done), "right", order=lambda w: -w.done),
        Column("FAIL", 5, failures, "right", order=lambda w: -w.failed),
        Column("MEMORY", 7, lambda w: size(w.rss_bytes), "right", order=lambda w: -w.rss_bytes),
        Column("DOING", 14, lambda w: safe(w.current) or ("-", "dim"), flex=2),
        Column("LANES", 18, lambda w: (safe(w.lanes), "dim"), needs=110, flex=1),
        Column("VERSION", 9, lambda w: (safe(w.version) or "same", "warn" if w.version else "dim"), needs=126),
        Column("UP", 6, lambda w: age(session.age(w.started)), "right", needs=100, order=lambda w: w.started),
    ]


class WorkersSection(Selecting):
    """Every worker heard of in the last hour."""

    place = "workers"
    BINDINGS = bindings("workers")

    def __init__(self, session: Session) -> None:
        super().__init__(session, section="workers")
        self.processes = Grid[Worker](worker_columns(session), lambda w: w.id)

    def body(self) -> Iterable[Widget]:
        """One grid."""
        yield self.processes

    def draw(self) -> None:
        """Show the workers."""
        workers = self.session.snapshot.workers
        nothing = "no worker was heard of in the last hour: `jobimport worker` starts some"
        self.processes.empty = "waiting for redis" if workers.at is None else nothing
        is_old = self.session.is_cut_off(workers.at)
        title = f"{age(self.session.age(workers.at))} OLD" if is_old else ""
        self.processes.show(workers.rows, title=title, is_stale=is_old)

    def is_bad(self, row: Worker) -> bool:
        """A worker that is silent, or had failures."""
        return row.failed > 0 or is_silent(self.session.snapshot, row)

    def do_quiet(self, argument: str) -> None:
        """Take nothing new; by key, workers that are all quiet work again."""
        chosen = self.chosen(self.processes)
        if not argument and chosen and all(worker.order == "quiet" for worker in chosen):
            self.do_wake("")
        else:
            self._order(argument, "quiet", inverse="work")

    def do_wake(self, argument: str) -> None:
        """Work again."""
        self._order(argument, "work", inverse="quiet")

    def do_stop(self, argument: str) -> None:
        """Finish what is in hand, and end."""
        self._order(argument, "stop", inverse=None)

    def _order(self, argument: str, order: WorkerOrder, *, inverse: WorkerOrder | None) -> None:
        gateway = self.session.gateway
        ids = [argument] if argument else [worker.id for worker in self.chosen(self.processes)]
        verb = {"work": "resume", "quiet": "quiet", "stop": "stop"}[order]
        plan = Plan(
            verb=verb,
            noun="worker",
            keys=tuple(ids),
            command=command_for(f"jobimport workers {verb}", ids, otherwise=f"jobimport workers {verb} ID..."),
            kinds=tuple((f"has {w.busy} in hand: {safe(w.host)}:{w.pid}", 1) for w in self.chosen(self.processes)[:3]),
            undo=f"what it has in hand is finished or handed back; {HELD}" if order == "stop" else INVERSE,
        )
        back = None if inverse is None else lambda id_: gateway.order(id_, inverse)
        self.propose(plan, lambda id_: gateway.order(id_, order), is_grave=order == "stop", inverse=back, held=not back)

    def do_open(self, _: str) -> None:
        """There is no more to a worker than its row: what it has in hand, and the lanes that it reads, in full."""
        if worker := self.processes.selected:
            self.say(f"{worker.current or 'nothing in hand'}; reads {worker.lanes}")
