"""`jobimport sources test`, and how a look at a feed is shown: listings, fields, what is wrong."""

from functools import partial
from typing import Any

import anyio

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, settings, wants_json
from jobimport_tui.cli.show import line, plain, say
from jobimport_tui.cli.tables import table
from jobimport_tui.findings import LISTING, headline, listing, remark, share_then
from workers.errors import Unreachable
from workers.model import Run
from workers.probing import FieldFill, Findings, probe, problems
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


def print_listings(found: Findings) -> None:
    """Print the first listings as they would be imported."""
    rows = [listing(job) for job in found.jobs]
    if rows:
        print()
        table(LISTING, rows, cut=("TITLE", "COMPANY", "PLACES", "KIND", "PAY"))


def print_fields(found: Findings, before: Run | None = None) -> None:
    """Print a line a field: how many items have it, in how many it could be read, and what could not; where it is."""
    if not found.read:
        return
    print()
    last = [f"RUN {before.id}"] if before else []
    rows = [
        [each.name, f"{each.filled:.0%}", f"{each.read:.0%}", *_then(each, before), remark(each)]
        for each in found.fields
    ]
    table(("FIELD", "FILLED", "READ", *last, "FOUND AT"), rows, right=("FILLED", "READ", *last), wrap=("FOUND AT",))


def _then(each: FieldFill, before: Run | None) -> list[str]:
    if before is None:
        return []
    share = share_then(each, before)
    return ["-" if share is None else f"{share:.0%}"]


def as_object(found: Findings) -> dict[str, Any]:
    """The findings for JSON."""
    return {**plain(found), "missing": found.missing}
