"""`jobimport runs approve RUN`: an operator's word that what is missing from a feed is gone."""

from functools import partial

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, settings, wants_json
from jobimport_tui.cli.rejected import known
from jobimport_tui.cli.report import as_object, exit_code, sentence
from jobimport_tui.cli.show import line
from workers import control
from workers.settings import Config


def approve_run(args: Args) -> int:
    """Close what a run held back; exit 1 where there is nothing to approve."""
    return reach.run(partial(_approve, settings(args), args))


async def _approve(config: Config, args: Args) -> int:
    from jobimport_tui.cli.wait import Waiter

    async with reach.both(config) as (db, redis):
        before = await known(db, args.run_id)
        waiter = await Waiter.open(db, redis, config.settings.redis.url)
        run = await control.approve(db, redis, before.id, reach.user()) or before
        ended = (await waiter.wait([run.id]))[0] if args.wait and run.active else None
    if wants_json(args):
        line(as_object(ended or run))
    elif ended is not None:
        print(sentence(ended))
    elif run.active:
        print(f"{run.source}: run {run.id} is approved: it closes what is missing from its feed")
    else:
        print(f"{run.source}: run {run.id} was approved already by {run.approved_by}: {run.stats.closed} closed")
    return exit_code(ended) if ended is not None else 0
