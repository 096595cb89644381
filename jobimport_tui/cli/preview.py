"""`jobimport preview URL|FILE`: what would be imported, and why not. Writes nothing, needs no server."""

from functools import partial
from typing import Any

import anyio

from jobimport_tui.cli.flags import Args, Parser, positive, settings, wants_json
from jobimport_tui.cli.show import cell, line, plain, say
from workers.errors import UnknownSource
from workers.model import Job, Reject
from workers.preview import Preview, preview_of
from workers.settings import Config
from workers.sources import load_one


def describe(parser: Parser) -> None:
    """A URL or file, read as a source's or as a format."""
    parser.add_argument("target", metavar="URL|FILE", help="a feed, or a source's name")
    parser.add_argument("--source", metavar="NAME", help="read it with this source's settings")
    parser.add_argument("--format", metavar="F", help="a dialect's name, where it is not recognised")
    parser.add_argument("--limit", type=positive, metavar="N", help="stop after so many listings")
    parser.set_defaults(run=run)


def run(args: Args) -> int:
    """Print a line a listing and a line a reject, and at the end a summary on stderr."""
    config = settings(args)
    preview = open_preview(config, args.target, args.source, args.format)
    return anyio.run(partial(show, preview, args.limit, is_json=wants_json(args)))


def open_preview(config: Config, target: str, source: str | None, feed_format: str | None) -> Preview:
    """The preview of a URL, a file, or a source by its name."""
    if source is None and not target.startswith(("http://", "https://")):
        try:
            named = load_one(config.sources, target)
        except UnknownSource:
            pass
        else:
            return preview_of(named.url, source=named, feed_format=feed_format, settings=config.settings.fetch)
    chosen = load_one(config.sources, source) if source else None
    return preview_of(target, source=chosen, feed_format=feed_format, settings=config.settings.fetch)


async def show(preview: Preview, limit: int | None, *, is_json: bool) -> int:
    """Print as it is read; exit 1 where the feed breaks half-way."""
    jobs = rejects = 0
    async for item in preview.items(limit):
        if isinstance(item, Job):
            jobs += 1
        else:
            rejects += 1
        if is_json:
            line(as_object(item))
        else:
            print(_text(item), flush=True)
    repeated = f", {preview.duplicates} repeated" if preview.duplicates else ""
    pages = f", {preview.pages} pages" if preview.pages > 1 else ""
    say(f"{preview.dialect or 'no format'}: {jobs} listings, {rejects} rejects{repeated}{pages}")
    if preview.degraded:
        say(f"jobimport: the feed is not whole: {preview.degraded}")
        return 1
    if preview.broken is not None:
        say(f"jobimport: the feed breaks here: {preview.broken}")
        return 1
    return 0


def as_object(item: Job | Reject) -> dict[str, Any]:
    """A listing with the fields that `jobs` keeps, without stamps and hashes; or {"reject": {...}}."""
    if isinstance(item, Reject):
        return {"reject": plain(item)}
    return {**plain(item), "status": "open"}


def _text(item: Job | Reject) -> str:
    if isinstance(item, Reject):
        name = item.external_id or f"item {item.position}"
        return cell(f"✗ {name}: {item.field} is {item.value[:80]!r}: {item.reason}", 400)
    places = ", ".join(item.locations) or "-"
    posted = item.posted_at.date().isoformat() if item.posted_at else "-"
    return cell(f"{posted}  {item.title}  |  {item.company}  |  {places}  |  {item.url or '-'}", 400)
