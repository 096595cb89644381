"""`jobimport runs upkeep`: listings that were closed by date or age, in no run."""

from functools import partial

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, settings, wants_json
from jobimport_tui.cli.named import check_source
from jobimport_tui.cli.show import line, say
from jobimport_tui.cli.tables import table
from workers.settings import Config
from workers.store import expiry

WHY = {"expired": "their own date has passed", "aged": "not in the feed any more, and long silent"}


def list_upkeep(args: Args) -> int:
    """Print the newest closings that no run counts."""
    return reach.run(partial(_list, settings(args), args))


async def _list(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        await check_source(db, config, args.source)
        found = await expiry.recent(db, limit=args.limit, source=args.source)
    if wants_json(args):
        for one in found:
            line(one)
        return 0
    rows = [(one.at, one.source, "?" if one.closed is None else one.closed, WHY[one.because]) for one in found]
    table(("AT", "SOURCE", "CLOSED", "WHY"), rows, right=("CLOSED",), wrap=("WHY",))
    if not found:
        say("nothing was closed by date or age")
    return 0
