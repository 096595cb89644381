"""Between Textual and its driver: frames as cell differences, as fast as the terminal takes them.

Leans on Textual's private painting (App._display, LayoutUpdate, ChopsUpdate): the version is pinned, and a test
compares every frame, through a terminal emulator, with what Textual itself would have sent.
"""

import time
from collections.abc import Callable, Iterator

from rich.color import ColorSystem
from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate

from jobimport_tui.display.cells import Cells
from jobimport_tui.display.link import Link

SYNC_FROM = 512
"""Bytes from which on a frame is bracketed, so that a terminal paints it at once (mode 2026)."""

SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"


class Wire:
    """Frames for one terminal. `write` sends text, `is_blocked` tells whether earlier text still waits to be taken."""

    def __init__(
        self,
        write: Callable[[str], None],
        is_blocked: Callable[[], bool],
        colours: ColorSystem | None,
        clock: Callable[[], float] = time.monotonic,
        erases: bool = False,
    ) -> None:
        self._write, self._is_blocked = write, is_blocked
        self.cells, self.link = Cells(colours, erases=erases), Link(clock)
        self.may_sync = False
        self._cursor: tuple[int, int] | None = None

    def take(self, update: CompositorUpdate, size: tuple[int, int], cursor: tuple[int, int]) -> bool:
        """Take a frame; False for a kind of update that is not known: the caller sends it, and all is repainted."""
        if not isinstance(update, (LayoutUpdate, ChopsUpdate)):
            self.forget()
            return False
        self.cells.resize(*size)
        strips = _of_layout(update) if isinstance(update, LayoutUpdate) else _of_chops(update)
        for x, y, segments in strips:
            self.cells.put(x, y, segments)
        self._cursor = cursor if cursor != (0, 0) else None
        self.flush()
        return True

    def flush(self) -> bool:
        """Send what has changed, unless the terminal is still busy; returns whether nothing is held back."""
        if not self.cells.is_behind:
            return True
        if self.link.is_full or self._is_blocked():
            return False
        text = self.cells.changes()
        if text and self._cursor is not None:
            # An input method paints where the cursor stands, even a hidden one.
            text += f"\x1b[{self._cursor[1] + 1};{self._cursor[0] + 1}H"
        if text:
            if self.may_sync and len(text) >= SYNC_FROM:
                text = SYNC_START + text + SYNC_END
            self._write(self.link.sending(text))
        return True

    def forget(self) -> None:
        """Send every cell with the next frame."""
        self.cells.forget()


def _of_layout(update: LayoutUpdate) -> Iterator[tuple[int, int, Iterator[Segment]]]:
    x = update.region.x
    for y, line in enumerate(update.strips, update.region.y):
        yield x, y, (segment for strip in line for segment in strip)


def _of_chops(update: ChopsUpdate) -> Iterator[tuple[int, int, Iterator[Segment]]]:
    for y, x1, x2 in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x > x2 or end <= x1:
                continue
            whole = x2 > x >= x1 and end <= x2
            yield x, y, iter(strip if whole else strip.crop(0, min(end, x2) - x))
