"""`jobimport audit list`: who did what."""

from functools import partial
from typing import Any

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, Verbs, positive, run_id, settings, since, until, wants_json
from jobimport_tui.cli.named import check_source
from jobimport_tui.cli.show import line, plain, say
from jobimport_tui.cli.tables import table
from workers.settings import Config
from workers.store import audit


def describe(parser: Parser) -> None:
    """List."""
    verbs = Verbs(parser)
    listing = verbs.add("list", list_acts, "what operators did, newest first")
    listing.add_argument("--limit", type=positive, default=50, metavar="N", help="how many (50)")
    listing.add_argument("--run", type=run_id, dest="run_id", metavar="RUN", help="to one run")
    listing.add_argument("--source", metavar="NAME", help="to one source and its runs")
    listing.add_argument("--user", metavar="NAME", help="by one user")
    listing.add_argument("--since", type=since, metavar="WHEN", help="since then: 12h, 7d, 2026-01-31")
    listing.add_argument("--until", type=until, metavar="WHEN", help="until then; a day is taken whole")


def list_acts(args: Args) -> int:
    """Print what was done."""
    return reach.run(partial(_list, settings(args), args))


async def _list(config: Config, args: Args) -> int:
    asked = {name: getattr(args, name) for name in ("limit", "source", "user", "since", "until")}
    async with reach.database(config) as db:
        acts = await audit.newest(db, run=args.run_id, **asked)
        if not acts:
            await check_source(db, config, args.source)
    if wants_json(args):
        for act in acts:
            line(as_object(act))
    else:
        table(("AT", "USER", "SOURCE", "RUN", "DID"), [row(act) for act in acts], right=("RUN",), wrap=("DID",))
        if not acts:
            say("nothing was done")
    return 0


def row(act: audit.Act) -> list[object]:
    """An act as a row: when, who, to what, what."""
    return [act.at, act.user, act.source or "-", act.run or "-", told(act)]


def told(act: audit.Act) -> str:
    """What was done, and to which batch or worker."""
    return f"{act.text} ({act.batch})" if act.batch else act.text


def as_object(act: audit.Act) -> dict[str, Any]:
    """An act as JSON."""
    return plain(act)
