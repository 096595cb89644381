"""Who changed a source's file: written down in MongoDB, and told to every console. The file is changed all the same."""

from functools import partial

from jobimport_tui.cli import reach
from jobimport_tui.cli.show import say
from workers import control
from workers.errors import Unreachable
from workers.settings import Config
from workers.store import audit


def write_down(config: Config, text: str, source: str) -> None:
    """Write it down, after the deed; `text` goes on after the name. A server that is away is said."""
    try:
        reach.run(partial(_write_down, config, text, source))
    except Unreachable as error:
        say(f"jobimport: {source}: done, but not told to others: {error}")


async def _write_down(config: Config, text: str, source: str) -> None:
    async with reach.database(config) as db:
        await audit.record(db, reach.user(), text, source=source)
    async with reach.queues(config) as redis:
        await control.act(None, redis, reach.user(), text, source=source)
