"""Every screen that is worth a picture: a name, a state, and the keys that lead to it.

python -m tests.console.views docs      writes one SVG a view and size
"""

import asyncio
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobimport_tui import registry
from jobimport_tui.actions import ACTIONS
from jobimport_tui.app import ConsoleApp
from jobimport_tui.display.capabilities import Capabilities
from jobimport_tui.state import Snapshot
from tests.console.fake import BUSY, EMPTY, WATCHED, console, down

SIZES = ((80, 24), (120, 40))
BEGIN, END = "<!-- keys: generated from the registry -->", "<!-- end of keys -->"


@dataclass(frozen=True)
class View:
    """One picture. `keys` are pressed after the start."""

    name: str
    section: str = "queues"
    snapshot: Snapshot = BUSY
    keys: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def app(self) -> ConsoleApp:
        return console(self.snapshot, section=self.section, **self.facts)


SECTIONS = tuple(View(name, section=name) for name, _ in registry.SECTIONS)
DETAILS = (
    View("run", keys=("enter",)),
    View("group", section="failed", keys=("enter",)),
    View("letter", section="failed", keys=("enter", "enter")),
    View("plan", section="failed", keys=("asterisk", "R")),
    View("palette", keys=("ctrl+p",)),
    View("source", section="sources", keys=("enter",)),
    View("days", section="sources", keys=("d",)),
    View("add", section="sources", keys=("A", *"https://boards.greenhouse.io/acme/jobs", "enter")),
    View("test", section="sources", keys=("t",)),
    View("edit", section="sources", keys=("E",)),
    View("listing", section="listings", keys=("enter",)),
    View("watches", snapshot=WATCHED, keys=("w",)),
    View("help", keys=("question_mark",)),
    View("import", keys=("i",)),
    View("confirm", keys=("i", "enter")),
)
STATES = (
    View("down", snapshot=down()),
    View("empty", snapshot=EMPTY),
    View("read-only", facts={"read_only": True}),
    View("ascii", facts={"ascii_only": True}),
    View("redis-down", snapshot=down(BUSY, "redis")),
    View("sixteen", facts={"can": Capabilities(own_colours=True)}),
)
EVERYWHERE = tuple(
    View(f"{name}-{state.name}", section=name, snapshot=state.snapshot, facts=state.facts)
    for name, _ in registry.SECTIONS
    if name != "queues"
    for state in STATES
)
"""The other sections in every state."""

DOCUMENTED = (*SECTIONS, *DETAILS, STATES[0])


async def write(folder: Path) -> None:
    for view, (width, height) in pictures():
        app = view.app()
        async with app.run_test(size=(width, height)) as pilot:
            await pilot.pause()
            for key in view.keys:
                await pilot.press(key)
                await pilot.pause()
            await pilot.pause()
            svg = portable(app.export_screenshot(title="jobimport"))
            (folder / f"{view.name}-{width}x{height}.svg").write_text(svg)


def portable(svg: str) -> str:
    """Without fonts from the network, and with spaces that every renderer keeps."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("<text ", '<text xml:space="preserve" ').replace("&#160;", " ")


def key_table() -> str:
    """The registry as a Markdown table."""
    lines = ["| key | verb | what it does | where | the same from a shell |", "|---|---|---|---|---|"]
    for group, title in registry.GROUPS.items():
        lines.append(f"| **{title.capitalize()}** | | | | |")
        for action in (action for action in ACTIONS if action.group == group):
            keys = " ".join(f"`{key}`" for key in registry.shown_keys(action).split())
            verb = f"`:{action.verb}`" if action.verb else ""
            where = "everywhere" if action.places == registry.EVERYWHERE else ", ".join(_in_order(action.places))
            commands = [registry.command_line(action), *(registry.command_line(action, at) for at in action.cli_of)]
            cli = "<br>".join(dict.fromkeys(f"`{command}`" for command in commands if command))
            lines.append(f"| {keys} | {verb} | {action.help} | {where} | {cli} |")
    return "\n".join(lines)


def _in_order(places: frozenset[str]) -> list[str]:
    if places >= registry.LISTS:
        return ["every section", *sorted(places - registry.LISTS)]
    order = [name for name, _ in registry.SECTIONS]
    return sorted(places, key=lambda place: (order.index(place) if place in order else len(order), place))


def with_keys(text: str) -> str:
    """A document with the table of keys between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{key_table()}\n{END}{after}"


def pictures() -> Iterator[tuple[View, tuple[int, int]]]:
    for view in DOCUMENTED:
        for size in SIZES:
            yield view, size


if __name__ == "__main__":
    docs = Path(sys.argv[1])
    asyncio.run(write(docs))
    (docs / "console.md").write_text(with_keys((docs / "console.md").read_text()))
