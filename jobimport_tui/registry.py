"""What an action is, and how the table of actions is looked up.

Bindings, help, footer, palette and `:` are made from the table in `actions` and from nothing else.
"""

from collections.abc import Mapping

import msgspec

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
DETAILS = frozenset(("run", "letter", "listing", "group", "source", "days", "look", "edit", "help"))
EVERYWHERE = LISTS | DETAILS
GRIDS = LISTS | {"group", "edit"}
"""The places whose main thing is a table."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an operator can do.

    `places` are the screens that have it; `hint` is its word in the footer, `argument` what its verb asks for,
    `preset` what its key stands for.

    `changes` means that it alters what workers do: it asks first, and is absent from a read-only console. `many` that
    it is done to every marked row: then it shows its plan and is confirmed by typing the number. `cli` is the command
    that does the same; `cli_of` where that differs from place to place.
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
    many: bool = False
    cli: str = ""
    cli_of: Mapping[str, str] = msgspec.field(default_factory=dict)


GROUPS = {
    "act": "ACT (asks first)",
    "mark": "MARK AND TAKE AWAY",
    "look": "LOOK",
    "sections": "SECTIONS",
    "move": "MOVE",
    "leave": "LEAVE",
}
"""Groups of the help, in its order, with their titles."""

_SHOWN = {"pagedown": "PgDn", "pageup": "PgUp", "escape": "esc", "ctrl+": "ctrl-"}
_TEXTUAL = {
    "/": "slash",
    "?": "question_mark",
    ":": "colon",
    "*": "asterisk",
    "+": "plus",
    "-": "minus",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
}


_own_keys: dict[str, tuple[str, ...]] = {}


def use_keys(keys: Mapping[str, str]) -> None:
    """Have actions go by other keys from now on: the operator's own, by the action's name."""
    _own_keys.clear()
    _own_keys.update({name: tuple(text.split()) for name, text in keys.items()})


def of_place(place: str, *, read_only: bool) -> list[Action]:
    """The actions that a screen has, with the keys that are in force."""
    from jobimport_tui.actions import ACTIONS

    return [
        msgspec.structs.replace(action, keys=_own_keys[action.name]) if action.name in _own_keys else action
        for action in ACTIONS
        if place in action.places and not (read_only and action.changes)
    ]


def by_name(name: str) -> Action:
    """The action of a name; the first of those that share it."""
    from jobimport_tui.actions import ACTIONS

    return next(action for action in ACTIONS if action.name == name)


def by_verb(verb: str, place: str, *, read_only: bool) -> list[Action]:
    """The actions that a `:` verb, or the beginning of one, may mean; one where it is clear.

    A beginning that is also the key of one of them means that one: `:w` is what `w` is.
    """
    actions = [action for action in of_place(place, read_only=read_only) if action.verb]
    exact = [action for action in actions if action.verb == verb]
    near = exact or [action for action in actions if action.verb.startswith(verb)]
    return [action for action in near if verb in action.keys][:1] or near if len(near) > 1 else near


def verbs(place: str, *, read_only: bool) -> list[str]:
    """Every `:` verb that a screen knows, those first that their first letter means: they are what is completed."""
    actions = [action for action in of_place(place, read_only=read_only) if action.verb]
    return [action.verb for action in sorted(actions, key=lambda action: action.verb[0] not in action.keys)]


def keymap() -> dict[str, str]:
    """The operator's own keys as Textual's keymap: by the id of a binding."""
    return {name: ",".join(_TEXTUAL.get(key, key) for key in keys) for name, keys in _own_keys.items()}


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


def command_line(action: Action, place: str = "", **facts: object) -> str:
    """The command that does the same; "" where there is none. Facts that are not given stand as names: SOURCE."""
    return action.cli_of.get(place, action.cli).format_map(_Facts(facts))


class _Facts(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return name.upper()
