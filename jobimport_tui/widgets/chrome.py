"""The three rows around every screen: status, tabs, key hints; and the banner that trouble adds."""

from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.message import Message

from jobimport_tui import registry
from jobimport_tui.display.format import age, clock, counted, span
from jobimport_tui.display.text import cut, safe
from jobimport_tui.session import Session
from jobimport_tui.state import Link
from jobimport_tui.widgets.painted import Line, Painted, Span

NEAR_SECONDS, FAR_SECONDS = 0.005, 0.5
"""Round trips to the terminal: from the first on shown, from the second on a warning."""


class Clicked(Message):
    """An action was chosen with the mouse."""

    def __init__(self, action: str, preset: str = "") -> None:
        self.action, self.preset = action, preset
        super().__init__()


class Status(Painted):
    """Environment, servers, age of what is shown, clock, read-only; or a notice in the middle."""

    DEFAULT_CSS: ClassVar[str] = "Status { height: 1; background: $panel; }"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._rtt: float | None = None

    def line_at(self, y: int, width: int) -> Line:
        """The row."""
        session = self.session
        right = self._right()
        room = width - sum(cell_len(text) for text, _ in right)
        left: list[Span] = [(" JOBIMPORT", "title")]
        if notice := session.current_notice():
            left.append((f"  {safe(notice.text)}", notice.tone or "key"))
        else:
            left.append((f" {safe(session.environment)}" if session.environment else "", ""))
            for link in session.links:
                left += self._link(link)
        used = 0
        shown: list[Span] = []
        for text, tone in left:
            piece = cut(text, room - used)
            shown.append((piece, tone))
            used += cell_len(piece)
        return (*shown, (" " * (room - used), ""), *right)

    def _link(self, link: Link) -> list[Span]:
        marks = self.session.glyphs
        if link.state == "up":
            mark = marks.mark("succeeded")
            return [(f"  {link.service} ", ""), (f"{mark.glyph} ok", mark.tone)]
        if link.state == "connecting":
            return [(f"  {link.service} ", ""), ("connecting", "dim")]
        down = age(self.session.clock() - link.since) if link.since is not None else ""
        return [(f"  {link.service} ", ""), (f"{marks.mark('failed').glyph} DOWN {down}", "bad")]

    def _far(self) -> Span:
        """How far the terminal is, where that is felt. It moves by a quarter at least: a changing cell costs bytes."""
        rtt = self.session.rtt
        if rtt is None or rtt < NEAR_SECONDS:
            self._rtt = None
            return "", ""
        if self._rtt is None or not 0.75 <= rtt / self._rtt <= 1.33:
            self._rtt = rtt
        return f"rtt {span(self._rtt)}  ", "warn" if self._rtt >= FAR_SECONDS else "dim"

    def _right(self) -> list[Span]:
        session = self.session
        if session.player is not None:
            word = "PLAYING" if session.player.is_playing else "HELD"
            state: Span = (f"{word} {clock(session.clock())}", "warn")
        elif session.frozen_at is not None:
            state = (f"FROZEN {clock(session.frozen_at)}", "warn")
        else:
            ages = [session.age(part.at) for part in (session.snapshot.queues, session.snapshot.runs)]
            known = [value for value in ages if value is not None]
            oldest = max(known, default=None)
            if oldest is None:
                state = ("no data yet", "dim")
            elif oldest > 5:
                state = (f"{age(oldest)} old", "warn")
            else:
                state = ("live", "ok")
        role = "read-only" if session.read_only else "RW"
        return [(" ", ""), self._far(), state, (f"  {clock(session.clock())[:5]}Z  {role} ", "")]


class Banner(Painted):
    """A line for each server that is away, one where nobody works, one where clocks or versions differ; else none."""

    DEFAULT_CSS: ClassVar[str] = "Banner { height: 0; }"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    @property
    def lines(self) -> int:
        """How many lines the trouble takes."""
        return len(self._trouble())

    def draw(self) -> None:
        """Take as many lines as there is trouble."""
        lines = self.lines
        if self.styles.height is None or self.styles.height.value != lines:
            self.styles.height = lines
        self.repaint()

    def line_at(self, y: int, width: int) -> Line:
        """One line of it."""
        trouble = self._trouble()
        return trouble[y] if y < len(trouble) else ()

    def _trouble(self) -> list[Line]:
        """The worst first."""
        session = self.session
        lines: list[Line] = [((self._away(link), ""), ("", "alarm")) for link in session.down]
        if waiting := session.unattended:
            wait = counted(waiting, "message waits", "messages wait")
            text = f" ! no worker is running, {wait}: start `jobimport worker`"
            lines.append(((text, ""), ("", "alarm")))
        if skew := session.skew:
            way = "ahead of" if skew > 0 else "behind"
            lines.append(
                ((f" ! this machine's clock is {age(abs(skew))} {way} redis's: ages are wrong by it", "warn"),)
            )
        if others := session.strangers:
            lines.append(((f" ! workers run version {safe(', '.join(others))}, which is not this console's", "warn"),))
        return lines

    def _away(self, link: Link) -> str:
        """What is unreachable, since when, why, and when it is tried again."""
        now = self.session.clock()
        since = f" since {clock(link.since)}Z ({age(now - link.since)})" if link.since is not None else ""
        wait = max(0.0, link.retry_at - now) if link.retry_at is not None else 0.0
        again = f"next try in {age(wait)}" if wait >= 0.5 else "trying now"
        return f" ! {link.service} unreachable{since}: {safe(link.reason)}; {again}; {safe(link.address)}"


