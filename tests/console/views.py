"""Every screen that is worth a picture: a name, a state, and the keys that lead to it.

python -m tests.console.views docs      writes one SVG a view and size
"""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobimport_tui import registry
from jobimport_tui.app import ConsoleApp
from jobimport_tui.state import Snapshot
from tests.console.fake import BUSY, EMPTY, console, down

SIZES = ((80, 24), (120, 40))


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
    View("letter", section="failed", keys=("enter",)),
    View("listing", section="listings", keys=("enter",)),
    View("help", keys=("question_mark",)),
    View("import", keys=("i",)),
    View("confirm", keys=("i", "enter")),
)
STATES = (
    View("down", snapshot=down()),
    View("empty", snapshot=EMPTY),
    View("read-only", facts={"read_only": True}),
    View("ascii", facts={"ascii_only": True}),
)
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
            svg = app.export_screenshot(title="jobimport")
            (folder / f"{view.name}-{width}x{height}.svg").write_text(svg)


def pictures() -> Iterator[tuple[View, tuple[int, int]]]:
    for view in DOCUMENTED:
        for size in SIZES:
            yield view, size


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
