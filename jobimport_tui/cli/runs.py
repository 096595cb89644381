"""`jobimport runs list|show|stats|upkeep|cancel|verify|retry|approve|export`: imports, past and present."""

import argparse
from functools import partial
from typing import Any, get_args

from jobimport_tui.cli import reach, trends
from jobimport_tui.cli.approve import approve_run
from jobimport_tui.cli.beside import print_acts, print_compared
from jobimport_tui.cli.flags import Args, Parser, Verbs, positive, run_id, settings, since, until, wants_json
from jobimport_tui.cli.named import check_source
from jobimport_tui.cli.rejected import as_plain, export_rejects, known, retry_run, show_rejects
from jobimport_tui.cli.report import COLUMNS, NUMBERS, OPTIONAL, as_object, row, sentence, took, with_totals
from jobimport_tui.cli.show import facts, line, say, size, span
from jobimport_tui.cli.tables import table
from jobimport_tui.cli.upkeep import list_upkeep
from jobimport_tui.cli.verify import verify_run
from workers import control
from workers.errors import ConfigError
from workers.model import ACTIVE_STATES, Run, RunState
from workers.settings import Config
from workers.store import audit, batches, history, rejects, runs, source_state
from workers.store.connect import Database

PAGE = 200
REJECTS_SHOWN = 20
STATES = ", ".join(("active", *get_args(RunState)))


def describe(parser: Parser) -> None:
    """List, show, stats, upkeep, cancel, verify, retry, approve, export."""
    verbs = Verbs(parser)
    listing = verbs.add("list", list_runs, "the newest runs")
    listing.add_argument("--limit", type=positive, default=20, metavar="N", help="how many (20)")
    upkeep = verbs.add("upkeep", list_upkeep, "listings closed by date or age, in no run")
    upkeep.add_argument("--limit", type=positive, default=20, metavar="N", help="how many (20)")
    upkeep.add_argument("--source", metavar="NAME", help="of one source")
    export = verbs.add("export", export_runs, "every run as a JSON line, newest first; or one run's rejects")
    export.add_argument("run_id", type=run_id, nargs="?", metavar="RUN", help="with --rejects: of this run")
    export.add_argument("--rejects", action="store_true", help="the run's rejected listings, as the feed had them")
    export.add_argument("--csv", action="store_true", help="with --rejects: as CSV, without the items")
    export.add_argument("--limit", type=positive, metavar="N", help="at most so many")
    for verb in (listing, export):
        verb.add_argument("--source", metavar="NAME", help="of one source")
        verb.add_argument("--state", type=states, metavar="STATE", help=f"one, or several with commas: {STATES}")
        verb.add_argument("--since", type=since, metavar="WHEN", help="asked for since then: 12h, 7d, 2026-01-31")
        verb.add_argument("--until", type=until, metavar="WHEN", help="... and until then; a day is taken whole")
    show = verbs.add("show", show_run, "one run: its counts, its log, its rejects")
    show.add_argument("run_id", type=run_id, metavar="RUN")
    show.add_argument("--rejects", action="store_true", help="its rejects, by reason and one by one")
    show.add_argument("--limit", type=positive, default=200, metavar="N", help="with --rejects: how many (200)")
    trends.describe(verbs.add("stats", trends.run, "a row a day, or a source: listings, failures, durations, sizes"))
    cancel = verbs.add("cancel", cancel_run, "stop a run; what is not yet written is dropped and counted")
    cancel.add_argument("run_id", type=run_id, metavar="RUN")
    retry = verbs.add("retry", retry_run, "try a run's rejects again, after a change of its source's file")
    retry.add_argument("run_id", type=run_id, metavar="RUN")
    retry.add_argument("--rejects", action="store_true", required=True, help="what to try again")
    retry.add_argument("--wait", action="store_true", help="until the run has ended again")
    approve = verbs.add("approve", approve_run, "close what a run held back, since too much was missing at once")
    approve.add_argument("run_id", type=run_id, metavar="RUN")
    approve.add_argument("--wait", action="store_true", help="until the run has ended again")
    check = verbs.add("verify", verify_run, "count a run again, from listings, batches and rejects")
    check.add_argument("run_id", type=run_id, metavar="RUN")


