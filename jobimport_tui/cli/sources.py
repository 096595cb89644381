"""`jobimport sources list|show|add|edit|test|enable|disable|remove`: the files of config/sources."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from jobimport_tui.cli.flags import Args, Parser, Verbs, positive, settings, wants_json
from jobimport_tui.cli.show import cell, clock, line, plain, say, span
from jobimport_tui.cli.tables import table
from workers.errors import ConfigError
from workers.model.source import Source, SourceKind
from workers.settings import Config
from workers.source_edits import set_enabled
from workers.sources import find, load_each, load_one, next_due, remove
from workers.sources import plain as as_file
from workers.toml import mask

if TYPE_CHECKING:
    from workers.store.source_state import SourceState


def describe(parser: Parser) -> None:
    """List, show, add, edit, test, enable, disable, remove."""
    verbs = Verbs(parser)
    verbs.add("list", list_sources, "every source, and when it is next due")
    _describe_add(verbs)
    for name, act, summary in (
        ("show", show_source, "one source, with its defaults filled in"),
        ("edit", edit_source, "open its file in $EDITOR; what cannot be used is not put in place"),
        ("test", test_source, "read its feed as it is now, compare it with the last run; writes nothing"),
        ("enable", partial(_switch, enabled=True), "let the schedule and --all import it again"),
        ("disable", partial(_switch, enabled=False), "neither the schedule nor --all imports it"),
        ("remove", remove_source, "delete its file; its listings stay"),
    ):
        verb = verbs.add(name, act, summary)
        verb.add_argument("source", metavar="SOURCE")
        if name == "remove":
            verb.add_argument("--yes", action="store_true", help="do not ask")
        if name == "test":
            verb.add_argument("--limit", type=positive, default=1000, metavar="N", help="read so many items (1000)")


def _describe_add(verbs: Verbs) -> None:
    add = verbs.add("add", add_source, "look at a feed, and write a source's file for it")
    add.add_argument("url", metavar="URL", help="the feed's address")
    add.add_argument("--name", metavar="NAME", help="the source's name: a-z, 0-9 and -")
    add.add_argument("--kind", choices=get_args(SourceKind), metavar="KIND", help=", ".join(get_args(SourceKind)))
    add.add_argument("--schedule", metavar="CRON", help='five cron fields, or "never"')
    add.add_argument("--format", metavar="F", help="a dialect's name, where it is not recognised")
    add.add_argument("--company", metavar="TEXT", help="the company, where the feed does not name it")
    add.add_argument("--header", action="append", default=[], metavar="NAME=env:VARIABLE", help="a request header")
    add.add_argument("--yes", action="store_true", help="do not ask: what no flag says is as proposed")


def add_source(args: Args) -> int:
    """Look, ask, write."""
    from jobimport_tui.cli import sources_add  # what fetches and parses is loaded by those who do

    return sources_add.add_source(args)


def edit_source(args: Args) -> int:
    """Open a source's file in an editor."""
    from jobimport_tui.cli import sources_edit

    return sources_edit.edit_source(args)


def test_source(args: Args) -> int:
    """Read a source's feed and compare it with the last run."""
    from jobimport_tui.cli import sources_look

    return sources_look.test_source(args)


def list_sources(args: Args) -> int:
    """Print the sources; exit 2 if a file cannot be used."""
    config = settings(args)
    sources, errors = load_each(config.sources)
    from jobimport_tui.cli import sources_health  # the other verbs look at files alone

    states = sources_health.recalled(config)
    if wants_json(args):
        for source in sources.values():
            line({**as_object(config, source), **sources_health.as_object(config, states.get(source.name))})
    else:
        titles = ("SOURCE", "ENABLED", "HEALTH", "KIND", "PRIORITY", "SCHEDULE", "NEXT", "AT MOST", "URL")
        rows = [_row(config, source, states.get(source.name)) for source in sources.values()]
        table(titles, rows, cut=("URL",), drop=("PRIORITY", "AT MOST", "URL", "KIND"))
        if not sources and not errors:
            say(f"no sources in {config.sources}: expected NAME.toml")
    for error in errors:
        say(f"jobimport: {error}")
    return 2 if errors else 0


def _row(config: Config, source: Source, state: "SourceState | None") -> list[object]:
    from jobimport_tui.cli import sources_health

    every = f"once in {span(source.min_interval)}" if source.min_interval else "-"
    schedule = config.settings.imports.default_schedule if source.schedule is None else source.schedule
    due = next_due(source, config.settings.imports.default_schedule, datetime.now(UTC))
    enabled = "yes" if source.enabled else "no"
    return [
        source.name,
        enabled,
        sources_health.word(state),
        source.kind,
        source.priority,
        schedule or "never",
        clock(due)[:16],
        every,
        mask(source.url),
    ]


def as_object(config: Config, source: Source) -> dict[str, Any]:
    """A source with every key, its secrets masked, and its next slot."""
    due = next_due(source, config.settings.imports.default_schedule, datetime.now(UTC))
    hidden = {key: _references(getattr(source, key)) for key in ("headers", "query", "basic")}
    return {**plain(source), "url": mask(source.url), **hidden, "next_due": plain(due)}


def _references(values: Mapping[str, str]) -> dict[str, str]:
    """Only where a secret is, never what may be one."""
    return {name: value if value.startswith(("env:", "file:")) else "***" for name, value in values.items()}


def show_source(args: Args) -> int:
    """Print one source as TOML, or as one object."""
    config = settings(args)
    source = load_one(config.sources, args.source)
    from jobimport_tui.cli import sources_health

    state = sources_health.recalled(config).get(source.name)
    if wants_json(args):
        line({**as_object(config, source), **sources_health.as_object(config, state)})
        return 0
    import tomli_w

    shown = {**as_file(source), "url": mask(source.url)}
    print(f"# {config.sources / source.name}.toml")
    for told in sources_health.sentences(state):
        print(f"# {cell(told, 500)}")
    print("\n".join(cell(text, 2000) for text in tomli_w.dumps(shown).splitlines()))
    return 0


def _trail(config: Config, text: str, source: str) -> None:
    from jobimport_tui.cli import sources_trail  # asks both servers

    sources_trail.write_down(config, text, source)


def _switch(args: Args, *, enabled: bool) -> int:
    config = settings(args)
    changed = set_enabled(config.sources, args.source, enabled)
    state = "enabled" if enabled else "disabled"
    if changed:
        _trail(config, f"{state} the source", args.source)
    if wants_json(args):
        line({"source": args.source, "enabled": enabled, "changed": changed})
    else:
        print(f"{args.source}: {state}" if changed else f"{args.source}: {state} already")
    return 0


def remove_source(args: Args) -> int:
    """Delete a source's file, after a question where there is somebody to ask."""
    from jobimport_tui.cli.sources_left import left_behind  # asks MongoDB

    config = settings(args)
    # A file that cannot be read can still be removed, so it is not loaded first.
    file = find(config.sources, args.source)
    if not args.yes and not sys.stdin.isatty():
        raise ConfigError("sources remove", "", args.source, "--yes, where nobody can be asked")
    left = left_behind(config, args.source)
    say(left.sentence)
    if not args.yes:
        say(f"Remove {file}? Type the source's name to go on:")
        if sys.stdin.readline().strip() != args.source:
            say("nothing removed")
            return 1
    removed = remove(config.sources, args.source)
    _trail(config, "removed the source", args.source)
    if wants_json(args):
        line({"source": args.source, "removed": str(removed), "listings": left.listings, "run": left.run})
    else:
        print(f"{args.source}: {removed} removed")
    return 0
