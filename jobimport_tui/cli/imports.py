"""`jobimport import`: open a run of each source, and, if asked, wait for its end."""

from datetime import datetime
from functools import partial

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, settings, wants_json
from jobimport_tui.cli.report import as_object, exit_code, sentence
from jobimport_tui.cli.show import clock, line, say
from jobimport_tui.cli.wait import Waiter
from workers.control import Requested, request_import
from workers.errors import ConfigError, Unreachable
from workers.model import Run, Source
from workers.queue import connect as queue
from workers.settings import Config
from workers.sources import load_each, load_one
from workers.store.migrations import ready


def describe(parser: Parser) -> None:
    """SOURCE... or --all."""
    parser.add_argument("source", nargs="*", metavar="SOURCE", help="a source's name")
    parser.add_argument("--all", action="store_true", help="every source that is enabled")
    parser.add_argument("--high", action="store_true", help="through the high-priority lanes")
    parser.add_argument("--force", action="store_true", help="even inside the source's min_interval")
    parser.add_argument("--wait", action="store_true", help="until each run has ended; exit 1 if one failed")
    parser.add_argument("--watch", action="store_true", help="--wait, with the progress on stderr")
    parser.set_defaults(run=run)


def run(args: Args) -> int:
    """Open the runs. Every name is checked before anything starts."""
    config = settings(args)
    chosen, broken = choose(config, args.source, everything=args.all)
    for error in broken:
        say(f"jobimport: {error}")
    code = reach.run(partial(_import, config, chosen, args))
    return code or (2 if broken else 0)


def choose(config: Config, names: list[str], *, everything: bool) -> tuple[list[Source], list[ConfigError]]:
    """The sources meant; with --all, what cannot be read stops no other source."""
    if names and everything:
        raise ConfigError("import", "SOURCE", None, "names or --all, not both")
    if names:
        return [load_one(config.sources, name) for name in dict.fromkeys(names)], []
    if not everything:
        raise ConfigError("import", "SOURCE", None, "the name of a source, or --all (see `jobimport sources list`)")
    sources, broken = load_each(config.sources)
    chosen = [source for source in sources.values() if source.enabled]
    if not chosen and not broken:
        raise ConfigError(str(config.sources), "", None, "at least one NAME.toml that is enabled")
    return chosen, broken


async def _import(config: Config, chosen: list[Source], args: Args) -> int:
    url = config.settings.redis.url
    async with reach.database(config) as db, queue.open_redis(config.settings.redis, fast=True) as redis:
        # The index that allows one active run a source must be there before the first run is.
        await ready(db, config.settings.retention)
        waiting = args.wait or args.watch
        tell = partial(_tell_end, is_json=wants_json(args))
        waiter = await Waiter.open(db, redis, url, watch=args.watch, tell=tell) if waiting else None
        accepted: list[Requested] = []
        for source in chosen:
            high = True if args.high else None
            asked = await request_import(
                db, redis, source, trigger="cli", user=reach.user(), high=high, force=args.force
            )
            accepted.append(asked)
            _answer(source, asked, is_json=wants_json(args), is_final=waiter is None)
        if any(not asked.rung for asked in accepted):
            raise await _without_redis(url, redis, accepted)
        if waiter is None:
            return 0
        runs = await waiter.wait([asked.run.id for asked in accepted if asked.run])
        return max((exit_code(ended) for ended in runs), default=0)


def _answer(source: Source, asked: Requested, *, is_json: bool, is_final: bool) -> None:
    """Say what became of one request; JSON holds its tongue where the run's end is still to be told."""
    text = answer(source, asked)
    if not is_json:
        print(text, flush=True)
    elif is_final or asked.run is None:
        run = asked.run
        line(
            {
                "run_id": run.id if run else None,
                "source": source.name,
                "state": run.state if run else None,
                "opened": asked.opened,
                "not_before": asked.not_before,
                "message": text,
            }
        )
    else:
        say(text)


def answer(source: Source, asked: Requested) -> str:
    """One sentence on a request."""
    if asked.run is None:
        return f"{source.name}: not fetched again before {_moment(asked.not_before)} (min_interval; --force overrides)"
    run = asked.run
    if asked.opened:
        return f"{source.name}: run {run.id} {'opened' if asked.rung else 'accepted'}"
    if run.active:
        return f"{source.name}: run {run.id} is active already ({run.state}), requested by {run.requested_by or '?'}"
    return f"{source.name}: run {run.id} holds this slot already ({run.state})"


def _moment(at: datetime | None) -> str:
    return f"{clock(at)} UTC"


async def _without_redis(url: str, redis: reach.Redis, accepted: list[Requested]) -> Unreachable:
    """The requests are committed; say so, and why they do not start."""
    numbers = ", ".join(str(asked.run.id) for asked in accepted if asked.run and not asked.rung)
    reason = "no answer in time"
    try:
        await queue.now_ms(redis)
    except queue.Trouble as error:
        reason = queue.unreachable(error, url).reason
    return Unreachable(
        "Redis",
        queue.unreachable(TimeoutError(), url).address,
        f"{reason}; accepted as run {numbers}, which starts when Redis is back",
    )


def _tell_end(ended: Run, *, is_json: bool) -> None:
    if is_json:
        line(as_object(ended))
    else:
        print(sentence(ended), flush=True)
