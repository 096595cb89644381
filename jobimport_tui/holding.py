"""Ten seconds to undo: what was confirmed and cannot be taken back once it is sent is held for so long.

Requeue, discard and cancel are held: nothing is sent before the window closes. A pause is sent at once, because an
operator who pauses means now; taking it back resumes. What is held is lost with the console: nothing was sent.
"""

from collections.abc import Callable

import msgspec

UNDO_SECONDS = 10.0


class Held(msgspec.Struct, frozen=True):
    """Something confirmed. `send` does it when it is due; `undo`, where there is one, takes back what was done."""

    text: str
    due: float
    send: Callable[[], None] | None
    undo: Callable[[], None] | None = None


class Holding:
    """What may still be undone, oldest first. `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: list[Held] = []

    def hold(self, text: str, send: Callable[[], None]) -> None:
        """Send it in ten seconds, unless it is taken back."""
        self._held.append(Held(text, self._clock() + UNDO_SECONDS, send))

    def done(self, text: str, undo: Callable[[], None]) -> None:
        """It was done; offer for ten seconds to do the inverse."""
        self._held.append(Held(text, self._clock() + UNDO_SECONDS, None, undo))

    @property
    def waiting(self) -> list[Held]:
        """What was confirmed and is not yet sent."""
        return [held for held in self._held if held.send is not None]

    def notice(self) -> str:
        """What is held, for the status row; "" for nothing."""
        if not self._held:
            return ""
        held = self._held[-1]
        left = max(0, round(held.due - self._clock()))
        more = f" (and {len(self._held) - 1} more)" if len(self._held) > 1 else ""
        return f"{'not sent yet' if held.send else 'done'}, {left} s to undo (U): {held.text}{more}"

    def take_back(self) -> str:
        """Undo the newest; returns what was undone, "" for nothing."""
        if not self._held:
            return ""
        held = self._held.pop()
        if held.undo is not None:
            held.undo()
        return held.text

    def send_due(self) -> None:
        """Send what is due. Called each second."""
        now = self._clock()
        due = [held for held in self._held if held.due <= now]
        self._held = [held for held in self._held if held.due > now]
        for held in due:
            if held.send is not None:
                held.send()
