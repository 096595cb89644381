"""How far away the terminal is, measured, and how much may be on the way to it.

After a frame the terminal is asked where its cursor is (DSR 6, four bytes); it answers when it has painted the frame.
So the answer tells the round trip, and that everything before it has arrived. While more than a budget is on the way
frames are held back: with a cell diff the newest frame is all that a slow terminal needs.

Inside tmux it is tmux that answers: what lies behind it is tmux's affair, and it drops frames by itself.
"""

from collections import deque
from collections.abc import Callable

QUESTION = "\x1b[6n"
EVERY_SECONDS = 2.0
"""A terminal that is written to is asked at most so often, unless much is on the way."""

EVERY_BYTES = 1024
BUDGET = 3072
"""Bytes that may be on the way: 0.15 s of a link of 20 KB/s."""

PATIENCE = 3.0
"""Seconds for an answer; a terminal that never gave one is not waited for."""

SHARE = 8.0
"""A frame may take an eighth of the time: a round trip of 250 ms makes it one in 2 s."""

SLOWEST = 10.0


class Link:
    """The way to one terminal. `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._asked: deque[tuple[float, int]] = deque()
        self._sent = self._arrived = 0
        self._last_asked = float("-inf")
        self._tries = 0
        self.rtt: float | None = None
        self.measured_at: float | None = None

    def sending(self, text: str) -> str:
        """A frame that is about to be sent, with a question at its end where one is due."""
        self._sent += len(text)
        now = self._clock()
        self._give_up(now)
        unasked = self._sent - (self._asked[-1][1] if self._asked else self._arrived)
        is_due = not self._asked and now - self._last_asked >= EVERY_SECONDS
        if not self._answers or not (is_due or unasked >= EVERY_BYTES):
            return text
        self._asked.append((now, self._sent))
        self._last_asked = now
        self._tries += 1
        return text + QUESTION

    def answered(self, at: float) -> None:
        """The terminal has answered, at a moment of the clock."""
        if not self._asked:
            return
        asked_at, self._arrived = self._asked.popleft()
        rtt = max(0.0, at - asked_at)
        # The worst of late counts: it is what makes a key wait.
        self.rtt = rtt if self.rtt is None else max(rtt, self.rtt * 0.6 + rtt * 0.4)
        self.measured_at = at
        self._tries = 0

    @property
    def is_full(self) -> bool:
        """Whether the next frame has to wait."""
        self._give_up(self._clock())
        return bool(self._asked) and self.rtt is not None and self._sent - self._arrived > BUDGET

    @property
    def pace(self) -> float:
        """Least seconds between two frames that nobody asked for."""
        return 0.0 if self.rtt is None else min(SLOWEST, self.rtt * SHARE)

    def restart(self) -> None:
        """Another terminal may be there now (after a suspension): ask anew."""
        self._asked.clear()
        self._arrived = self._sent
        self._tries = 0

    @property
    def _answers(self) -> bool:
        return self._tries < 3

    def _give_up(self, now: float) -> None:
        """What was not answered in time never will be; what it was asked about is taken to have arrived."""
        while self._asked and now - self._asked[0][0] > PATIENCE:
            self._arrived = self._asked.popleft()[1]
