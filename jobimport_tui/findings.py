"""What was found at an address, in words: the same in the command and in the console."""

from datetime import UTC

from jobimport_tui.display.format import counted
from workers.model import Job, Run
from workers.probing import NEEDED, PAY, FieldFill, Findings

LISTING = ("POSTED", "TITLE", "COMPANY", "PLACES", "KIND", "PAY")
"""The columns of `listing`."""


def headline(found: Findings) -> str:
    """One line: what was recognised and how much of it."""
    parts = [counted(found.listings, "listing")]
    parts += [f"{count:,} rejected ({reason})" for reason, count in found.rejected.items()]
    parts += [f"{found.duplicates:,} repeated"] if found.duplicates else []
    parts += [f"{found.pages:,} pages"] if found.pages > 1 else []
    more = "" if found.is_whole or found.broken or found.degraded else f"; the first {found.read:,} items were read"
    return f"{found.dialect or 'no format'}: {', '.join(parts)}{more}"


def listing(job: Job) -> list[str]:
    """A listing as a row of LISTING."""
    places = [*([job.remote] if job.remote else []), *(job.locations or job.applicant_locations)]
    posted = f"{job.posted_at.astimezone(UTC):%Y-%m-%d}" if job.posted_at else "-"
    return [posted, job.title, job.company or "-", ", ".join(places) or "-", _kinds(job), _pay(job)]


def _kinds(job: Job) -> str:
    return ", ".join(kind.lower().replace("_", " ") for kind in job.employment_types) or "-"


def _pay(job: Job) -> str:
    pay = job.salary
    if pay is None:
        return "-"
    ends = [f"{end:,.0f}" if end >= 100 else f"{end:g}" for end in (pay.min, pay.max) if end is not None]
    if not ends:
        return pay.text
    unit = f"a {pay.unit.lower()}" if pay.unit else ""
    return " ".join(part for part in ("-".join(dict.fromkeys(ends)), pay.currency or "", unit) if part)


def share_then(each: FieldFill, before: Run | None) -> float | None:
    """The share in the last run, of what is one field in the feed too."""
    if before is None:
        return None
    names = PAY if each.name == "salary" else (each.name,)
    return max((before.fill_rate[name] for name in names if name in before.fill_rate), default=None)


def is_odd(each: FieldFill) -> bool:
    """Whether a field that is expected is missing, or one that is there cannot be read."""
    return _is_unread(each) or _is_missing(each)


def _is_unread(each: FieldFill) -> bool:
    return each.read < each.filled and bool(each.unread)


def _is_missing(each: FieldFill) -> bool:
    return each.name in NEEDED and not each.filled and not each.read


def remark(each: FieldFill) -> str:
    """What there is to say of a field, "" for nothing."""
    if _is_unread(each):
        return f"cannot be read: {each.unread[:60]!r}"
    if each.read > each.filled:
        return "by the source's settings" if not each.filled else ", ".join(each.paths)
    return "missing" if _is_missing(each) else ", ".join(each.paths)
