"""`jobimport watch list|add|show|remove`: your saved searches, and what is new in them."""

from functools import partial

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, Verbs, positive, settings, wants_json
from jobimport_tui.cli.jobs import looking, read_query, show_listings
from jobimport_tui.cli.show import line, plain, say
from jobimport_tui.cli.tables import table
from workers.settings import Config
from workers.store import watches
from workers.store.documents import utc_now
from workers.store.search import search
from workers.store.watches import COUNTED, Watch


def describe(parser: Parser) -> None:
    """List, add, show, remove."""
    verbs = Verbs(parser)
    verbs.add("list", list_watches, "your saved searches, with what is new since you last looked")
    add = verbs.add("add", add_watch, "save a search; what comes from now on is new")
    add.add_argument("name", metavar="NAME", help="a-z, 0-9 and -")
    add.add_argument("query", nargs="+", metavar="QUERY", help="as for `jobs search` (docs/search.md)")
    show = verbs.add("show", show_watch, "what is new; then it is no longer")
    show.add_argument("name", metavar="NAME")
    show.add_argument("--limit", type=positive, default=50, metavar="N", help="how many (50)")
    show.add_argument("--keep", action="store_true", help="it stays new")
    remove = verbs.add("remove", remove_watch, "forget a saved search")
    remove.add_argument("name", metavar="NAME")


def list_watches(args: Args) -> int:
    """Print every watch of the user."""
    return reach.run(partial(_list, settings(args), args))


async def _list(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        found = [(watch, await watches.count_new(db, watch)) for watch in await watches.of_user(db, reach.user())]
    if wants_json(args):
        for watch, new in found:
            line({**plain(watch), "new": new})
        return 0
    rows = [(watch.name, shown_count(new), watch.looked_at, watch.query) for watch, new in found]
    table(("NAME", "NEW", "LOOKED AT", "QUERY"), rows, right=("NEW",), wrap=("QUERY",))
    if not found:
        say(f"{reach.user()} has no watch: jobimport watch add NAME QUERY")
    return 0


def shown_count(new: int | None) -> str:
    """A count that has a bound, and may be unknown."""
    return "?" if new is None else f"{COUNTED:,}+" if new > COUNTED else f"{new:,}"


def add_watch(args: Args) -> int:
    """Save a search."""
    text = " ".join(args.query)
    read_query(text)
    return reach.run(partial(_add, settings(args), args, text))


async def _add(config: Config, args: Args, text: str) -> int:
    async with reach.database(config) as db:
        watch = await watches.add(db, reach.user(), args.name, text)
    if wants_json(args):
        line(watch)
    else:
        say(f"{watch.name}: new is what comes from now on (jobimport watch show {watch.name})")
    return 0


def show_watch(args: Args) -> int:
    """Print what is new in one, and note that it was looked at."""
    return reach.run(partial(_show, settings(args), args))


async def _show(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        watch = await watches.get(db, reach.user(), args.name)
        at = utc_now()
        with looking(args) as told:
            found = await search(db, watch.new, limit=args.limit, told=told)
        new = len(found) if len(found) < args.limit else await watches.count_new(db, watch)
        if not args.keep:
            await watches.looked(db, watch.user, watch.name, at)
    if wants_json(args):
        for job in found:
            line(job)
        return 0
    show_listings(watch.new, found)
    _tell(watch, len(found), new)
    return 0


def _tell(watch: Watch, shown: int, new: int | None) -> None:
    if not shown:
        say(f"{watch.name}: nothing new since {watch.looked_at:%Y-%m-%d %H:%M:%S} UTC")
    elif new is None or new > shown:
        say(f"{shown} of {shown_count(new)} new listings: jobimport jobs search '{watch.new_text}' has the others")


def remove_watch(args: Args) -> int:
    """Forget one."""
    return reach.run(partial(_remove, settings(args), args))


async def _remove(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        await watches.remove(db, reach.user(), args.name)
    if wants_json(args):
        line({"name": args.name, "removed": True})
    else:
        say(f"{args.name} is forgotten")
    return 0
