"""Textual's driver for Unix terminals, with an ear for the answers that tell how far the terminal is."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.message_pump import MessagePump

from jobimport_tui.display.keyboard import Bell, listen

MOST_PENDING = 2
"""Writes that may wait for the terminal. Textual's own queue holds 30 frames, then blocks the loop."""


KEY_SECONDS, LOOK_SECONDS = 0.5, 0.02
"""How long the next key waits at most for what the one before it does, and how soon an end of input is seen."""


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
            if isinstance(message, events.Key):
                self._let_settle()

    def _let_settle(self) -> None:
        """Let a key do all that it does before the next is handed over; runs in the input thread.

        A slow link brings keys in packets: the text typed after `/` would go to what had the focus before.
        """
        settled, end = threading.Event(), time.monotonic() + KEY_SECONDS
        done = asyncio.run_coroutine_threadsafe(_settled(self._app), self._loop)
        done.add_done_callback(lambda _: settled.set())
        while not settled.wait(LOOK_SECONDS) and not self._bell.is_set() and time.monotonic() < end:
            pass
        done.cancel()

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


async def _settled(app: App[Any]) -> None:
    """Wait until a key has gone its way: through what has the focus and all around it, to the screen that it opens."""
    target = app.focused or app.screen
    for pump in (app, *target.ancestors_with_self, app):
        await _passed(pump)
    screen = app.screen
    await screen._mounted_event.wait()  # pyright: ignore[reportPrivateUsage] (Textual has no other word for it)
    for pump in (screen, app):
        await _passed(pump)


async def _passed(pump: MessagePump) -> None:
    """Wait until everything is done that waits there now."""
    done = asyncio.Event()
    if pump.call_later(done.set):
        await done.wait()
