"""An app whose frames go over a wire: cell differences, held back while the terminal is busy.

Off (`is_diffed` False), under another driver than ours and headless, it paints as Textual does.
"""

import time
from typing import Any

from rich.console import COLOR_SYSTEMS
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen

from jobimport_tui.display.driver import ConsoleDriver
from jobimport_tui.display.wire import Wire

HELD_SECONDS = 0.05
"""How often it is looked whether the terminal takes more."""

MASKED_SECONDS = 0.01
"""How long a change of sections is masked. Textual's 50 ms, for which every key waits that opens one, save no bytes
where cells are compared: at 50, 20, 10 and 2 ms a start and each section take the same (bench.console)."""


class WiredApp(App[int]):
    """Base of the console."""

    is_diffed = True
    erases = False

    def __init__(self, *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self.wire: Wire | None = None
        self._is_held = False
        self._has_sent = False

    def delay_update(self, delay: float = MASKED_SECONDS) -> None:
        """Mask the change from one section to another."""
        super().delay_update(delay)

    def _fatal_error(self) -> None:
        """End without Textual's traceback: it shows locals, which may hold passwords. `fault` is for who opened us."""
        self._close_messages_no_wait()

    @property
    def fault(self) -> Exception | None:
        """What ended the console, a mistake of ours."""
        return self._exception

    def first_frame_sent(self) -> None:
        """The first frame is on its way: what costs time may begin."""

    def get_driver_class(self) -> type[Driver]:
        """Ours in place of the one for Unix; any other (a browser's) as it is."""
        chosen = super().get_driver_class()
        return ConsoleDriver if chosen is LinuxDriver else chosen

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Send a frame."""
        is_shown = self._running and not self._batch_count
        self._send(screen, renderable)
        if is_shown and not self._has_sent:
            self._has_sent = True
            self.first_frame_sent()

    def _send(self, screen: Screen[Any], renderable: Any) -> None:
        wire = self._wire_now()
        if wire is None or not isinstance(renderable, CompositorUpdate) or self._batch_count or not self._running:
            super()._display(screen, renderable)  # pyright: ignore[reportArgumentType] (an update is no renderable)
            return
        wire.may_sync = self._sync_available
        cursor = self.screen.outer_size.clamp_offset(self.cursor_position)
        if wire.take(renderable, self.size, cursor):
            self._hold_back()
            self.post_display_hook()
        else:
            super()._display(screen, renderable)  # pyright: ignore[reportArgumentType]

    def _wire_now(self) -> Wire | None:
        driver = self._driver
        if self.wire is None and self.is_diffed and isinstance(driver, ConsoleDriver) and not driver.is_inline:
            colours = COLOR_SYSTEMS.get(self.console.color_system or "")
            self.wire = Wire(driver.write, lambda: driver.is_blocked, colours, erases=self.erases)
            driver.on_answer, driver.on_continue = self._answered, self.repaint
            self.app_resume_signal.subscribe(self, lambda _: self._resumed(), immediate=True)
        return self.wire

    def _answered(self, at: float) -> None:
        if self.wire is not None:
            self.wire.link.answered(at)
            self._send_held()

    def _send_held(self) -> None:
        self._is_held = False
        if self.wire is not None and self._running:
            self.wire.flush()
            self._hold_back()

    def _hold_back(self) -> None:
        """Look again soon where a frame is held back."""
        if not self._is_held and self.wire is not None and self.wire.cells.is_behind:
            self._is_held = True
            self.set_timer(HELD_SECONDS, self._send_held)

    def _resumed(self) -> None:
        """The process was suspended, and may be on another terminal now."""
        if self.wire is not None:
            self.wire.link.restart()
        self.repaint()

    def repaint(self) -> None:
        """Send every cell again: something else has written on the terminal."""
        if self.wire is not None:
            self.wire.forget()
        self.refresh(repaint=True, layout=True)
        self.screen.refresh(repaint=True, layout=True)

    @property
    def pace(self) -> float:
        """Least seconds between two frames that nobody pressed a key for."""
        return self.wire.link.pace if self.wire is not None else 0.0

    @property
    def rtt(self) -> float | None:
        """Seconds to the terminal and back; None where it was not measured in the last two minutes."""
        link = self.wire.link if self.wire is not None else None
        if link is None or link.measured_at is None or time.monotonic() - link.measured_at > 120:
            return None
        return link.rtt
