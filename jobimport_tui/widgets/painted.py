"""A widget that paints lines of (text, tone) and repaints only those that changed.

Textual re-sends every cell of a region that it is told to refresh: one changed cell of a stock table costs 9 KB. Tones
are looked up in the theme: as component classes they were matched against all rules, for each widget and each focus,
which took a tenth of the time to the first paint.
"""

from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
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


class Tone(NamedTuple):
    """What a tone changes: a theme's variables for ink and ground, and the weight."""

    ink: str = ""
    ground: str = ""
    bold: bool | None = None

    def of_theme(self, variables: dict[str, str]) -> Style:
        """Give it a theme's colours."""
        ink, ground = (Color.parse(variables[name]).rich_color if name else None for name in self[:2])
        return Style(color=ink, bgcolor=ground, bold=self.bold)


TONES = {
    "ok": Tone("success"),
    "warn": Tone("warning"),
    "bad": Tone("error"),
    "busy": Tone("accent"),
    "dim": Tone("text-muted"),
    "head": Tone("text-muted"),
    "title": Tone("primary", bold=True),
    "cursor": Tone(ground="row-cursor", bold=True),
    "stale": Tone("text-disabled"),
    "key": Tone("primary"),
    "alarm": Tone("background", "error", bold=True),
}


class Painted(Widget):
    """Subclasses say what a line holds (`line_at`) and call `repaint` after a change."""

    ALLOW_SELECT = False

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

    def span_at(self, x: int, y: int) -> int:
        """Which span of a line stands in a column, by its place in the line."""
        end = 0
        for place, (text, _) in enumerate(line := self.line_at(y, self.size.width)):
            end += cell_len(text)
            if x < end:
                return place
        return len(line)

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
                    style += TONES[name].of_theme(self.app.theme_variables)
            if whole in ("alarm", "stale"):  # these colour everything
                style += TONES[whole].of_theme(self.app.theme_variables)
            self._styles_of[tone, whole] = style
        return style
