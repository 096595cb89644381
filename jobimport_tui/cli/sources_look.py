"""`jobimport sources test`, and how a look at a feed is shown: listings, fields, what is wrong."""

from functools import partial
from typing import Any

import anyio

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, settings, wants_json
from jobimport_tui.cli.show import clock, line, plain, say, table
from workers.errors import Unreachable
from workers.model import Job, Run
from workers.probing import NEEDED, PAY, FieldFill, Findings, probe, problems
from workers.settings import Config
from workers.sources import load_one
from workers.store.history import recent
from workers.toml import mask

RUNS_ASKED = 50


def test_source(args: Args) -> int:
    """Read a source's feed as it is now; exit 1 where something is wrong with it."""
    config = settings(args)
    source = load_one(config.sources, args.source)
    found = anyio.run(partial(probe, source, config.settings.fetch, limit=args.limit))
    before = _last_run(config, source.name)
    wrong = problems(found, before.fill_rate if before else {})
    if wants_json(args):
        compared = before.id if before else None
        line({"source": source.name, **as_object(found), "compared_with_run": compared, "problems": wrong})
    else:
        print(f"{source.name}: {headline(found)}, at {mask(source.url)}")
        print_listings(found)
        print_fields(found, before)
        for text in wrong:
            say(f"jobimport: {text}")
    return int(bool(wrong))


def _last_run(config: Config, name: str) -> Run | None:
    """The source's last run that read its feed; None where there is none, or nobody to ask."""
    try:
        return reach.run(partial(_recalled, config, name))
    except Unreachable as error:
        say(f"jobimport: not compared with the last run: {error}")
        return None


async def _recalled(config: Config, name: str) -> Run | None:
    async with reach.database(config) as db:
        found = await recent(db, limit=RUNS_ASKED, source=name)
    return next((run for run in found if run.fill_rate), None)


def headline(found: Findings) -> str:
    """One line: what was recognised and how much of it."""
    parts = [f"{found.listings:,} listings"]
    parts += [f"{count:,} rejected ({reason})" for reason, count in found.rejected.items()]
    parts += [f"{found.duplicates:,} repeated"] if found.duplicates else []
    parts += [f"{found.pages:,} pages"] if found.pages > 1 else []
    more = "" if found.is_whole or found.broken or found.degraded else f"; the first {found.read:,} items were read"
    return f"{found.dialect or 'no format'}: {', '.join(parts)}{more}"


def print_listings(found: Findings) -> None:
    """Print the first listings as they would be imported."""
    rows = [_row(job) for job in found.jobs]
    if rows:
        print()
        table(("POSTED", "TITLE", "COMPANY", "PLACES", "KIND", "PAY"), rows)


def _row(job: Job) -> list[object]:
    places = [*([job.remote] if job.remote else []), *(job.locations or job.applicant_locations)]
    posted = clock(job.posted_at)[:10]
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


def print_fields(found: Findings, before: Run | None = None) -> None:
    """Print a line a field: how many items have it, in how many it could be read, and what could not; where it is."""
    if not found.read:
        return
    print()
    last = [f"RUN {before.id}"] if before else []
    rows = [
        [each.name, f"{each.filled:.0%}", f"{each.read:.0%}", *_then(each, before), _remark(each)]
        for each in found.fields
    ]
    table(("FIELD", "FILLED", "READ", *last, ""), rows, right=("FILLED", "READ", *last))


def _then(each: FieldFill, before: Run | None) -> list[str]:
    """The share in the last run, of what is one field in the feed too."""
    if before is None:
        return []
    names = PAY if each.name == "salary" else (each.name,)
    share = max((before.fill_rate[name] for name in names if name in before.fill_rate), default=None)
    return ["-" if share is None else f"{share:.0%}"]


def _remark(each: FieldFill) -> str:
    if each.read < each.filled and each.unread:
        return f"cannot be read: {each.unread[:60]!r}"
    if each.read > each.filled:
        return "by the source's settings" if not each.filled else ", ".join(each.paths)
    return "missing" if each.name in NEEDED and not each.filled else ", ".join(each.paths)


def as_object(found: Findings) -> dict[str, Any]:
    """The findings for JSON."""
    return {**plain(found), "missing": found.missing}
