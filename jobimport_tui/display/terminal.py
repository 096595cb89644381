"""Losing the terminal ends the process, and so does SIGTERM: the terminal is given back as it was.

With SIGHUP ignored (nohup, some supervisors) Textual reads the dead terminal in a circle at 105 % CPU; and a writer
that blocks on it would keep a polite exit from ever happening.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any

POLL_SECONDS = 2.0
GRACE_SECONDS = 5.0


class Terminal:
    """Watches standard input, and signals, for as long as the block lasts.

    `exit_code` tells the console, which leaves in good order; one that has not left 5 s later is ended.
    """

    def __init__(self, signals: Iterable[signal.Signals] = (signal.SIGHUP,)) -> None:
        self.exit_code: int | None = None
        self._signals = tuple(signals)
        self._before: dict[signal.Signals, Any] = {}
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="terminal", daemon=True)

    def __enter__(self) -> "Terminal":
        """Begin to watch, if there is a terminal at all."""
        if sys.__stdin__ is not None and sys.__stdin__.isatty():
            if threading.current_thread() is threading.main_thread():
                self._before = {number: signal.signal(number, self._caught) for number in self._signals}
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._left.set()
        for number, before in self._before.items():
            signal.signal(number, before)

    def _caught(self, number: int, _: object) -> None:
        self.exit_code = 128 + number

    def _watch(self) -> None:
        while not self._left.wait(POLL_SECONDS):
            if not os.isatty(0):
                self.exit_code = 128 + signal.SIGHUP
            if self.exit_code is not None:
                if not self._left.wait(GRACE_SECONDS):
                    os._exit(self.exit_code)
                return
