"""The bottom row while something is asked: text to type, or a question that takes y.

It stands where the key hints stand: no dialog covers what the question is about, and few bytes travel.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.suggester import Suggester, SuggestFromList
from textual.widgets import Input, Static

from jobimport_tui.display.text import safe
from jobimport_tui.widgets.painted import Line, Painted

Typed = Callable[[str], None]


class _Asking(Suggester):
    """Completions from outside; they move, so none is kept."""

    def __init__(self, ask: Callable[[str], Awaitable[str | None]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._ask = ask

    async def get_suggestion(self, value: str) -> str | None:
        """What the text may become."""
        return await self._ask(value)


class Prompt(Horizontal):
    """A label and a line to type in. Enter gives the text to `done`, escape gives None's place to `left`."""

    DEFAULT_CSS: ClassVar[str] = """
    Prompt { height: 1; display: none; background: $panel; }
    Prompt > Static { width: auto; color: $primary; text-style: bold; }
    Prompt > Input { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.label = Static("", markup=False)
        self.input = Input(compact=True, select_on_focus=True)
        self.input.cursor_blink = False
        self._done: Typed | None = None
        self._changed: Typed | None = None
        self._left: Callable[[], None] | None = None
        self._past: tuple[str, ...] = ("",)
        self._place = 0

    def compose(self) -> ComposeResult:
        """Label and input."""
        yield self.label
        yield self.input

    def open(
        self,
        label: str,
        value: str,
        *,
        done: Typed,
        left: Callable[[], None],
        changed: Typed | None = None,
        words: Sequence[str] = (),
        past: Sequence[str] = (),
    ) -> None:
        """Ask. `changed` hears every key; `words` complete what is typed; up and down walk through `past`."""
        self._past, self._place = (*past, value), len(past)
        self._done, self._left, self._changed = done, left, changed
        self.label.update(f" {label}")
        self.input.suggester = SuggestFromList(words, case_sensitive=False) if words else None
        with self.input.prevent(Input.Changed):
            self.input.value = value
        self.display = True
        self.input.focus()

    def complete_with(self, ask: Callable[[str], Awaitable[str | None]]) -> None:
        """Complete what is typed by asking somebody else."""
        self.input.suggester = _Asking(ask)

    def close(self) -> None:
        """Stop asking."""
        self.display = False
        self._done = self._changed = self._left = None

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the text over."""
        event.stop()
        if done := self._done:
            done(event.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell who listens to every key."""
        event.stop()
        if changed := self._changed:
            changed(event.value)

    def on_key(self, event: events.Key) -> None:
        """Escape leaves, tab completes, up and down bring what was typed before."""
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            if left := self._left:
                left()
        elif event.key == "tab":
            event.stop()
            event.prevent_default()
            self.input.action_end()
            self.input.action_cursor_right()
        elif event.key in ("up", "down"):
            event.stop()
            event.prevent_default()
            self._walk(-1 if event.key == "up" else 1)

    def _walk(self, step: int) -> None:
        """Show what was typed before, or after that."""
        if self._place == len(self._past) - 1:
            self._past = (*self._past[:-1], self.input.value)
        self._place = max(0, min(self._place + step, len(self._past) - 1))
        self.input.value = self._past[self._place]
        self.input.action_end()


class Question(Painted, can_focus=True):
    """A question on one row: y is yes, every other key is no."""

    DEFAULT_CSS: ClassVar[str] = "Question { height: 1; display: none; background: $panel; }"

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._same_as = ""
        self._answer: Callable[[bool], None] | None = None

    def ask(self, text: str, *, same_as: str, answer: Callable[[bool], None]) -> None:
        """Ask; `same_as` is the command that does the same."""
        self._text, self._same_as, self._answer = text, same_as, answer
        self.display = True
        self.focus()
        self.repaint()

    def line_at(self, y: int, width: int) -> Line:
        """The question, its keys, and the command where there is room."""
        text = f" {safe(self._text)} "
        keys = "  y = yes, any other key = no"
        same_as = f"  same as: {self._same_as}"
        fits = cell_len(text) + len(keys) + len(same_as) <= width
        return ((text, "warn"), (keys, "key"), (same_as if fits else "", "dim"))

    def on_key(self, event: events.Key) -> None:
        """Answer."""
        event.stop()
        event.prevent_default()
        if answer := self._answer:
            self._answer = None
            self.display = False
            answer(event.key == "y")
