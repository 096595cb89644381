"""`jobimport queues show|pause|resume`: what waits, what runs, and what is held."""

from functools import partial

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, Verbs, settings, wants_json
from jobimport_tui.cli.show import cell, clock, line, span
from jobimport_tui.cli.tables import table
from workers import control
from workers.errors import Unreachable
from workers.queue import pause
from workers.queue.depth import LaneDepth, QueueDepths, snapshot
from workers.settings import Config
from workers.sources import load_one
from workers.store import pauses
from workers.store.pauses import Pause


def describe(parser: Parser) -> None:
    """Show, pause, resume."""
    verbs = Verbs(parser)
    verbs.add("show", show, "every lane: waiting, running, delayed, dead, oldest")
    hold = verbs.add("pause", pause_what, "nothing more is begun; what runs is finished, what waits stays")
    hold.add_argument("--reason", default="", metavar="TEXT", help="why, for whoever finds it paused")
    release = verbs.add("resume", resume_what, "let it run again")
    for verb in (hold, release):
        names = "such as upsert, fetch:high, source:jobicy"
        verb.add_argument("what", nargs="+", metavar="LANE|source:NAME", help=names)


def show(args: Args) -> int:
    """Print the lanes."""
    return reach.run(partial(_show, settings(args), is_json=wants_json(args)))


async def _show(config: Config, *, is_json: bool) -> int:
    async with reach.queues(config) as redis:
        depths = await snapshot(redis)
    held = await _pauses(config) if depths.paused else {}
    if is_json:
        line({**as_object(depths), "pauses": list(held.values())})
        return 0
    rows = [
        (
            lane.lane,
            f"{lane.waiting:,}",
            f"{lane.running:,}",
            _count(lane.delayed),
            _count(lane.dead),
            span(oldest(lane, depths.at_ms)),
            "paused" if lane.paused else "",
        )
        for lane in depths.lanes
    ]
    table(
        ("LANE", "WAITING", "RUNNING", "DELAYED", "DEAD", "OLDEST", "STATE"),
        rows,
        right=("WAITING", "RUNNING", "DELAYED", "DEAD", "OLDEST"),
    )
    print(f"delayed {depths.delayed:,}, dead {depths.dead:,}")
    for name in sorted(depths.paused):
        print(f"{name}: paused{_told(held[name]) if name in held else ''}")
    return 0


def _told(held: Pause) -> str:
    return f" by {cell(held.by)} since {clock(held.at)}: {cell(held.reason) or 'no reason given'}"


async def _pauses(config: Config) -> dict[str, Pause]:
    """By whom, since when and why: MongoDB knows; without it the pauses are told alone."""
    try:
        async with reach.database(config) as db:
            return await pauses.all(db)
    except Unreachable:
        return {}


def _count(number: int | None) -> str:
    return "many" if number is None else f"{number:,}"


def oldest(lane: LaneDepth, at_ms: int) -> float | None:
    """Seconds since a lane's oldest entry was added."""
    return None if lane.oldest_ms is None else max(0.0, (at_ms - lane.oldest_ms) / 1000)


def as_object(depths: QueueDepths) -> dict[str, object]:
    """All lanes, with ages in seconds."""
    lanes = [
        {
            "lane": lane.lane,
            "waiting": lane.waiting,
            "running": lane.running,
            "delayed": lane.delayed,
            "dead": lane.dead,
            "oldest_s": oldest(lane, depths.at_ms),
            "paused": lane.paused,
        }
        for lane in depths.lanes
    ]
    return {"lanes": lanes, "delayed": depths.delayed, "dead": depths.dead, "paused": sorted(depths.paused)}


def pause_what(args: Args) -> int:
    """Hold lanes or sources."""
    act = partial(_switch, settings(args), args.what, is_pause=True, reason=args.reason, is_json=wants_json(args))
    return reach.run(act)


def resume_what(args: Args) -> int:
    """Let lanes or sources run again."""
    return reach.run(partial(_switch, settings(args), args.what, is_pause=False, is_json=wants_json(args)))


async def _switch(config: Config, names: list[str], *, is_pause: bool, is_json: bool, reason: str = "") -> int:
    for name in names:
        pause.check(name)
        if is_pause and name.startswith(pause.SOURCE):
            load_one(config.sources, name.removeprefix(pause.SOURCE))
    async with reach.both(config) as (db, redis):
        for name in names:
            if is_pause:
                changed = await control.pause(db, redis, name, reach.user(), reason)
            else:
                changed = await control.resume(db, redis, name, reach.user())
            state = "paused" if is_pause else "running"
            if is_json:
                line({"what": name, "paused": is_pause, "changed": changed})
            else:
                print(f"{name}: {state}" if changed else f"{name}: {state} already")
    return 0
