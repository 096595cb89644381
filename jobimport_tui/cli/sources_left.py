"""What stays when a source's file is removed: its listings, and a run that is under way."""

from functools import partial
from typing import NamedTuple

from jobimport_tui.cli import reach
from jobimport_tui.cli.show import say
from workers.errors import Unreachable
from workers.query.model import Facet, Query
from workers.settings import Config
from workers.store import runs, search


class Left(NamedTuple):
    """How many listings, and which run is active; None for what nobody could tell."""

    listings: int | None
    run: int | None
    sentence: str


def left_behind(config: Config, name: str) -> Left:
    """Ask MongoDB what a source would leave behind; where it does not answer, say what happens all the same."""
    try:
        listings, run = reach.run(partial(_asked, config, name))
    except Unreachable as error:
        say(f"jobimport: {error}")
        return Left(None, None, "Its listings stay as they are; a run of it that has not ended fails without its file.")
    many = f"{search.COUNT_CAP - 1:,} and more" if listings >= search.COUNT_CAP else f"{listings:,}"
    kept = f"Its {many} listings stay as they are: nothing closes or updates them any more."
    if run is None:
        return Left(listings, None, kept)
    ahead = f"Run {run} is under way and fails without the file: first `jobimport runs cancel {run}`, or let it end."
    return Left(listings, run, f"{kept} {ahead}")


async def _asked(config: Config, name: str) -> tuple[int, int | None]:
    async with reach.database(config) as db:
        run = await runs.active_of(db, name)
        return await search.count(db, Query((Facet("source", (name,)),))), run.id if run else None