HELP = "? help "


class Tabs(Painted):
    """The sections, by number; the one that is open stands in brackets."""

    DEFAULT_CSS: ClassVar[str] = "Tabs { height: 1; }"

    def __init__(self, session: Session, section: str) -> None:
        super().__init__()
        self.session, self.section = session, section

    def line_at(self, y: int, width: int) -> Line:
        """The row; on a narrow screen the others are numbers, so that the open one can be seen."""
        spans = self._labels(is_short=False)
        used = sum(cell_len(text) for text, _ in spans)
        if used + len(HELP) > width:
            spans = self._labels(is_short=True)
            used = sum(cell_len(text) for text, _ in spans)
        return (*spans, (HELP.rjust(max(0, width - used)), "dim"))

    def _labels(self, *, is_short: bool) -> list[Span]:
        """Beside Failed stand the dead letters, beside Listings what is new in the operator's watches."""
        spans: list[Span] = []
        dead, new = self.session.snapshot.queues.dead, self.session.snapshot.new_listings
        told = {"failed": f" {dead:,}" if dead else "", "listings": f" +{new:,}" if new else ""}
        for number, (name, title) in enumerate(registry.SECTIONS, 1):
            is_bare = is_short and name != self.section
            label = f"{number}{'' if is_bare else f' {title}'}{told.get(name, '')}"
            if name == self.section:
                spans.append((f"[{label}]", "title"))
            else:
                spans.append((f" {label} ", "bad" if name == "failed" and dead else ""))
        return spans

    def on_click(self, event: events.Click) -> None:
        """Go to a section, or to the help."""
        place = self.span_at(event.x, event.y)
        is_section = place < len(registry.SECTIONS)
        self.post_message(Clicked("section", registry.SECTIONS[place][0]) if is_section else Clicked("help"))


ALWAYS = ("command", "leave")
"""Actions whose hints stand in every footer, however narrow: the way to every other action, and the way out."""


class Hint(NamedTuple):
    """An action, and the word that stands beside its key."""

    action: registry.Action
    word: str

    @property
    def key(self) -> str:
        """Its first key, as people write it."""
        return registry.shown_key(self.action.keys[0])

    @property
    def cells(self) -> int:
        """Key, a blank, word, two blanks."""
        return cell_len(self.key) + cell_len(self.word) + 3


class Keys(Painted):
    """What can be pressed here: the hints of the registry, as many as fit."""

    DEFAULT_CSS: ClassVar[str] = "Keys { height: 1; background: $panel; }"

    def __init__(self, session: Session, place: str) -> None:
        super().__init__()
        actions = [a for a in registry.of_place(place, read_only=session.read_only) if a.hint and a.keys]
        is_detail = place in registry.DETAILS
        hints = [Hint(a, "back" if a.name == "leave" and is_detail else a.hint) for a in actions]
        self.hints = [hint for hint in hints if hint.action.name not in ALWAYS]
        self.always = [hint for hint in hints if hint.action.name in ALWAYS]
        self.withheld: frozenset[str] = frozenset()

    def withhold(self, *names: str) -> None:
        """Leave out the hints of actions that cannot be done to what is shown."""
        self.withheld = frozenset(names)
        self.repaint()

    def line_at(self, y: int, width: int) -> Line:
        """Key and word, key and word; what does not fit is in the help."""
        return (
            (" ", ""),
            *(span for hint in self._shown(width) for span in ((hint.key, "key"), (f" {hint.word}  ", ""))),
        )

    def on_click(self, event: events.Click) -> None:
        """Do what a hint tells of."""
        shown = self._shown(self.size.width)
        place = (self.span_at(event.x, event.y) - 1) // 2
        if 0 <= place < len(shown):
            self.post_message(Clicked(shown[place].action.name, shown[place].action.preset))

    def _shown(self, width: int) -> list[Hint]:
        left = width - 1 - sum(hint.cells for hint in self.always)
        shown: list[Hint] = []
        for hint in self.hints:
            if hint.action.name in self.withheld:
                continue
            left -= hint.cells
            if left < 0:
                break
            shown.append(hint)
        return [*shown, *self.always]
