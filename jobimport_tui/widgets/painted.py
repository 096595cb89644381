"""A widget that paints lines of (text, tone) and repaints only those that changed.

Textual re-sends every cell of a region that it is told to refresh: one changed cell of a stock table costs 9 KB.
"""

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from jobimport_tui.display.text import cut

Span = tuple[str, str]
"""Text and its tone."""

Line = tuple[Span, ...]
"""One line; a tone of the whole line (one of WHOLE) stands in its last span, which has no text."""

WHOLE = ("cursor", "stale", "alarm")

OWN = {"cursor": Style(reverse=True), "stale": Style(dim=True), "alarm": Style(reverse=True, bold=True)}
"""How these look in the terminal's own colours."""

TONES = ("ok", "warn", "bad", "busy", "dim", "head", "title", "cursor", "stale", "key", "alarm")


class Painted(Widget):
    """Subclasses say what a line holds (`line_at`) and call `repaint` after a change."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{tone}" for tone in TONES}
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Painted {
        & > .tone--ok { color: $success; }
        & > .tone--warn { color: $warning; }
        & > .tone--bad { color: $error; }
        & > .tone--busy { color: $accent; }
        & > .tone--dim { color: $text-muted; }
        & > .tone--head { color: $text-muted; }
        & > .tone--title { color: $primary; text-style: bold; }
        & > .tone--cursor { background: $row-cursor; text-style: bold; }
        & > .tone--stale { color: $text-disabled; }
        & > .tone--key { color: $primary; }
        & > .tone--alarm { color: $background; background: $error; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._painted: dict[int, Line] = {}
        self._styles_of: dict[tuple[str, str], Style] = {}

    def line_at(self, y: int, width: int) -> Line:
        """What stands in line y of the widget; () for an empty one."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Have the lines painted that differ from what is on the screen."""
        width, height = self.size
        for y in range(height):
            if self._painted.get(y) != self.line_at(y, width):
                self.refresh(Region(0, y, width, 1))

    def render_line(self, y: int) -> Strip:
        """Paint one line (Textual's line API)."""
        width = self.size.width
        line = self.line_at(y, width)
        self._painted[y] = line
        whole = line[-1][1] if line and not line[-1][0] and line[-1][1] in WHOLE else ""
        segments: list[Segment] = []
        left = width
        for text, tone in line:
            shown = cut(text, left)
            segments.append(Segment(shown, self._style(tone, whole)))
            left -= cell_len(shown)
        segments.append(Segment(" " * left, self._style("", whole)))
        return Strip(segments, width).simplify()

    def notify_style_update(self) -> None:
        """Forget the colours of the theme that was."""
        super().notify_style_update()
        self._styles_of.clear()

    def _style(self, tone: str, whole: str) -> Style:
        style = self._styles_of.get((tone, whole))
        if style is None:
            style = self.rich_style
            if whole and self.app.native_ansi_color:
                # Of sixteen unknown colours no pair is sure to be readable, but the terminal's own, reversed, is.
                self._styles_of[tone, whole] = style = style + OWN[whole]
                return style
            if tone == "dim" and self.app.native_ansi_color:
                return style + OWN["stale"]
            for name in (tone, whole):
                if name:
                    style += self.get_component_rich_style(f"tone--{name}", partial=True)
            if whole in ("alarm", "stale"):  # these colour everything
                style += self.get_component_rich_style(f"tone--{whole}", partial=True)
            self._styles_of[tone, whole] = style
        return style
