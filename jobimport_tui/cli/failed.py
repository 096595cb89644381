"""`jobimport failed list|show|requeue|discard`: the dead letters, which nothing tries again by itself."""

import re
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Any

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, Verbs, positive, settings, wants_json
from jobimport_tui.cli.show import facts, line, plain, say
from jobimport_tui.cli.tables import table
from workers import control
from workers.errors import ConfigError, Permanent
from workers.model import Run
from workers.queue import dead
from workers.queue.dead import DeadLetter
from workers.queue.message import Poison
from workers.settings import Config
from workers.sources import load_one
from workers.store.connect import Database

LETTER_ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}(@[0-9]{1,4})?")


def describe(parser: Parser) -> None:
    """List, show, requeue, discard."""
    verbs = Verbs(parser)
    listing = verbs.add("list", list_letters, "the newest dead letters")
    listing.add_argument("--limit", type=positive, default=20, metavar="N", help="how many (20)")
    listing.add_argument("--source", metavar="NAME", help="of one source")
    show = verbs.add("show", show_letter, "one letter: the error, its message, who had it")
    show.add_argument("id", metavar="ID")
    for name, act, summary in (
        ("requeue", requeue_letters, "make the work live again, as a first attempt"),
        ("discard", discard_letters, "forget letters; their batches stay dead"),
    ):
        verb = verbs.add(name, act, summary)
        verb.add_argument("id", nargs="*", metavar="ID")
        verb.add_argument("--all", action="store_true", help="every letter")
        verb.add_argument("--source", metavar="NAME", help="every letter of one source")


def list_letters(args: Args) -> int:
    """Print the newest letters."""
    return reach.run(partial(_list, settings(args), args))


async def _list(config: Config, args: Args) -> int:
    async with reach.queues(config) as redis:
        letters = await dead.list_dead(redis, limit=args.limit, source=args.source)
        count = await dead.count(redis)
    if wants_json(args):
        for letter in letters:
            line(as_object(letter))
        return 0
    rows = [
        (one.id, one.lane, one.source, one.run or None, one.batch or None, one.attempts, one.kind, one.error)
        for one in letters
    ]
    titles = ("ID", "LANE", "SOURCE", "RUN", "BATCH", "ATTEMPTS", "KIND", "ERROR")
    table(titles, rows, right=("RUN", "ATTEMPTS"), wrap=("ERROR",), drop=("ATTEMPTS", "LANE"))
    if count > len(letters) and not args.source:
        say(f"{count - len(letters):,} older ones are not shown (--limit)")
    elif not letters:
        say("no dead letters")
    return 0


def as_object(letter: DeadLetter) -> dict[str, Any]:
    """A letter, with the time of its death and its message as text."""
    payload = letter.payload.decode("utf-8", "replace")
    return {**plain(letter), "at": plain(died(letter)), "payload": payload}


def show_letter(args: Args) -> int:
    """Print one letter."""
    return reach.run(partial(_show, settings(args), args))


async def _show(config: Config, args: Args) -> int:
    async with reach.queues(config) as redis:
        letter = await _known(redis, args.id)
    if wants_json(args):
        line(as_object(letter))
        return 0
    names = ("id", "lane", "source", "run", "batch", "reason", "kind", "error", "attempts", "deliveries", "worker")
    known = [(name, getattr(letter, name) or None) for name in names]
    facts([*known, ("died", died(letter)), ("message", letter.payload.decode("utf-8", "replace"))])
    return 0


async def _known(redis: reach.Redis, letter_id: str) -> DeadLetter:
    letter = await dead.get(redis, _checked(letter_id))
    if letter is None:
        raise ConfigError("letter", "", letter_id, "the id of a dead letter (see `jobimport failed list`)")
    return letter


def _checked(letter_id: str) -> str:
    if not LETTER_ID.fullmatch(letter_id):
        raise ConfigError("letter", "", letter_id, "an id such as 1767225600000-0 (see `jobimport failed list`)")
    return letter_id


def requeue_letters(args: Args) -> int:
    """Put letters back; exit 1 if one was refused."""
    return reach.run(partial(_requeue, settings(args), args))


async def _requeue(config: Config, args: Args) -> int:
    _check_choice(args)
    refused = 0
    async with reach.both(config) as (db, redis):
        for letter in await _chosen(redis, args):
            text, run = await _put_back(config, db, redis, letter)
            refused += run is None
            if wants_json(args):
                run_id = run.id if run else None
                line({"id": letter.id, "requeued": run is not None, "run_id": run_id, "message": text})
            elif run is None:
                say(f"jobimport: {text}")
            else:
                print(text)
    return int(refused > 0)


async def _put_back(config: Config, db: Database, redis: reach.Redis, letter: DeadLetter) -> tuple[str, Run | None]:
    """Say what became of a letter, and in which run its work is now."""
    try:
        if not letter.run:
            raise Poison("no worker can read its message: discard it")
        source = load_one(config.sources, letter.source) if letter.stage == "fetch" else None
        run = (await control.requeue(db, redis, letter, source, reach.user())).run
    except (Permanent, Poison, ConfigError) as error:
        return f"{letter.id}: not requeued: {error}", None
    if run is None:
        return f"{letter.id}: gone already", None
    return f"{letter.id}: requeued into run {run.id} of {run.source}", run


def discard_letters(args: Args) -> int:
    """Forget letters."""
    return reach.run(partial(_discard, settings(args), args))


async def _discard(config: Config, args: Args) -> int:
    _check_choice(args)
    async with reach.both(config) as (db, redis):
        for letter in await _chosen(redis, args):
            discarded = await control.discard(db, redis, letter, reach.user())
            if wants_json(args):
                line({"id": letter.id, "discarded": discarded})
            else:
                print(f"{letter.id}: {'discarded' if discarded else 'gone already'}")
    return 0


def _check_choice(args: Args) -> None:
    if (args.all or bool(args.source)) == bool(args.id):
        raise ConfigError("failed", "ID", None, "the ids of letters, or --all, or --source NAME")


async def _chosen(redis: reach.Redis, args: Args) -> list[DeadLetter]:
    """The letters meant: those named, or all that are there now."""
    if args.id:
        return [await _known(redis, letter_id) for letter_id in dict.fromkeys(args.id)]
    async with aclosing(dead.letters(redis)) as letters:
        return [letter async for letter in letters if args.source in (None, letter.source)]


def died(letter: DeadLetter) -> datetime:
    """When the message was given up."""
    return datetime.fromtimestamp(letter.at_ms / 1000, UTC)
