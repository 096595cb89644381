"""What MongoDB remembers of the sources, for the verbs that show their files: health, and when each was read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from jobimport_tui.cli import reach
from jobimport_tui.cli.show import plain, say, span
from workers.errors import Unreachable
from workers.settings import Config
from workers.store import source_state
from workers.store.source_state import SourceState


def recalled(config: Config) -> Mapping[str, SourceState]:
    """Every source's state. A MongoDB that is away is said, and is no reason to hide the files."""
    try:
        return reach.run(partial(_all, config))
    except Unreachable as error:
        say(f"jobimport: health is not known: {error}")
        return {}


async def _all(config: Config) -> dict[str, SourceState]:
    async with reach.database(config) as db:
        return await source_state.all(db)


def sentence(state: SourceState | None) -> str:
    """Health in one line: the word, why, and since when; "" where nothing is known."""
    if state is None or state.health is None:
        return ""
    health = state.health
    since = f", since {span((datetime.now(UTC) - health.since).total_seconds())}" if health.since else ""
    return f"{health.state}{since}: {health.text}"


def as_object(state: SourceState | None) -> dict[str, Any]:
    """Health as JSON, None where nothing is known."""
    if state is None:
        return {"health": None, "last_run": None, "last_fetch_at": None, "consecutive_failures": 0}
    return {
        "health": plain(state.health),
        "last_run": state.last_run or None,
        "last_fetch_at": plain(state.last_fetch_at),
        "consecutive_failures": state.consecutive_failures,
    }
