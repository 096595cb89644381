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


def left_alone(config: Config, state: SourceState) -> datetime | None:
    """Until when its schedule leaves a source alone, since it failed too often; None where it does not."""
    imports = config.settings.imports
    until = state.open_until(imports.circuit_after, imports.circuit_longest)
    return until if until is not None and until > datetime.now(UTC) else None


def word(state: SourceState | None) -> str:
    """How a source is, in a word."""
    return state.health.state if state and state.health else "-"


def sentences(state: SourceState | None) -> list[str]:
    """Health in one line: the word, why, and since when; and where the feed has moved to."""
    if state is None:
        return []
    told: list[str] = []
    if health := state.health:
        since = f", since {span((datetime.now(UTC) - health.since).total_seconds())}" if health.since else ""
        told.append(f"{health.state}{since}: {health.text}")
    if state.permanent_url:
        told.append(f"has moved for good to {state.permanent_url}")
    return told


def as_object(config: Config, state: SourceState | None) -> dict[str, Any]:
    """Health as JSON, None where nothing is known."""
    if state is None:
        names = ("health", "last_run", "last_fetch_at", "left_alone_until", "permanent_url")
        return {**dict.fromkeys(names), "consecutive_failures": 0}
    return {
        "left_alone_until": plain(left_alone(config, state)),
        "permanent_url": state.permanent_url,
        "health": plain(state.health),
        "last_run": state.last_run or None,
        "last_fetch_at": plain(state.last_fetch_at),
        "consecutive_failures": state.consecutive_failures,
    }