def states(text: str) -> list[RunState]:
    """The states that a list such as "failed,partial" names; "active" is all of a run that has not ended."""
    named = {part.strip() for part in text.split(",")}
    if "active" in named:
        named = named - {"active"} | set(ACTIVE_STATES)
    if not named <= set(get_args(RunState)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list out of {STATES}")
    return [state for state in get_args(RunState) if state in named]


def list_runs(args: Args) -> int:
    """Print the newest runs."""
    return reach.run(partial(_list, settings(args), args))


async def _list(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        await check_source(db, config, args.source)
        found = await runs.recent(db, limit=args.limit, **_asked(args))
        live = await _live(db, found)
    if wants_json(args):
        for run in live:
            line(as_object(run))
    else:
        table(COLUMNS, [row(run) for run in live], right=NUMBERS, drop=OPTIONAL)
        if not live:
            say("no such runs" if any(_asked(args).values()) else "no runs")
    return 0


def _asked(args: Args) -> dict[str, Any]:
    return {"source": args.source, "state": args.state, "since": args.since, "until": args.until}


async def _live(db: Database, found: list[Run]) -> list[Run]:
    """The active ones with what their rows add up to by now."""
    active = [run.id for run in found if run.active]
    sums = await batches.totals_many(db, active) if active else {}
    return [with_totals(run, sums[run.id]) if run.active else run for run in found]


def export_runs(args: Args) -> int:
    """Print every run as a JSON line, or a run's rejects."""
    if (args.run_id is None) == args.rejects:
        raise ConfigError("runs export", "RUN", args.run_id, "RUN and --rejects together, or neither")
    if args.csv and not args.rejects:
        raise ConfigError("runs export", "--csv", None, "--rejects beside it")
    if args.rejects:
        return export_rejects(args)
    return reach.run(partial(_export, settings(args), args))


async def _export(config: Config, args: Args) -> int:
    left = args.limit
    before = None
    async with reach.database(config) as db:
        await check_source(db, config, args.source)
        while left is None or left > 0:
            limit = PAGE if left is None else min(PAGE, left)
            page = await runs.recent(db, limit=limit, before=before, **_asked(args))
            for run in page:
                line(as_object(run))
            if len(page) < limit:
                break
            before = (page[-1].queued_at, page[-1].id)
            left = None if left is None else left - len(page)
    return 0


def show_run(args: Args) -> int:
    """Print one run, or its rejects."""
    if args.rejects:
        return show_rejects(args)
    return reach.run(partial(_show, settings(args), args))


async def _show(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        run = await known(db, args.run_id)
        [run] = await _live(db, [run])
        rejected = await rejects.of_run(db, run.id, REJECTS_SHOWN)
        compared = await history.compared(db, run)
        acts = await audit.newest(db, run=run.id)
        state = await source_state.get(db, run.source) if run.held else None
    if wants_json(args):
        line(as_object(run, rejects=[as_plain(reject) for reject in rejected], compared=compared, audit=acts))
    else:
        _print(run, rejected, is_read_since=state is not None and state.is_past(run.id))
        print_compared(compared)
        print_acts(acts)
    return 0


def _print(run: Run, rejected: list[rejects.RejectRow], *, is_read_since: bool) -> None:
    way = "the feed has been read in full since" if is_read_since else f"`jobimport runs approve {run.id}` closes them"
    print(sentence(run))
    fetch = run.fetch
    facts(
        [
            ("queued", run.queued_at),
            ("started", run.started_at),
            ("finished", run.finished_at),
            ("took", span(took(run))),
            ("asked for by", f"{run.requested_by} ({run.trigger}, {run.priority} priority)"),
            ("slot", run.slot),
            ("cancelled by", run.cancelled_by),
            ("fetch", f"{fetch.outcome} {fetch.status or ''} {size(fetch.bytes)} {fetch.url}" if fetch else None),
            ("format", fetch.dialect if fetch else None),
            ("degraded", run.degraded),
            ("held", f"{run.held} ({way})" if run.held else None),
            ("approved by", run.approved_by),
            ("batches", f"{run.batches.done} done, {run.batches.dead} dead of {run.batches.total or '?'}"),
            ("quality", f"{run.quality} on the average of {run.scored:,} listings" if run.scored else None),
            ("filled", ", ".join(f"{name} {share:.0%}" for name, share in run.fill_rate.items())),
        ]
    )
    if run.error_log:
        print()
        table(
            ("AT", "LEVEL", "CODE", "TEXT"),
            [(entry.at, entry.level, entry.code, entry.text) for entry in run.error_log],
            wrap=("TEXT",),
        )
    if rejected:
        print()
        rows = [(reject.position, reject.external_id, reject.field, reject.value, reject.reason) for reject in rejected]
        table(("ITEM", "ID", "FIELD", "VALUE", "REASON"), rows, right=("ITEM",), cut=("VALUE",), wrap=("REASON", "ID"))
        if run.stats.failed > len(rejected):
            print(f"and {run.stats.failed - len(rejected):,} more (`jobimport runs show {run.id} --rejects`)")


def cancel_run(args: Args) -> int:
    """Ask a run to stop."""
    return reach.run(partial(_cancel, settings(args), args))


async def _cancel(config: Config, args: Args) -> int:
    async with reach.both(config) as (db, redis):
        before = await known(db, args.run_id)
        after = await control.cancel(db, redis, args.run_id, reach.user()) if before.active else None
        run = after or await known(db, args.run_id)
    if wants_json(args):
        line(as_object(run))
    elif run.active:
        print(f"{run.source}: run {run.id} is asked to stop; what is being written is finished first")
    else:
        print(f"{run.source}: run {run.id} has ended already ({run.state})")
    return int(not run.active and run.state != "cancelled")
