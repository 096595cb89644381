"""The console's frame: one mode a section, the theme, the clock, and the one place where snapshots arrive.

Imports neither a driver nor a parser: the gateway is started after the first paint and loads them in a thread.
"""

import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from jobimport_tui import registry
from jobimport_tui.display.capabilities import Capabilities
from jobimport_tui.display.clipboard import osc52
from jobimport_tui.display.terminal import Terminal
from jobimport_tui.display.themes import EXTRA, THEMES
from jobimport_tui.display.wired import WiredApp
from jobimport_tui.plans import Plan
from jobimport_tui.screens.page import Page
from jobimport_tui.screens.queues import QueuesSection
from jobimport_tui.sending import Send, send_all
from jobimport_tui.session import Session
from jobimport_tui.state import Snapshot, WatchLine

if TYPE_CHECKING:
    from jobimport_tui.screens.listings import ListingsSection

TICK_SECONDS = 1.0
CHROME_TICKS, UNHURRIED_TICKS = 2, 5
"""Where all is quiet the chrome is looked at at every second tick, the rest at every fifth."""

RESTART_SECONDS = 2.0


class Fresh(Message):
    """A new snapshot. One that waits is replaced by the next: a slow terminal sees fewer, never older ones."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Replace an older one that nobody has looked at."""
        return isinstance(message, Fresh)


