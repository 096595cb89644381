"""`jobimport runs show|export|retry RUN --rejects`: listings that could not be imported, and another try at them."""

import csv
import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, settings, wants_json
from jobimport_tui.cli.report import as_object, exit_code, sentence
from jobimport_tui.cli.show import cell, line, say
from jobimport_tui.cli.tables import table
from jobimport_tui.display.format import counted
from jobimport_tui.formulas import unformulated
from workers.errors import ConfigError
from workers.model import Run
from workers.settings import Config
from workers.sources import load_one
from workers.store import rejects, runs
from workers.store.connect import Database

PAGE = 200
COLUMNS = ("id", "source", "external_id", "position", "field", "value", "reason")


async def known(db: Database, number: int) -> Run:
    """A run by its number. Raises ConfigError where there is none."""
    run = await runs.get(db, number)
    if run is None:
        raise ConfigError("run", "", number, "the number of a run (see `jobimport runs list`)")
    return run


def show_rejects(args: Args) -> int:
    """Print a run's rejects: by reason, then one by one."""
    return reach.run(partial(_show, settings(args), args))


async def _show(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        run = await known(db, args.run_id)
        reasons = await rejects.by_reason(db, run.id)
        rows = await rejects.of_run(db, run.id, args.limit)
    if wants_json(args):
        line({"run_id": run.id, "source": run.source, "reasons": reasons, "rejects": [as_plain(row) for row in rows]})
        return 0
    if not reasons:
        say(f"run {run.id} of {run.source} has no rejects")
        return 0
    told = [(f"{each.count:,}", f"{each.kept:,}", each.reason, each.field, each.example) for each in reasons]
    titles = ("COUNT", "CAN BE RETRIED", "REASON", "FIELD", "FOR EXAMPLE")
    table(titles, told, right=titles[:2], cut=("FOR EXAMPLE",), wrap=("REASON",))
    print()
    titles = ("ITEM", "ID", "FIELD", "VALUE", "REASON", "HAS")
    table(
        titles, [(*_row(row), _had(row)) for row in rows], right=("ITEM",), cut=("VALUE", "HAS"), wrap=("REASON", "ID")
    )
    total = sum(each.count for each in reasons)
    if total > len(rows):
        say(f"{len(rows):,} of {total:,} rejects (--limit, or `jobimport runs export {run.id} --rejects`)")
    return 0


def _row(row: rejects.RejectRow) -> tuple[object, ...]:
    return row.position, row.external_id, row.field, row.value, row.reason


def _had(row: rejects.RejectRow) -> str:
    """What the mapping found, cut: enough to see which listing it is."""
    return cell("; ".join(f"{name}={', '.join(texts)}" for name, texts in row.raw.items()))


def as_plain(row: rejects.RejectRow) -> dict[str, object]:
    """A reject for scripts, without its item."""
    return {name: getattr(row, name) for name in ("external_id", "position", "reason", "field", "value")}


def export_rejects(args: Args) -> int:
    """Print a run's rejects as JSON lines with their items, or as CSV."""
    return reach.run(partial(_export, settings(args), args))


async def _export(config: Config, args: Args) -> int:
    writer = csv.writer(sys.stdout) if args.csv else None
    if writer is not None:
        writer.writerow(COLUMNS)
    async with reach.database(config) as db:
        run = await known(db, args.run_id)
        async with aclosing(_pages(db, run.id, args.limit, originals=writer is None)) as rows:
            async for row in rows:
                if writer is None:
                    line(_whole(row))
                else:
                    writer.writerow(_harmless(getattr(row, name) for name in COLUMNS))
    return 0


async def _pages(db: Database, number: int, limit: int | None, *, originals: bool) -> AsyncGenerator[rejects.RejectRow]:
    after = ""
    while limit is None or limit > 0:
        size = PAGE if limit is None else min(PAGE, limit)
        page = await rejects.of_run(db, number, size, after=after, originals=originals)
        for row in page:
            yield row
        if len(page) < size:
            return
        after = page[-1].id
        limit = None if limit is None else limit - len(page)


def _whole(row: rejects.RejectRow) -> dict[str, Any]:
    """A reject with what the mapping found and, where it was kept, the item as the feed had it."""
    from workers.feeds.original import shown  # the other verbs do without the parsers

    names = ("id", "run", "source", "external_id", "position", "reason", "field", "value", "raw")
    plain: dict[str, Any] = {name: getattr(row, name) for name in names}
    return {**plain, "item": shown(row.original) if row.original else None}


def _harmless(values: Iterable[Any]) -> list[Any]:
    """Cells that no spreadsheet takes for a formula."""
    cells = [cell(value, 2000) if isinstance(value, str) else value for value in values]
    return [unformulated(each) if isinstance(each, str) else each for each in cells]


def retry_run(args: Args) -> int:
    """Try a run's rejects again; exit 1 where it is refused."""
    return reach.run(partial(_retry, settings(args), args))


async def _retry(config: Config, args: Args) -> int:
    from jobimport_tui.cli.wait import Waiter
    from workers.actors.retrying import retry_rejects

    async with reach.both(config) as (db, redis):
        run = await known(db, args.run_id)
        source = load_one(config.sources, run.source)
        waiter = await Waiter.open(db, redis, config.settings.redis.url)
        done = await retry_rejects(db, redis, run, source, reach.user())
        ended = (await waiter.wait([run.id]))[0] if args.wait else None
    left = [
        (done.unkept, "kept no item: import again"),
        (done.repeated, "would be a listing that the run has already"),
        (done.busy, "are in a batch that is dead, full or being tried"),
    ]
    text = "; ".join(
        [f"{counted(done.tried, 'reject')} tried again", *(f"{count} {why}" for count, why in left if count)]
    )
    if wants_json(args):
        counts = {name: getattr(done, name) for name in ("tried", "unkept", "repeated", "busy")}
        line(as_object(ended or done.run, retried=counts))
    else:
        print(f"{run.source}: run {run.id}: {text}")
        if ended is not None:
            print(sentence(ended))
    return exit_code(ended) if ended is not None else int(not done.tried)
