"""`jobimport jobs search|show|export`: the listings."""

import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, Verbs, positive, settings, wants_json
from jobimport_tui.cli.show import cell, clock, facts, line, say
from jobimport_tui.cli.tables import table
from jobimport_tui.display.format import counted
from jobimport_tui.sheets import FORMATS, as_object, format_of, opened
from workers.errors import ConfigError
from workers.model.change import FieldChange, changes_of
from workers.query import Query, QueryError, parse
from workers.query.model import Facet
from workers.settings import Config
from workers.store import copies, jobs
from workers.store.copies import Copy
from workers.store.search import JobRow, Moment, SearchTooSlow, count, search
from workers.store.search import export as pages

COUNTED = 10_000
QUERY_SHOWN = 400
LANGUAGE = """\
a query, in which everything must hold:
  python "site reliability" -intern     words, a phrase, what must not be there; the last word may be a beginning
  eng*  title:lead  company:acme  location:"new york"
  source:jobicy  status:closed  remote:true|hybrid|onsite  type:contract,part_time
  salary:>80000  (a year's, in the listing's own currency)
  posted:<7d  posted:2026-10-01..2026-10-31  seen:<1d  new:<1d
  new:run:12  changed:run:12  closed:run:12  id:jobicy:123
  sort:salary  (newest first otherwise)
A part that begins with - goes after --, as in: jobs search -- python -intern"""


def describe(parser: Parser) -> None:
    """Search, show, export."""
    verbs = Verbs(parser)
    find = verbs.add("search", search_jobs, "listings that a query finds, newest first")
    find.add_argument("--limit", type=positive, default=20, metavar="N", help="how many (20)")
    export = verbs.add("export", export_jobs, "every listing that a query finds, as CSV, JSON lines or Parquet")
    export.add_argument("--limit", type=positive, metavar="N", help="at most so many")
    export.add_argument("--format", choices=FORMATS, help="jsonl, csv or parquet (as FILE ends, else jsonl)")
    export.add_argument("--output", metavar="FILE", help="a file, which appears when it is whole; else stdout")
    for verb in (find, export):
        verb.formatter_class = RawDescriptionHelpFormatter
        verb.epilog = LANGUAGE
        verb.add_argument("query", nargs="*", metavar="QUERY", help="see below")
        verb.add_argument("--source", metavar="NAME", help="of one source")
        verb.add_argument("--status", choices=("open", "closed"))
    show = verbs.add("show", show_job, "one listing")
    show.add_argument("id", metavar="ID", help="SOURCE:EXTERNAL_ID, as `jobs search` shows it")


def read_query(text: str) -> Query:
    """A query; one that cannot be understood is shown, with a caret where."""
    try:
        return parse(text)
    except QueryError as error:
        shown = cell(error.text, QUERY_SHOWN)
        say(shown)
        if error.column <= len(shown):
            print(" " * error.column + "^", file=sys.stderr)  # say() takes blanks at the ends away
        raise


def query_of(args: Args) -> Query:
    """The query that was given, and the flags that narrow it."""
    query = read_query(" ".join(args.query))
    if args.source is not None:
        query = query.also(Facet("source", (args.source,)))
    return query if args.status is None else query.also(Facet("status", (args.status,)))


def search_jobs(args: Args) -> int:
    """Print the newest listings that match."""
    return reach.run(partial(_search, settings(args), args, query_of(args)))


@contextmanager
def looking(args: Args) -> Generator[Callable[[int, Moment], None]]:
    """What tells a person how far a search has come, on a line that is gone when it is done."""
    is_told = False

    def told(count: int, reached: Moment) -> None:
        nonlocal is_told
        is_told = True
        print(f"\r{count} so far, looked back to {reached[0]:%Y-%m-%d} ...", end="", file=sys.stderr, flush=True)

    is_live = sys.stderr.isatty() and not wants_json(args)
    try:
        yield told if is_live else lambda count, reached: None
    finally:
        if is_told:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


async def _search(config: Config, args: Args, query: Query) -> int:
    async with reach.database(config) as db:
        with looking(args) as told:
            found = await search(db, query, limit=args.limit, told=told)
        total = len(found)
        if total == args.limit and not wants_json(args):
            try:
                total = await count(db, query)
            except SearchTooSlow:
                total = None
    if wants_json(args):
        for job in found:
            line(job)
        return 0
    show_listings(query, found)
    if total is None:
        say(f"{len(found)} listings, and more than can be counted in time (--limit, or `jobs export`)")
    elif total > len(found):
        every = f"{COUNTED:,}+" if total > COUNTED else f"{total:,}"
        say(f"{len(found)} of {every} listings (--limit, or `jobs export`)")
    elif not found:
        say("no listing matches")
    return 0


