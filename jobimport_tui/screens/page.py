"""What every screen is: three rows of chrome, keys from the registry, a prompt, and a painter.

A key or a `:` verb becomes `do_<name>(argument)`: here for what every screen can do, in a subclass for its own.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget

from jobimport_tui import registry
from jobimport_tui.gateway.protocol import Refused
from jobimport_tui.screens.travelling import Travelling
from jobimport_tui.session import Session
from jobimport_tui.widgets.chrome import Banner, Keys, Status, Tabs
from jobimport_tui.widgets.grid import Grid
from jobimport_tui.widgets.lines import Lines
from jobimport_tui.widgets.plan import PlanPanel
from jobimport_tui.widgets.prompt import Prompt, Question

if TYPE_CHECKING:
    from jobimport_tui.app import ConsoleApp

TYPED_KEPT = 50


def bindings(place: str) -> list[Any]:
    """Textual's bindings of a screen, out of the registry."""
    return [
        Binding(
            registry.textual_keys(action),
            f"do('{action.name}', '{action.preset}')",
            action.help,
            show=False,
            id=f"{action.name}{action.preset}",
        )
        for action in registry.of_place(place, read_only=False)
        if action.keys
    ]


class Page(Travelling, Screen[None]):
    """Base of sections and details. `place` is its name in the registry."""

    place: ClassVar[str] = ""
    DEFAULT_CSS = "Page { background: $background; color: $foreground; overflow: hidden; }"
    AUTO_FOCUS: ClassVar[str | None] = "Grid, Lines"

    def __init__(self, session: Session, *, section: str) -> None:
        super().__init__()
        self.session, self.section = session, section
        self.prompt, self.question, self.plan = Prompt(), Question(), PlanPanel()
        self.status, self.banner, self.tabs = Status(session), Banner(session), Tabs(session, section)
        self.keys = Keys(session, self.place)
        self._before: Widget | None = None
        self._has_mongodb = session.links[1].is_up

    @property
    def console_app(self) -> "ConsoleApp":
        """The app, by its own type."""
        return cast("ConsoleApp", self.app)

    def body(self) -> Iterable[Widget]:
        """What stands between tabs and key hints."""
        raise NotImplementedError

    def draw(self) -> None:
        """Show the session's snapshot."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Chrome around the body."""
        yield from (self.status, self.banner, self.tabs)
        yield from self.body()
        yield self.plan
        yield self.keys
        yield self.prompt
        yield self.question

    def paint(self) -> None:
        """Bring every line up to date; only those that changed are sent."""
        if not self.is_mounted:
            return
        self.paint_chrome()
        had, self._has_mongodb = self._has_mongodb, self.session.links[1].is_up
        if self._has_mongodb and not had:
            self.mongodb_came()
        self.draw()

    def mongodb_came(self) -> None:
        """MongoDB answers, for the first time or again: what could not be read is read now."""

    def paint_chrome(self) -> None:
        """Bring status, banner and tabs up to date."""
        self.status.repaint()
        self.banner.draw()
        self.tabs.repaint()

    def on_mount(self) -> None:
        """Show what is known."""
        self.paint()

    def on_screen_resume(self) -> None:
        """Show what has changed meanwhile."""
        self.paint()

    # --- keys and verbs

    def action_do(self, name: str, argument: str = "") -> None:
        """Do an action of the registry."""
        action = next((a for a in registry.of_place(self.place, read_only=False) if a.name == name), None)
        if action is None:
            return
        if action.changes and self.session.read_only:
            self.say("refused: this console is read-only", "warn")
            return
        method: Callable[[str], None] = getattr(self, f"do_{name}")
        method(argument)

    def say(self, text: str, tone: str = "") -> None:
        """Put a notice into the status row."""
        self.session.say(text, tone)
        self.paint_chrome()

    def do_section(self, name: str) -> None:
        """Go to a section."""
        self.app.switch_mode(name)

    def do_help(self, _: str) -> None:
        """Show the help of this screen."""
        from jobimport_tui.screens.help import HelpPage

        self.app.push_screen(HelpPage(self.session, section=self.section, of=self.place))

    def do_refresh(self, _: str) -> None:
        """Read everything again."""
        self.session.gateway.refresh()
        self.say("reading everything again")

    def do_faster(self, _: str) -> None:
        """Look at the servers twice as often."""
        self.say(f"looking every {self.session.gateway.pace(0.5):g} s")

    def do_slower(self, _: str) -> None:
        """Look at the servers half as often."""
        self.say(f"looking every {self.session.gateway.pace(2.0):g} s")

    def do_repaint(self, _: str) -> None:
        """Paint every cell again."""
        self.console_app.repaint()

    def do_theme(self, argument: str) -> None:
        """Other colours; they are kept for the next console."""
        if argument == "dark" or argument == "light" or argument == "terminal":
            self.session.preferences.theme = argument
            self.console_app.wear(argument)
            self.console_app.repaint()
        else:
            self.say(f"theme {argument!r}: expected dark, light or terminal", "warn")

    def do_back(self, _: str) -> None:
        """Leave a detail."""
        self.app.pop_screen()

    def do_leave(self, _: str) -> None:
        """Leave a detail; at a section, the console."""
        self.do_back("")

    def do_suspend(self, _: str) -> None:
        """Back to the shell, until `fg`."""
        self.app.action_suspend_process()

    def do_quit(self, _: str) -> None:
        """Leave the console; what is held and not yet sent is said first."""
        self.console_app.action_exit()

    def do_run(self, argument: str) -> None:
        """Open a run by its number."""
        number = argument.strip().lstrip("#")
        if not (number.isascii() and number.isdigit()):
            self.say(f"run {argument!r}: expected a number, as in `:run 12`", "warn")
            return
        self.open_run(int(number))

    def open_run(self, run_id: int) -> None:
        """Show one run."""
        from jobimport_tui.screens.run import RunPage

        self.app.push_screen(RunPage(self.session, section=self.section, run_id=run_id))

    # --- the bottom row

    def do_command(self, _: str) -> None:
        """Type a verb."""
        words = [*registry.verbs(self.place, read_only=self.session.read_only), *self._completions()]
        self.type(":", "", done=self._command, words=words, history="command")

    def _completions(self) -> Iterable[str]:
        """Verbs with what they can be said of."""
        known = self.session.snapshot
        names = [row.name for row in known.sources.rows]
        values = {
            "SOURCE": names,
            "NAME": names,
            "LANE|SOURCE": [*(lane.lane for lane in known.queues.lanes), *names],
            "RUN": [str(flight.run.id) for flight in known.runs.flights],
            "NUMBER": [str(run.id) for run in known.runs.recent[:20]],
            "new|changed|closed": ["new", "changed", "closed"],
            "THEME": ["dark", "light", "terminal"],
            "ID": [worker.id for worker in known.workers.rows] if self.place == "workers" else [],
        }
        for action in registry.of_place(self.place, read_only=self.session.read_only):
            for value in values.get(action.argument, []):
                yield f"{action.verb} {value}"

    def do_palette(self, _: str) -> None:
        """Choose among everything that can be done here."""
        from jobimport_tui.screens.palette import Palette

        def chosen(action: registry.Action | None) -> None:
            if action is not None:
                self.action_do(action.name, action.preset)

        self.app.push_screen(Palette(self.session, place=self.place), chosen)

    def _command(self, text: str) -> None:
        verb, _, argument = text.strip().partition(" ")
        if not verb:
            return
        meant = registry.by_verb(verb, self.place, read_only=self.session.read_only)
        if len(meant) == 1:
            self.action_do(meant[0].name, meant[0].preset or argument.strip())
        elif meant:
            verbs = [f":{action.verb}" for action in meant]
            self.say(f":{verb} may be {', '.join(verbs[:-1])} or {verbs[-1]}: a letter more", "warn")
        else:
            self.say(f"no command {verb!r} here: ? lists them", "warn")

    def type(
        self,
        label: str,
        value: str,
        *,
        done: Callable[[str], None],
        left: Callable[[], None] | None = None,
        changed: Callable[[str], None] | None = None,
        words: Iterable[str] = (),
        history: str = "",
    ) -> None:
        """Ask for text in the bottom row; `history` names what was typed before, which up brings back."""
        past = self.session.typed.setdefault(history, []) if history else []

        def finish(text: str) -> None:
            self._answered()
            if history and text.strip():
                past[:] = [*(one for one in past if one != text), text][-TYPED_KEPT:]
            done(text)

        def leave() -> None:
            self._answered()
            if left is not None:
                left()

        self._asking()
        self.prompt.open(label, value, done=finish, left=leave, changed=changed, words=tuple(words), past=past)

    def ask(self, text: str, *, same_as: str, then: Callable[[], None]) -> None:
        """Ask a question in the bottom row; `then` is called for y."""

        def answer(is_yes: bool) -> None:
            self._answered()
            if is_yes:
                then()
            else:
                self.say("left as it was")

        self._asking()
        self.question.ask(text, same_as=same_as, answer=answer)

    def _asking(self) -> None:
        if isinstance(self.focused, (Grid, Lines)):
            self._before = self.focused
        self.keys.display = False

    def _answered(self) -> None:
        self.prompt.close()
        self.question.display = False
        self.keys.display = True
        if self._before is not None:
            self._before.focus()

    def pick(self, what: str, first: str, then: Callable[[str], None], *, extra: str = "") -> None:
        """Choose a source from a list, which may begin with one more entry; the cursor starts on `first`."""
        from jobimport_tui.screens.picker import SourcePicker

        def chosen(name: str | None) -> None:
            if name:
                then(name)

        self.app.push_screen(SourcePicker(self.session, what=what, first=first, extra=extra), chosen)

    def call(
        self,
        ask: Callable[[], Any],
        then: Callable[[Any], None],
        refused: Callable[[str], None] | None = None,
        *,
        group: str = "act",
    ) -> None:
        """Ask the gateway something beside the loop; a refusal becomes a notice, unless `refused` shows it."""

        async def asking() -> None:
            try:
                answer = await ask()
            except Refused as refusal:
                if refused is None:
                    self.say(str(refusal), "warn")
                else:
                    refused(str(refusal))
            else:
                then(answer)

        self.run_worker(asking, name=f"{self.place} {group}", group=group, exclusive=True, exit_on_error=False)
