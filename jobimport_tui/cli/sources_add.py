"""`jobimport sources add URL`: look at a feed, ask what the file shall say, write it. Nothing is written before."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar, get_args

import anyio
import msgspec

from jobimport_tui.cli import sources, sources_trail
from jobimport_tui.cli.flags import Args, settings, wants_json
from jobimport_tui.cli.show import cell, clock, line, say
from jobimport_tui.cli.sources_look import as_object, print_fields, print_listings
from jobimport_tui.findings import headline
from workers.errors import ConfigError
from workers.model.source import Source, SourceKind
from workers.probing import Findings, probe, problems
from workers.proposals import propose, propose_schedule
from workers.schedule import SCHEDULE_EXPECTED, is_schedule
from workers.settings import Config
from workers.source_edits import NEVER
from workers.sources import check, check_reading, create, load_each, next_due, refuse_taken, taken_names
from workers.toml import mask

KINDS = {
    "snapshot": "holds every open listing: one that is missing is gone",
    "window": "holds the newest: a missing one says nothing",
    "query": "is a slice of an index: a missing one says nothing",
}

T = TypeVar("T")


def add_source(args: Args) -> int:
    """Look, ask, write; exit 1 where the feed gives nothing to import, or nobody said yes."""
    config = settings(args)
    if not args.yes and not sys.stdin.isatty():
        raise ConfigError("sources add", "", None, "--yes, where nobody can be asked")
    wanted = _wanted(args)
    check(wanted, "sources add")
    check_reading(wanted, "sources add")
    if args.name is not None:
        refuse_taken(config.sources, args.name)
    known, _ = load_each(config.sources)
    if "***" in mask(wanted.url):
        say("jobimport: the address seems to hold a secret, which would stand in the file: `[query]` can refer to one")
    for other in known.values():
        if other.url == wanted.url:
            say(f"jobimport: the source {other.name} has this address already")
    found = anyio.run(partial(probe, wanted, config.settings.fetch))
    wrong = problems(found, {})
    if not wants_json(args):
        print(headline(found))
        print_listings(found)
        print_fields(found)
        print(flush=True)
    for text in wrong:
        say(f"jobimport: {text}")
    if not found.listings or (wrong and args.yes):
        return _end(args, config, wanted, found, written=False)
    source = _complete(args, wanted, found, taken=taken_names(config.sources))
    if not args.yes:
        source = _asked(args, config, source, found)
        if source is None:
            say("nothing written")
            return _end(args, config, wanted, found, written=False)
    create(config.sources, source)
    sources_trail.write_down(config, "added the source", source.name)
    return _end(args, config, source, found, written=True)


def _wanted(args: Args) -> Source:
    """The source as far as the command line says it, checked as its file would be."""
    headers: dict[str, str] = {}
    for text in args.header:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ConfigError("sources add", "--header", None, "NAME=env:VARIABLE or NAME=file:PATH")
        headers[name.strip()] = value.strip()
    return Source(
        name=args.name or "",
        url=args.url,
        format=args.format or "auto",
        kind=args.kind or "window",
        schedule=_schedule(args.schedule),
        company=args.company or "",
        headers=headers,
    )


def _schedule(text: str | None) -> str | None:
    return "" if text == NEVER else text


def _complete(args: Args, wanted: Source, found: Findings, *, taken: set[str]) -> Source:
    """The source with what was not said proposed."""
    said = [key for key in ("name", "kind", "schedule", "company") if getattr(args, key) is not None]
    is_nameless = not found.fill_rate.get("company")
    return propose(wanted, found.dialect, is_nameless=is_nameless, taken=taken, said=said)


def _asked(args: Args, config: Config, source: Source, found: Findings) -> Source | None:
    """Ask for what no flag said; None where the answers end, or the last is no."""
    try:
        if args.name is None:
            source = msgspec.structs.replace(source, name=_ask("name", source.name, partial(_free, config)))
        if args.kind is None:
            for kind, meaning in KINDS.items():
                say(f"  {kind:<8}  {meaning}")
            source = msgspec.structs.replace(source, kind=_ask("kind", source.kind, _kind))
        if args.schedule is None:
            proposed = propose_schedule(source.name, source.kind)
            schedule = _ask(f'schedule, five cron fields or "{NEVER}"', proposed, _cron)
            source = msgspec.structs.replace(source, schedule=schedule)
        if args.company is None and not found.fill_rate.get("company"):
            company = _ask("company, which the feed does not name", source.company, str)
            source = msgspec.structs.replace(source, company=company)
        file = config.sources / f"{source.name}.toml"
        return source if _ask(f"write {file}? (yes or no)", "yes", _yes) else None
    except EOFError:
        return None


def _ask(question: str, proposal: str, read: Callable[[str], T]) -> T:
    """Ask until the answer can be used; an empty one is the proposal. Raises EOFError."""
    while True:
        print(f"{question} [{cell(proposal)}]: " if proposal else f"{question}: ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
        if not answer:
            print(file=sys.stderr)
            raise EOFError
        try:
            return read(answer.strip() or proposal)
        except ConfigError as error:
            say(f"jobimport: {error}")


def _free(config: Config, name: str) -> str:
    refuse_taken(config.sources, name)
    return name


def _kind(text: str) -> SourceKind:
    for kind in get_args(SourceKind):
        if kind == text.lower():
            return kind
    raise ConfigError("source", "kind", text, "one of " + ", ".join(get_args(SourceKind)))


def _cron(text: str) -> str:
    schedule = "" if text.lower() == NEVER else text
    if not is_schedule(schedule):
        raise ConfigError("source", "schedule", text, SCHEDULE_EXPECTED)
    return schedule


def _yes(text: str) -> bool:
    if text.lower() in ("yes", "y", "no", "n"):
        return text.lower().startswith("y")
    raise ConfigError("answer", "", text, "yes or no")


def _end(args: Args, config: Config, source: Source, found: Findings, *, written: bool) -> int:
    """Say what came of it."""
    file = config.sources / f"{source.name}.toml" if written else None
    if wants_json(args):
        shown = sources.as_object(config, source)
        line({"written": str(file) if file else None, "source": shown, **as_object(found)})
    elif file:
        due = next_due(source, config.settings.imports.default_schedule, datetime.now(UTC))
        by_itself = f"a scheduler imports it at once, then {clock(due)[:16]} UTC; without one: " if due else ""
        print(f"{file} written; {by_itself}jobimport import {source.name} --watch")
        say("Read the feed's terms; `attribution`, `terms_url` and `min_interval` in the file are the place for them.")
    return 0 if written else 1
