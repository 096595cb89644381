"""`jobimport runs verify`: a run counted again, beside what its row says."""

from functools import partial

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, settings, wants_json
from jobimport_tui.cli.rejected import known
from jobimport_tui.cli.show import line
from workers.errors import ConfigError
from workers.settings import Config
from workers.store.verifying import Verification, verify


def verify_run(args: Args) -> int:
    """Recount a run; exit 1 if its counts do not agree."""
    return reach.run(partial(_verify, settings(args), args))


async def _verify(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        run = await known(db, args.run_id)
        if run.active:
            raise ConfigError("run", "", args.run_id, f"a run that has ended: this one is {run.state}")
        checked = await verify(db, run, run.stats)
    if wants_json(args):
        line(as_object(checked))
    else:
        print(f"{run.source}: run {run.id} {checked.sentence()}")
    return int(not checked.ok)


def as_object(checked: Verification) -> dict[str, object]:
    """A verification for scripts."""
    return {
        "run_id": checked.run,
        "checked": checked.checked,
        "ok": checked.ok,
        "said": checked.said,
        "found": checked.found,
        "wrong": checked.wrong,
    }
