"""Textual's driver for Unix terminals, with an ear for the answers that tell how far the terminal is."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from jobimport_tui.display.keyboard import Bell, listen

MOST_PENDING = 2
"""Writes that may wait for the terminal. Textual's own queue holds 30 frames, then blocks the loop."""


class ConsoleDriver(LinuxDriver):
    """`on_answer` hears, in the loop, when a cursor position arrived; `on_continue` that the process was stopped."""

    on_answer: Callable[[float], None] | None = None
    on_continue: Callable[[], None] | None = None

    def __init__(self, *args: Any, **facts: Any) -> None:
        super().__init__(*args, **facts)
        self._bell = Bell()
        self.exit_event = self._bell

    def run_input_thread(self) -> None:
        """Wait for input; runs in the input thread."""
        listen(self.fileno, self._bell, self.process_message, debug=self._debug)

    def process_message(self, message: Message) -> None:
        """Keep the answers to our questions; runs in the input thread."""
        if isinstance(message, events.CursorPosition):
            self._in_loop(self.on_answer, time.monotonic())
        else:
            super().process_message(message)

    @property
    def is_blocked(self) -> bool:
        """Whether the terminal does not take what was written."""
        pending = self._writer_thread._queue if self._writer_thread else None  # pyright: ignore[reportPrivateUsage]
        return pending is not None and pending.qsize() > MOST_PENDING

    def _sigcont_application(self, *_: Any) -> None:
        """Go on. After a SIGSTOP that nobody announced, Textual would start a second reader beside the first."""
        if self._must_signal_resume:
            super()._sigcont_application()
        else:
            self._in_loop(self.on_continue)

    def _in_loop(self, call: Callable[..., None] | None, *facts: float) -> None:
        loop: asyncio.AbstractEventLoop = self._loop
        if call is not None and not loop.is_closed():
            loop.call_soon_threadsafe(call, *facts)
