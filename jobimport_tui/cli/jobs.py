"""`jobimport jobs search|show|export`: the listings."""

from functools import partial
from typing import Any

import anyio

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, Verbs, positive, settings, wants_json
from jobimport_tui.cli.show import cell, facts, line, plain, say, table
from workers.errors import ConfigError
from workers.settings import Config
from workers.store import jobs
from workers.store.connect import Database
from workers.store.search import JobRow, count, search

PAGE = 200
COUNTED = 10_000


def describe(parser: Parser) -> None:
    """Search, show, export."""
    verbs = Verbs(parser)
    find = verbs.add("search", search_jobs, "listings that hold every word, newest first")
    find.add_argument("--limit", type=positive, default=20, metavar="N", help="how many (20)")
    export = verbs.add("export", export_jobs, "every listing found as a JSON line, newest first")
    export.add_argument("--limit", type=positive, metavar="N", help="at most so many")
    for verb in (find, export):
        verb.add_argument(
            "words", nargs="*", metavar="WORD", help="in the title or company; the last may be a beginning"
        )
        verb.add_argument("--source", metavar="NAME", help="of one source")
        verb.add_argument("--status", choices=("open", "closed"))
    show = verbs.add("show", show_job, "one listing")
    show.add_argument("id", metavar="ID", help="SOURCE:EXTERNAL_ID, as `jobs search` shows it")


def search_jobs(args: Args) -> int:
    """Print the newest listings that match."""
    return reach.run(partial(_search, settings(args), args))


async def _search(config: Config, args: Args) -> int:
    words = " ".join(args.words)
    async with reach.database(config) as db:
        found = await search(db, words=words, source=args.source, status=args.status, limit=args.limit)
        total = len(found)
        if total == args.limit and not wants_json(args):
            total = await count(db, words=words, source=args.source, status=args.status)
    if wants_json(args):
        for job in found:
            line(job)
        return 0
    table(("POSTED", "TITLE", "COMPANY", "LOCATION", "STATUS", "ID"), [_row(job) for job in found])
    if total > len(found):
        every = f"{COUNTED:,}+" if total > COUNTED else f"{total:,}"
        say(f"{len(found)} of {every} listings (--limit, or `jobs export`)")
    elif not found:
        say("no listing holds all of that")
    return 0


def _row(job: JobRow) -> list[object]:
    posted = job.posted_at.date().isoformat()
    where = ", ".join(job.locations) or job.remote or "-"
    return [posted if job.posted_at_known else f"~{posted}", job.title, job.company, where, job.status, job.id]


def export_jobs(args: Args) -> int:
    """Print every listing that matches, as a JSON line."""
    return reach.run(partial(_export, settings(args), args))


async def _export(config: Config, args: Args) -> int:
    words = " ".join(args.words)
    left: int | None = args.limit
    before = None
    async with reach.database(config) as db:
        while left is None or left > 0:
            limit = PAGE if left is None else min(PAGE, left)
            page = await search(db, words=words, source=args.source, status=args.status, limit=limit, before=before)
            for document in await _documents(db, [row.id for row in page]):
                line(as_object(document))
            if len(page) < limit:
                break
            before = page[-1].key
            left = None if left is None else left - len(page)
    return 0


async def _documents(db: Database, ids: list[str]) -> list[dict[str, Any]]:
    """The listings of a page, read side by side, in its order; one that is gone meanwhile is left out."""
    found: dict[str, dict[str, Any] | None] = {}

    async def read(job_id: str) -> None:
        found[job_id] = await jobs.get(db, job_id)

    async with anyio.create_task_group() as tasks:
        for job_id in ids:
            tasks.start_soon(read, job_id)
    return [document for job_id in ids if (document := found[job_id]) is not None]


def as_object(document: dict[str, Any]) -> dict[str, Any]:
    """A listing as it is stored, but for hashes and search terms."""
    return {key: value for key, value in plain(document).items() if key != "search_terms"}


def show_job(args: Args) -> int:
    """Print one listing."""
    return reach.run(partial(_show, settings(args), args))


async def _show(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        document = await jobs.get(db, args.id)
    if document is None:
        raise ConfigError("job", "", args.id, "SOURCE:EXTERNAL_ID of a listing (see `jobimport jobs search`)")
    job = as_object(document)
    if wants_json(args):
        line(job)
        return 0
    description = job.pop("description", "")
    metadata: dict[str, Any] = job.pop("metadata", None) or {}
    salary: dict[str, Any] = job.pop("salary", None) or {}
    facts([(name.strip("_"), _value(value)) for name, value in job.items()])
    facts([(f"salary {name}", value) for name, value in salary.items()])
    facts([(name, value) for name, value in metadata.items() if name != "source"])
    if description:
        print()
        print(cell(_text(description), 20_000))
    return 0


def _value(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _text(html: str) -> str:
    """A cleaned description without its tags."""
    import re
    from html import unescape

    return unescape(re.sub(r"<[^>]*>", " ", html))
