"""`jobimport preview URL|FILE`: what would be imported, and why not. Writes nothing, needs no server."""

from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio
import msgspec

from jobimport_tui.cli.flags import Args, Parser, positive, settings, wants_json
from jobimport_tui.cli.show import cell, line, plain, say
from jobimport_tui.cli.tables import table
from jobimport_tui.display.format import counted
from workers.analysis.quality import parts
from workers.errors import UnknownSource
from workers.model import Job, QualityWeights, Reject
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
    """Print a line a listing, a line a reject, and a line a field and the path that found it; a summary on stderr."""
    config = settings(args)
    preview = open_preview(config, args.target, args.source, args.format)
    return anyio.run(partial(show, preview, args.limit, config.settings.quality, is_json=wants_json(args)))


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


async def show(preview: Preview, limit: int | None, weights: QualityWeights, *, is_json: bool) -> int:
    """Print as it is read; exit 1 where the feed breaks half-way."""
    jobs = rejects = 0
    now = datetime.now(UTC)
    async with aclosing(preview.items(limit)) as found:  # printing may raise: who reads us has had enough
        async for each in found:
            item = each
            if isinstance(item, Job):
                jobs += 1
                item = msgspec.structs.replace(item, quality=parts(item, now).score(weights))
            else:
                rejects += 1
            if is_json:
                line({**as_object(item), "matched": _matched(preview)})
            else:
                print(_text(item), flush=True)
    if not is_json:
        print_paths(preview)
    repeated = f", {preview.duplicates} repeated" if preview.duplicates else ""
    pages = f", {preview.pages} pages" if preview.pages > 1 else ""
    say(f"{preview.dialect or 'no format'}: {counted(jobs, 'listing')}, {counted(rejects, 'reject')}{repeated}{pages}")
    if preview.degraded:
        say(f"jobimport: the feed is not whole: {preview.degraded}")
        return 1
    if preview.broken is not None:
        say(f"jobimport: the feed breaks here: {preview.broken}")
        return 1
    return 0


def _matched(preview: Preview) -> dict[str, str]:
    """Which path found each field of the listing that came last; nothing after the first 1,000."""
    return preview.matched.get(preview.item.position, {}) if preview.item else {}


def print_paths(preview: Preview) -> None:
    """Print a line for each field and each path that found it: in how many of the items, as far as that is kept."""
    count = len(preview.matched)
    if not count:
        return
    rows: list[tuple[str, ...]] = []
    for name, paths in preview.found_at().items():
        found = sum(paths.values())
        rows += [(name, path, f"{n:,}", f"{n / count:.0%}") for path, n in paths.items()]
        rows += [(name, "(nowhere)", f"{count - found:,}", f"{1 - found / count:.0%}")] if found < count else []
    print()
    table(("FIELD", "FOUND AT", "ITEMS", "SHARE"), rows, right=("ITEMS", "SHARE"), wrap=("FOUND AT",))


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
    return cell(f"{posted}  {item.title}  |  {item.company or '-'}  |  {places}  |  {item.url or '-'}", 400)
