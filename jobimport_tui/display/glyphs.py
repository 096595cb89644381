"""One glyph, one word and one tone for each state. The tone never says what glyph and word do not.

A tone is a name that the style sheet colours: "", "ok", "warn", "bad", "busy", "dim".
"""

from typing import NamedTuple


class Mark(NamedTuple):
    """How a state is shown."""

    glyph: str
    word: str
    tone: str

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"


_MARKS: dict[str, tuple[str, str, str]] = {  # state -> glyph, ASCII glyph, tone
    "queued": ("·", ".", "dim"),
    "fetching": ("↓", "v", "busy"),
    "importing": ("▸", ">", "busy"),
    "closing": ("▪", "#", "busy"),
    "succeeded": ("✓", "+", "ok"),
    "unchanged": ("=", "=", "ok"),
    "partial": ("!", "!", "warn"),
    "degraded": ("!", "!", "warn"),
    "failed": ("✗", "x", "bad"),
    "cancelled": ("-", "-", "dim"),
    "idle": ("·", ".", "dim"),
    "running": ("▸", ">", "busy"),
    "waiting": ("·", ".", ""),
    "paused": ("‖", "#", "warn"),
    "dead": ("✗", "x", "bad"),
    "quiet": ("‖", "#", "warn"),
    "stopping": ("▪", "#", "warn"),
    "silent": ("!", "!", "bad"),
    "open": ("✓", "+", "ok"),
    "closed": ("-", "-", "dim"),
    "on": ("✓", "+", "ok"),
    "off": ("-", "-", "dim"),
    "ok": ("✓", "+", "ok"),
    "late": ("!", "!", "bad"),
    "shrinking": ("↘", "\\", "warn"),
    "growing": ("↗", "/", "warn"),
    "drifting": ("≠", "~", "warn"),
    "failing": ("✗", "x", "bad"),
    "suspended": ("‖", "#", "bad"),
    "broken": ("✗", "x", "bad"),
    "error": ("✗", "x", "bad"),
    "warning": ("!", "!", "warn"),
    "info": ("·", ".", "dim"),
    "action": ("#", "#", "busy"),
    "news": ("·", ".", "dim"),
}
_BARS = {False: ("█", "░", "▏▎▍▌▋▊▉"), True: ("#", "-", "")}
_SPARKS = {False: "▁▂▃▄▅▆▇█", True: ".:-=+*#@"}


class Glyphs:
    """The set in use; `ascii_only` for terminals that cannot show more."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        self.ascii_only = ascii_only

    def mark(self, state: str) -> Mark:
        """Glyph, word and tone of a state; one that a newer version invented is shown as it is."""
        glyph, plain, tone = _MARKS.get(state, ("?", "?", ""))
        return Mark(plain if self.ascii_only else glyph, state, tone)

    def bar(self, share: float, width: int) -> str:
        """A progress bar of exactly `width` cells; full only where the share is 1."""
        full, empty, parts = _BARS[self.ascii_only]
        steps = len(parts) + 1
        filled = int(min(max(share, 0.0), 1.0) * width * steps)
        whole, rest = divmod(filled, steps)
        bar = full * whole + (parts[rest - 1] if rest else "")
        return bar + empty * (width - len(bar))

    def spark(self, values: tuple[float, ...], width: int) -> str:
        """The last `width` values as one row; all-zero is a flat line, and a gap is a space."""
        levels = _SPARKS[self.ascii_only]
        shown = values[-width:]
        top = max(shown, default=0.0)
        cells = [levels[0] if not top else levels[min(7, int(value / top * 7.999))] for value in shown]
        return "".join(cells).rjust(width)

    @property
    def rule(self) -> str:
        """What a horizontal line is made of."""
        return "-" if self.ascii_only else "─"