class ConsoleApp(WiredApp):
    """The console. Returns an exit code."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "Job Importer"
    BINDINGS: ClassVar = [Binding("ctrl+c", "exit", priority=True), Binding("ctrl+q", "exit", priority=True)]

    def __init__(
        self,
        session: Session,
        *,
        section: str = "queues",
        filter: str = "",
        terminal: Terminal | None = None,
        can: Capabilities | None = None,
    ) -> None:
        self.can = can or Capabilities()
        super().__init__(ansi_color=self.can.own_colours)
        self.session = session
        self.is_diffed, self.erases = self.can.diff, self.can.erases
        self._shown_at = self._ages_of = float("-inf")
        self._ticks, self._owes_a_frame = 0, False
        self.first_section, self.first_filter = section, filter
        self.terminal = terminal
        self._asked_to_leave = False
        self.animation_level = "none"
        for theme in THEMES.values():
            self.register_theme(theme)
        self.wear(session.preferences.theme)
        for name, _ in registry.SECTIONS:
            self.add_mode(name, partial(self._screen, name))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours of ours that no other theme names."""
        return EXTRA

    def wear(self, name: str) -> None:
        """Put a theme on; a terminal of few colours keeps to its own, whatever its user likes elsewhere."""
        worn = "terminal" if self.can.own_colours else name or "dark"
        self.ansi_color = worn == "terminal"
        self.theme = THEMES[worn].name

    def show_new(self, watch: WatchLine) -> None:
        """Go to Listings, to what is new in a watch."""
        self.switch_mode("listings")
        self.call_after_refresh(lambda: cast("ListingsSection", self.screen).show_new(watch))

    def _screen(self, name: str) -> Screen[None]:
        """Make the screen of a section when it is first opened."""
        text = self.first_filter if name == self.first_section else ""
        if name == "queues":
            return QueuesSection(self.session)
        return _section(name, self.session, text)

    def on_mount(self) -> None:
        """Paint first; then connect."""
        self.set_keymap(registry.keymap())
        self.switch_mode(self.first_section)
        self.set_interval(TICK_SECONDS, self._tick)

    def first_frame_sent(self) -> None:
        """Connect when there is something to be seen: what a gateway loads would hold the first frame up."""
        self.call_after_refresh(self._connect)

    def _connect(self) -> None:
        self.run_worker(
            partial(self.session.gateway.run, self._publish), name="gateway", group="gateway", exit_on_error=False
        )

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A gateway that failed is our mistake, not a server's: say so, and start it again."""
        if event.worker.group == "gateway" and event.state == WorkerState.ERROR:
            error = event.worker.error
            self.session.say(f"the gateway failed ({type(error).__name__}: {error}); it is started again", "bad")
            self.set_timer(RESTART_SECONDS, self._connect)
            self.paint()

    def _publish(self, snapshot: Snapshot) -> None:
        self.post_message(Fresh(snapshot))

    def on_fresh(self, event: Fresh) -> None:
        """Show a new snapshot."""
        before = self.session.snapshot
        self.session.receive(event.snapshot)
        self._owes_a_frame |= self.session.is_ageing or self.session.snapshot.says_more_than(before)
        self._show()

    def _tick(self) -> None:
        """Let ages grow and notices end; and leave when the terminal is gone."""
        if self.terminal is not None and self.terminal.exit_code is not None:
            self.exit(self.terminal.exit_code)
            return
        if not self.screen_stack:
            return  # it is being left: its screens are gone before its timers
        self.session.holding.send_due()
        self._asked_to_leave &= bool(self.session.holding.waiting)
        self.session.say_what_is_held()
        self.session.rtt = self.rtt
        self._ticks += 1
        is_hurried = bool(self.session.is_ageing or self.session.notice or self.session.player)
        if isinstance(self.screen, Page) and (is_hurried or self._ticks % CHROME_TICKS == 0):
            self.screen.paint_chrome()
        is_old = abs(self.session.clock() - self._ages_of) >= TICK_SECONDS / 2  # what just came has the ages of now
        self._owes_a_frame |= (self.session.is_ageing and is_old) or self._ticks % UNHURRIED_TICKS == 0
        self._show()

    def _show(self) -> None:
        """Paint what nobody pressed a key for: on a far terminal less often, so that keys find their way free."""
        now = time.monotonic()
        if self._owes_a_frame and now - self._shown_at >= self.pace:
            self._shown_at, self._ages_of, self._owes_a_frame = now, self.session.clock(), False
            self.paint()

    def show_soon(self) -> None:
        """Paint what has changed by itself, at the pace that the terminal takes."""
        self._owes_a_frame = True
        self._show()

    def paint(self) -> None:
        """Bring the screens of the open mode up to date, from below to above."""
        for screen in self.screen_stack:
            if isinstance(screen, Page):
                screen.paint()

    def copy_to_clipboard(self, text: str) -> None:
        """Have the terminal take a text, through tmux and screen; one that is too long for it is refused in words."""
        sequence = osc52(text, self.can.wrap)
        if sequence is None:
            self.session.say(f"{len(text):,} characters are more than a terminal takes: e writes a file", "warn")
        elif self._driver is not None:
            self._driver.write(sequence)

    def carry_out(self, plan: Plan, send: Send) -> None:
        """Do a plan's things one by one, beside the loop and whatever page is open."""
        work = partial(send_all, self.session, plan, send, self.paint)
        self.run_worker(work, name=plan.verb, group="act", exit_on_error=False)

    def action_exit(self) -> None:
        """Leave; where something is held and not yet sent, only when asked again."""
        waiting = self.session.holding.waiting
        if waiting and not self._asked_to_leave:
            self._asked_to_leave = True
            self.session.say(f"again leaves without it, U undoes it: {waiting[-1].text}", "warn")
            self.paint()
            return
        self.exit(0)


def _section(name: str, session: Session, text: str) -> Screen[None]:
    """The other five sections: loaded when they are opened."""
    if name == "runs":
        from jobimport_tui.screens.runs import RunsSection

        return RunsSection(session, text)
    if name == "failed":
        from jobimport_tui.screens.failed import FailedSection

        return FailedSection(session)
    if name == "listings":
        from jobimport_tui.screens.listings import ListingsSection

        return ListingsSection(session, text)
    if name == "workers":
        from jobimport_tui.screens.workers import WorkersSection

        return WorkersSection(session)
    from jobimport_tui.screens.sources import SourcesSection

    return SourcesSection(session)
