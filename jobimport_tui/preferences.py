"""What an operator likes: `console.toml` in the user's configuration folder. Read at start, written at leaving.

theme = "light"                 # dark, light, terminal: its own colours

[keys]
freeze = "f9"                   # an action's name, and its keys with spaces between: see `?` or docs/console.md

[sections.runs]
filter = "state:bad"            # as it was when the console was left
sort = "TOTAL"
columns = ["SOURCE", "STATE"]   # only these, in this order; [] is all that there is room for

A file that cannot be used is one sentence in the status row, and is left as it is.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

from jobimport_tui import registry
from workers.errors import ConfigError


class Section(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one section is looked at."""

    filter: str = ""
    sort: str = ""
    columns: list[str] = []


class Preferences(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything that is remembered. `seen` are moments at which a section was last looked at."""

    theme: Literal["", "dark", "light", "terminal"] = ""
    keys: dict[str, str] = {}
    sections: dict[str, Section] = {}
    seen: dict[str, float] = {}

    def of(self, section: str) -> Section:
        """How a section is looked at; what is changed in it is remembered."""
        return self.sections.setdefault(section, Section())

    def pruned(self) -> "Preferences":
        """The same without sections that are looked at as everybody does."""
        kept = {name: section for name, section in self.sections.items() if section != Section()}
        return msgspec.structs.replace(self, sections=kept)


def file_of_user() -> Path:
    """Where they are kept."""
    import platformdirs

    return platformdirs.user_config_path("jobimport") / "console.toml"


def load(file: Path) -> Preferences:
    """Read them; defaults where there is no file. Raises ConfigError for one that cannot be used."""
    from workers.toml import convert, read_toml

    if not file.exists():
        return Preferences()
    found = convert(read_toml(file), Preferences, str(file))
    for name in found.sections:
        if name not in registry.LISTS:
            raise ConfigError(str(file), f"sections.{name}", None, "a section: " + ", ".join(sorted(registry.LISTS)))
    check_keys(found.keys, str(file))
    return found


def check_keys(keys: dict[str, str], where: str) -> None:
    """Every action is known, and no key means two things on one screen. Raises ConfigError."""
    from jobimport_tui.actions import ACTIONS

    names = sorted({action.name for action in ACTIONS if action.name != "section"})
    for name, text in keys.items():
        if name not in names:
            raise ConfigError(where, f"keys.{name}", text, "an action: " + ", ".join(names))
        if not text.split():
            raise ConfigError(where, f"keys.{name}", text, "one or more keys, such as R or ctrl+r")
    for place in registry.EVERYWHERE:
        taken: dict[str, str] = {}
        for action in (action for action in ACTIONS if place in action.places):
            for key in keys.get(action.name, " ".join(action.keys)).split():
                if key in taken and (action.name in keys or taken[key] in keys):
                    mine = action.name if action.name in keys else taken[key]
                    other = taken[key] if mine == action.name else action.name
                    raise ConfigError(where, f"keys.{mine}", keys[mine], f"keys that are free: {key} is {other}")
                taken[key] = action.name


def save(file: Path, preferences: Preferences) -> None:
    """Write them, whole or not at all. Raises ConfigError."""
    import tomli_w

    from workers.sources import write_whole

    plain: dict[str, Any] = msgspec.to_builtins(preferences.pruned())
    write_whole(file, tomli_w.dumps(plain))
