"""`jobimport config show|check`: the settings in force, secrets masked, and whether every file can be used."""

import difflib
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from jobimport_tui.cli.flags import Args, Parser, Verbs, settings, wants_json
from jobimport_tui.cli.show import line, say
from workers.settings import FILE_NAME, Config, Settings, variables
from workers.sources import load_each
from workers.toml import mask


def describe(parser: Parser) -> None:
    """Show and check."""
    verbs = Verbs(parser)
    verbs.add("show", show, "every setting in force, secrets masked")
    verbs.add("check", check, "read jobimport.toml and every source file; exit 2 if one cannot be used")


def show(args: Args) -> int:
    """Print the settings as TOML, or as one object."""
    config = settings(args)
    data = masked(config.settings)
    if wants_json(args):
        line({"folder": str(config.folder.absolute()), "settings": data})
        return 0
    import tomli_w

    print(f"# {config.folder.absolute()}\n{tomli_w.dumps(data)}", end="")
    return 0


def masked(settings: Settings) -> dict[str, dict[str, Any]]:
    """The settings as the file spells them, without the passwords in its URLs."""
    sections: dict[str, dict[str, Any]] = {}
    for section in msgspec.structs.fields(Settings):
        struct = getattr(settings, section.name)
        values = {field.encode_name: getattr(struct, field.name) for field in msgspec.structs.fields(struct)}
        sections[section.encode_name] = {key: _number(mask(value)) for key, value in values.items()}
    return sections


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check(args: Args) -> int:
    """Say of every file whether it can be used."""
    config = settings(args)
    sources, errors = load_each(config.sources)
    warnings = unknown_variables(os.environ)
    if not sources and not errors:
        warnings.append(f"{config.sources}: no source file: expected NAME.toml")
    if wants_json(args):
        line(
            {
                "folder": str(config.folder.absolute()),
                "sources": sorted(sources),
                "errors": [str(error) for error in errors],
                "warnings": warnings,
            }
        )
    else:
        _report(config, len(sources), warnings)
        for error in errors:
            say(f"jobimport: {error}")
    return 2 if errors else 0


def _report(config: Config, count: int, warnings: list[str]) -> None:
    file = config.folder / FILE_NAME
    print(f"{file}: {'ok' if file.exists() else 'absent: every setting has its default'}")
    print(f"{config.sources}: {count} source{'' if count == 1 else 's'} ok")
    for warning in warnings:
        say(f"jobimport: {warning}")


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each JOBIMPORT_* variable that nothing reads: most likely a slip of the pen."""
    prefix = "JOBIMPORT_"
    known = variables()
    found: list[str] = []
    for name in sorted(name for name in environ if name.startswith(prefix) and name not in known):
        # Without what all of them begin with: that alone would make any two alike.
        near = difflib.get_close_matches(name.removeprefix(prefix), [one.removeprefix(prefix) for one in known], n=1)
        found.append(f"{name} is read by nothing{f': did you mean {prefix}{near[0]}?' if near else ''}")
    return found
