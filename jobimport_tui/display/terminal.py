"""Losing the terminal ends the process.

With SIGHUP ignored (nohup, some supervisors) Textual reads the dead terminal in a circle at 105 % CPU; and a writer
that blocks on it would keep a polite exit from ever happening.
"""

import os
import signal
import sys
import threading
from types import TracebackType
from typing import Any

POLL_SECONDS = 2.0
GRACE_SECONDS = 5.0
EXIT_CODE = 129  # 128 + SIGHUP


class Terminal:
    """Watches standard input from a thread, for as long as the block lasts.

    `is_lost` tells the console, which leaves in good order; a console that has not left 5 s later is ended.
    """

    def __init__(self) -> None:
        self._lost = threading.Event()
        self._left = threading.Event()
        self._before: Any = None
        self._thread = threading.Thread(target=self._watch, name="terminal", daemon=True)

    def __enter__(self) -> "Terminal":
        """Begin to watch, if there is a terminal at all."""
        if sys.__stdin__ is not None and sys.__stdin__.isatty():
            if threading.current_thread() is threading.main_thread():
                self._before = signal.signal(signal.SIGHUP, lambda *_: self._lost.set())
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._left.set()
        if self._before is not None:
            signal.signal(signal.SIGHUP, self._before)

    def is_lost(self) -> bool:
        """Whether the terminal is gone."""
        return self._lost.is_set()

    def _watch(self) -> None:
        while not self._left.wait(POLL_SECONDS):
            if not os.isatty(0):
                self._lost.set()
            if self._lost.is_set():
                if not self._left.wait(GRACE_SECONDS):
                    os._exit(EXIT_CODE)
                return