def show_listings(query: Query, found: list[JobRow]) -> None:
    """Listings as a table; what they pay is a column where the query speaks of it."""
    titles = ["POSTED", "TITLE", "COMPANY", "LOCATION", "STATUS", "ID"]
    rows = [_row(job) for job in found]
    if query.sort == "salary" or query.takes("salary"):
        titles.insert(3, "A YEAR")
        rows = [[*row[:3], _pay(job), *row[3:]] for row, job in zip(rows, found, strict=True)]
    table(
        titles,
        rows,
        right=("A YEAR",),
        cut=("TITLE", "COMPANY", "LOCATION"),
        wrap=("ID",),
        drop=("STATUS", "LOCATION", "COMPANY"),
    )


def _pay(job: JobRow) -> str:
    currency = job.salary.currency if job.salary else None
    return f"{job.pay:,} {currency or ''}".strip() if job.pay else "-"


def _row(job: JobRow) -> list[object]:
    posted = job.posted_at.date().isoformat()
    where = ", ".join(job.locations) or job.remote or "-"
    return [posted if job.posted_at_known else f"~{posted}", job.title, job.company, where, job.status, job.id]


def export_jobs(args: Args) -> int:
    """Write every listing that matches."""
    args.format = args.format or (format_of(args.output) if args.output else "jsonl")
    if wants_json(args) and args.format != "jsonl":
        raise ConfigError("--json", "", None, f"--format jsonl, not {args.format}")
    return reach.run(partial(_export, settings(args), args, query_of(args)))


async def _export(config: Config, args: Args, query: Query) -> int:
    written = 0
    async with reach.database(config) as db:
        with opened(args.output, args.format) as sheet:
            async for page in pages(db, query, limit=args.limit):
                sheet.write(page)
                written += len(page)
    if args.output:
        say(f"{counted(written, 'listing')} in {args.output}")
    return 0


def show_job(args: Args) -> int:
    """Print one listing."""
    return reach.run(partial(_show, settings(args), args))


async def _show(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        document = await jobs.get(db, args.id)
        of_group = await copies.others(db, document) if document else []
    if document is None:
        raise ConfigError("job", "", args.id, "SOURCE:EXTERNAL_ID of a listing (see `jobimport jobs search`)")
    job = as_object(document)
    if wants_json(args):
        line({**job, "copies": of_group})
        return 0
    if job.get("quality") is not None:
        from workers.analysis.quality import parts_of  # here: other verbs do without the normaliser

        job["quality"] = f"{job['quality']} ({parts_of(document).told()})"
    description = job.pop("description", "")
    for name in ("changes", "copy_key", "copy_group", "copy_of"):
        job.pop(name, None)
    metadata: dict[str, Any] = job.pop("metadata", None) or {}
    salary: dict[str, Any] = job.pop("salary", None) or {}
    facts(
        [
            *((name.strip("_"), _value(document.get(name), value)) for name, value in job.items()),
            *((f"salary {name}", value) for name, value in salary.items()),
            *((name, value) for name, value in metadata.items() if name != "source"),
            *(("copies" if i == 0 else "", copy_of(one)) for i, one in enumerate(of_group)),
        ]
    )
    _print_changes(changes_of(document))
    if description:
        print()
        print(cell(_text(description), 20_000))
    return 0


def _print_changes(entries: list[FieldChange]) -> None:
    """What changed, newest first: the value before and the value after, each on a line."""
    if entries:
        print()
    for entry in entries:
        print(f"{clock(entry.at)}  {cell(entry.field)}  {entry.told}")
        for sign, text in (("-", entry.old), ("+", entry.new)):
            if text is not None:
                print(f"  {sign} {cell(text, 500)}")


def copy_of(one: Copy) -> str:
    """Another listing of the group, and whether it came first."""
    return f"{one.id}, which came first" if one.copy_of is None else one.id


def _value(stored: Any, value: Any) -> Any:
    """Times as other verbs print them, lists as one text."""
    if isinstance(stored, datetime):
        return stored
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _text(html: str) -> str:
    """A cleaned description without its tags."""
    import re
    from html import unescape

    return unescape(re.sub(r"<[^>]*>", " ", html))
