"""The columns of runs: in flight, and ended."""

from jobimport_tui.display.format import NONE, age, ago, count, moment, rate, size, span
from jobimport_tui.display.text import safe
from jobimport_tui.fingerprint import brief
from jobimport_tui.session import Session
from jobimport_tui.state import Flight
from jobimport_tui.widgets.grid import Column
from jobimport_tui.widgets.painted import Span
from workers.model import Run

BAR = 10


def state_of(session: Session, run: Run) -> Span:
    """Glyph and word; "!" where a cancel was asked for and the run still ends."""
    mark = session.glyphs.mark(run.state)
    if run.active and run.cancel_requested:
        return f"{mark.glyph} cancelling", "warn"
    return str(mark), mark.tone


def progress(session: Session, flight: Flight) -> Span:
    """A bar and a share; while the feed is read, a guess ("~") by its last run, else how much has been read."""
    if (share := flight.share) is not None:
        return f"{session.glyphs.bar(share, BAR)} {int(share * 100):3}%", "busy"
    if (share := flight.share_of(session.snapshot.expected(flight.run.source))) is not None:
        return f"{session.glyphs.bar(share, BAR)} {f'~{int(share * 100)}':>3}%", "busy"
    if flight.bytes:
        return f"{size(flight.bytes)} read", "busy"
    return ("in the queue" if flight.run.state == "queued" else "connecting"), "dim"


def eta(session: Session, flight: Flight) -> str:
    """When it will be done; "~" where that is a guess by its last run."""
    if flight.share is not None:
        return span(flight.eta_s)
    guess = flight.eta_of(session.snapshot.expected(flight.run.source))
    return NONE if guess is None else f"~{age(guess)}"


def flights(session: Session) -> list[Column[Flight]]:
    """What is being imported."""
    return [
        Column("SOURCE", 12, lambda f: safe(f.run.source), flex=1),
        Column("RUN", 6, lambda f: str(f.run.id), "right"),
        Column("STATE", 12, lambda f: state_of(session, f.run)),
        Column("PROGRESS", BAR + 5, lambda f: progress(session, f)),
        Column("LISTINGS", 8, lambda f: count(f.run.stats.total, 8), "right"),
        Column("PER S", 6, lambda f: rate(f.rate), "right"),
        Column("ETA", 6, lambda f: eta(session, f), "right"),
        Column("FAIL", 5, lambda f: _bad(f.run.stats.failed), "right"),
        Column("NEW", 7, lambda f: count(f.run.stats.new), "right", needs=100),
        Column("UPDATED", 7, lambda f: count(f.run.stats.updated), "right", needs=100),
        Column("SAME", 7, lambda f: count(f.run.stats.unchanged), "right", needs=100),
        Column("BATCHES", 11, lambda f: _batches(f.run), "right", needs=118),
    ]


def ended(session: Session, *, in_full: bool = False) -> list[Column[Run]]:
    """What was imported; `in_full` gives dates instead of ages, for a history."""
    when = Column[Run]("QUEUED", 11, lambda r: _date(session, r))
    since = Column[Run]("ENDED", 5, lambda r: _ended(session, r), "right")
    return [
        Column("SOURCE", 8, lambda r: safe(r.source), flex=1),
        Column("RUN", 6, lambda r: str(r.id), "right"),
        Column("STATE", 12, lambda r: state_of(session, r)),
        when if in_full else since,
        Column("TOOK", 6, lambda r: span(took(session, r)), "right"),
        Column("TOTAL", 6, lambda r: count(r.stats.total, 6), "right", needs=0 if not in_full else 90),
        Column("NEW", 6, lambda r: count(r.stats.new, 6), "right"),
        Column("UPD", 6, lambda r: count(r.stats.updated, 6), "right"),
        Column("SAME", 6, lambda r: count(r.stats.unchanged, 6), "right"),
        Column("FAIL", 5, lambda r: _bad(r.stats.failed), "right"),
        Column("CLOSED", 6, lambda r: count(r.stats.closed, 6), "right", needs=100),
        Column("BY", 9, lambda r: ("schedule" if r.trigger == "schedule" else safe(r.requested_by), "dim"), needs=132),
        Column("WHY", 10, lambda r: (brief(why(r)), "dim"), flex=2, needs=118),
    ]


def took(session: Session, run: Run) -> float | None:
    """Seconds from request to end; so far, while it runs."""
    ended = run.finished_at.timestamp() if run.finished_at else session.clock() if run.active else None
    return None if ended is None else ended - run.queued_at.timestamp()


def why(run: Run) -> str:
    """The reason of an end that needs one."""
    if run.state == "cancelled" and run.cancelled_by:
        return f"by {safe(run.cancelled_by)}"
    if run.degraded:
        return safe(run.degraded)
    worth = [entry for entry in run.error_log if entry.level != "info"]
    return safe(worth[-1].text) if worth else ""


def _ended(session: Session, run: Run) -> str:
    return ago(session.age(run.finished_at.timestamp() if run.finished_at else None))


def _date(session: Session, run: Run) -> str:
    """Month, day and time; the year where that would be ambiguous."""
    text = moment(run.queued_at)
    is_old = (session.age(run.queued_at.timestamp()) or 0) > 300 * 86400
    return text[:10] if is_old else text[5:16]


def _bad(number: int) -> Span:
    return count(number, 5), "bad" if number else ""


def _batches(run: Run) -> Span:
    total = "?" if run.batches.total is None else str(run.batches.total)
    dead = run.batches.dead
    return f"{run.batches.done + dead}/{total}", "bad" if dead else ""
