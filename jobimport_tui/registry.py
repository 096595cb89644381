"""Every action once: keys, `:` verb, help, place in the footer, whether it changes anything, the command that does it.

Bindings, help, footer and `:` are made from this table and from nothing else.
"""

from dataclasses import dataclass

SECTIONS: tuple[tuple[str, str], ...] = (
    ("queues", "Queues"),
    ("runs", "Runs"),
    ("failed", "Failed"),
    ("listings", "Listings"),
    ("workers", "Workers"),
    ("sources", "Sources"),
)
"""Name and title; the number of a section is its place here, from 1."""

LISTS = frozenset(name for name, _ in SECTIONS)
DETAILS = frozenset(("run", "letter", "listing", "help"))
EVERYWHERE = LISTS | DETAILS


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing that an operator can do.

    `places` are the screens that have it; `hint` is its word in the footer, `argument` what its verb asks for,
    `preset` what its key stands for.

    `changes` means that it alters what workers do: it asks first, and is absent from a read-only console.
    """

    name: str
    keys: tuple[str, ...]
    help: str
    places: frozenset[str] = EVERYWHERE
    group: str = "move"
    verb: str = ""
    argument: str = ""
    preset: str = ""
    hint: str = ""
    changes: bool = False
    cli: str = ""


def _section(number: int, name: str, title: str) -> Action:
    cli = {"queues": "queues show", "listings": "jobs search"}.get(name, f"{name} list")
    return Action(
        name="section",
        preset=name,
        keys=(str(number),),
        verb=name,
        help=f"section {title}",
        group="sections",
        cli=f"jobimport {cli}",
    )


ACTIONS: tuple[Action, ...] = (
    *(_section(number, name, title) for number, (name, title) in enumerate(SECTIONS, 1)),
    Action(name="down", keys=("j", "down"), help="one row down"),
    Action(name="up", keys=("k", "up"), help="one row up"),
    Action(name="page_down", keys=("pagedown", "ctrl+d"), help="one page down, at the end the next"),
    Action(name="page_up", keys=("pageup", "ctrl+u"), help="one page up"),
    Action(name="top", keys=("g", "home"), help="first row"),
    Action(name="bottom", keys=("G", "end"), help="last row"),
    Action(name="next_panel", keys=("tab",), help="next panel", places=frozenset(("queues",)), hint="panel"),
    Action(name="open", keys=("enter",), help="open what is selected", places=LISTS, group="look", hint="open"),
    Action(
        name="import",
        keys=("i", "I"),
        verb="import",
        argument="SOURCE",
        help="import a source now",
        group="act",
        places=LISTS | {"run"},
        hint="import",
        changes=True,
        cli="jobimport import {source}",
    ),
    Action(
        name="cancel",
        keys=("K",),
        verb="cancel",
        argument="RUN",
        help="cancel a run that is active",
        group="act",
        places=frozenset(("queues", "runs", "run")),
        hint="cancel",
        changes=True,
        cli="jobimport runs cancel {run}",
    ),
    Action(
        name="filter",
        keys=("/",),
        verb="filter",
        argument="WORDS",
        help="filter: words, !word, source:NAME, state:NAME",
        group="look",
        places=LISTS,
        hint="filter",
    ),
    Action(
        name="pick_source",
        keys=("f",),
        verb="source",
        argument="NAME",
        help="only one source",
        group="look",
        places=frozenset(("runs", "listings")),
        hint="source",
    ),
    Action(
        name="run",
        keys=(),
        verb="run",
        argument="NUMBER",
        help="open a run by its number",
        group="look",
        cli="jobimport runs show {run}",
    ),
    Action(
        name="sort",
        keys=("s",),
        verb="sort",
        help="sort by the next column",
        group="look",
        places=frozenset(("failed", "workers", "sources")),
        hint="sort",
    ),
    Action(name="freeze", keys=("p",), verb="freeze", help="freeze what is shown, or let it go on", group="look"),
    Action(name="refresh", keys=("r",), verb="refresh", help="read everything again now", group="look"),
    Action(name="repaint", keys=("ctrl+l",), verb="repaint", help="paint the whole screen again", group="look"),
    Action(name="command", keys=(":",), help="type a command; tab completes it", group="look", hint="command"),
    Action(name="help", keys=("?",), verb="help", help="this page", group="look"),
    Action(name="back", keys=("escape",), help="back; an empty filter", group="leave"),
    Action(name="leave", keys=("q",), verb="q", help="back; at a section, quit", group="leave", hint="quit"),
    Action(name="quit", keys=("ctrl+c",), verb="quit", help="quit", group="leave"),
)

GROUPS = {"act": "ACT (asks first)", "look": "LOOK", "sections": "SECTIONS", "move": "MOVE", "leave": "LEAVE"}
"""Groups of the help, in its order, with their titles."""

_SHOWN = {"pagedown": "PgDn", "pageup": "PgUp", "escape": "esc", "ctrl+": "ctrl-"}
_TEXTUAL = {"/": "slash", "?": "question_mark", ":": "colon"}


def of_place(place: str, *, read_only: bool) -> list[Action]:
    """The actions that a screen has."""
    return [action for action in ACTIONS if place in action.places and not (read_only and action.changes)]


def by_name(name: str) -> Action:
    """The action of a name; the first of those that share it."""
    return next(action for action in ACTIONS if action.name == name)


def by_verb(verb: str, place: str, *, read_only: bool) -> Action | None:
    """The action of a `:` verb, also by the verb's beginning where that is unambiguous."""
    actions = [action for action in of_place(place, read_only=read_only) if action.verb]
    exact = [action for action in actions if action.verb == verb]
    near = exact or [action for action in actions if action.verb.startswith(verb)]
    return near[0] if len(near) == 1 else None


def verbs(place: str, *, read_only: bool) -> list[str]:
    """Every `:` verb that a screen knows, in the order of the table."""
    return [action.verb for action in of_place(place, read_only=read_only) if action.verb]


def textual_keys(action: Action) -> str:
    """The keys of an action as Textual spells them."""
    return ",".join(dict.fromkeys(_TEXTUAL.get(key, key) for key in action.keys))


def shown_key(key: str) -> str:
    """A key as people write it."""
    for name, shown in _SHOWN.items():
        key = key.replace(name, shown)
    return key


def shown_keys(action: Action) -> str:
    """All keys of an action as people write them."""
    return " ".join(dict.fromkeys(shown_key(key) for key in action.keys))


def command_line(action: Action, **facts: object) -> str:
    """The command that does the same; "" where there is none."""
    return action.cli.format(**facts) if action.cli else ""
