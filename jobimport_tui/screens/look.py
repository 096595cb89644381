"""A look at a feed: what it was recognised as, its first listings, what is missing; and a source made of it.

The same page for an address that may become a source, and for a source whose feed is read again.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import get_args

import msgspec

from jobimport_tui.display.text import fit, safe
from jobimport_tui.gateway.looks import Draft, FieldLine, Look
from jobimport_tui.plans import Plan
from jobimport_tui.screens.detail import BLANK, Detail, heading, paragraph
from jobimport_tui.screens.page import bindings
from jobimport_tui.session import Session
from jobimport_tui.widgets.painted import Line, Span
from workers.model.source import SourceKind
from workers.source_edits import NEVER
from workers.sources import is_name

KINDS = "a snapshot holds every open listing: what is missing is gone; in a window or a query it says nothing"

Asked = tuple[str, str, Callable[[str], str]]
"""A key of the draft, what is asked, and what is wrong with an answer, "" for nothing."""


class LookPage(Detail):
    """Detail of a feed. `name` is a source that there is, "" for an address that is none yet."""

    place = "look"
    BINDINGS = bindings("look")

    def __init__(self, session: Session, *, section: str, url: str = "", name: str = "", asks: bool = False) -> None:
        super().__init__(session, section=section)
        self.url, self.source, self.asks = url, name, asks
        self.found: Look | None = None
        self.draft: Draft | None = None
        self._problem, self._written = "", ""

    def on_mount(self) -> None:
        """Look."""
        super().on_mount()
        self._look()

    def do_refresh(self, _: str) -> None:
        """Look again."""
        self._look()

    def _look(self) -> None:
        gateway = self.session.gateway
        self.found, self._problem = None, ""
        ask = (lambda: gateway.test_source(self.source)) if self.source else (lambda: gateway.look(self.url))
        self.call(ask, self._read, self._refused, group="look")
        self.draw()

    def _read(self, found: Look) -> None:
        self.found = found
        self.draft = found.draft if self.draft is None or found.draft is None else self.draft
        self.draw()
        if self.asks and self.draft is not None:
            self.asks = False
            self.do_write("")

    def _refused(self, why: str) -> None:
        self._problem = why
        self.draw()

    def draw(self) -> None:
        """Show what was found; W only where something could be written."""
        self.keys.withhold(*([] if self.draft is not None and not self._written else ["write"]))
        super().draw()

    # --- the page

    def called(self) -> str:
        """The address, or the source."""
        return self.source or self.url

    def data(self) -> object:
        """What was found."""
        return self.found

    def equivalent(self) -> str:
        """The command that looks at the same."""
        return f"jobimport sources test {self.source}" if self.source else f"jobimport preview '{self.url}'"

    def selected_source(self) -> str:
        """The source, where it is one."""
        return self.source

    def lines_for(self, width: int) -> list[Line]:
        """The page."""
        what: Line = ((f" {safe(self.source or self.url)}", "title"),)
        if self.found is None:
            told = self._problem or "reading the feed ... (escape leaves it)"
            return [what, BLANK, *paragraph(safe(told), width, tone="warn" if self._problem else "dim")]
        found = self.found
        lines = [what, *paragraph(safe(found.headline), width)]
        for text in found.wrong:
            lines += paragraph(f"! {safe(text)}", width, tone="warn")
        if found.missing:
            lines += paragraph(f"! no listing has {', '.join(found.missing)}", width, tone="warn")
        return [*lines, *self._file(width), BLANK, *_listings(found, width), BLANK, *_fields(found, width)]

    def _file(self, width: int) -> list[Line]:
        """What would be written, or was."""
        if self._written:
            return paragraph(safe(self._written), width, tone="ok")
        draft = self.draft
        if draft is None:
            return []
        ways = "read-only: W is not here" if self.session.read_only else "W asks, then writes it"
        facts = [(key, getattr(draft, key)) for key in ("name", "kind", "schedule", "format", "company")]
        told = "   ".join(f"{key} {safe(value)}" for key, value in facts if value)
        return [((" AS A SOURCE", "title"), (f"   {ways}", "dim")), *paragraph(told, width)]

    # --- the source

    def do_write(self, _: str) -> None:
        """Ask what the file shall say, then write it."""
        if self._written:
            self.say(self._written)
        elif self.draft is None:
            self.say("there is nothing to make a source of", "warn")
        elif refusal := self.session.refusal():
            self.say(refusal, "warn")
        else:
            self._ask_from(0)

    def _questions(self) -> list[Asked]:
        asked: list[Asked] = [
            ("name", "name, a-z 0-9 and -: ", self._wrong_name),
            ("kind", f"kind ({', '.join(get_args(SourceKind))}): ", _wrong_kind),
            ("schedule", f'schedule, five cron fields or "{NEVER}": ', _wrong_schedule),
        ]
        if self.draft is not None and self.draft.is_nameless:
            asked.append(("company", "company, which the feed does not name: ", lambda _: ""))
        return asked

    def _ask_from(self, number: int, again: str | None = None) -> None:
        questions = self._questions()
        if self.draft is None:
            return
        if number >= len(questions):
            self.plan.show([])
            self._confirm()
            return
        key, question, _ = questions[number]
        words = get_args(SourceKind) if key == "kind" else ()
        self.plan.show([KINDS] if key == "kind" else [])
        value = getattr(self.draft, key) if again is None else again
        self.type(question, value, done=partial(self._answer, number), left=self._leave, words=words)

    def _answer(self, number: int, text: str) -> None:
        key, _, wrong = self._questions()[number]
        answer = text.strip()
        if told := wrong(answer):
            self.say(told, "warn")
            self._ask_from(number, answer)
            return
        if self.draft is not None:
            self.draft = msgspec.structs.replace(self.draft, **{key: answer})
        self.draw()
        self._ask_from(number + 1)

    def _leave(self) -> None:
        self.plan.show([])
        self.say("nothing written: W asks again")

    def _confirm(self) -> None:
        draft = self.draft
        if draft is None:
            return
        command = f"jobimport sources add '{draft.url}' --name {draft.name} --kind {draft.kind} --yes"
        plan = Plan(verb="write", noun="source", keys=(draft.name,), command=command)

        async def write(_: str) -> str:
            self._written = await self.session.gateway.create_source(draft)
            return self._written

        self.propose(plan, write)

    def _wrong_name(self, text: str) -> str:
        if not is_name(text):
            return f"{text!r}: expected 1 to 64 characters a-z, 0-9 and -"
        taken = {row.name for row in self.session.snapshot.sources.rows}
        return f"there is a source {text} already" if text in taken else ""


def _wrong_kind(text: str) -> str:
    kinds = get_args(SourceKind)
    return "" if text in kinds else f"{text!r}: expected one of {', '.join(kinds)}"


def _wrong_schedule(text: str) -> str:
    from workers.schedule import SCHEDULE_EXPECTED, is_schedule  # loads croniter

    is_good = text == NEVER or (text and is_schedule(text))
    return "" if is_good else f"{text!r}: expected {SCHEDULE_EXPECTED.rpartition(',')[0]}, or {NEVER}"


def _listings(found: Look, width: int) -> list[Line]:
    """The first listings, in as many columns as there is room for."""
    if not found.rows:
        return []
    shown = _columns(found.titles, width)
    lines: list[Line] = [((" " + " ".join(fit(title, cells) for title, cells in shown), "head"),)]
    for row in found.rows:
        cells = dict(zip(found.titles, row, strict=False))
        lines.append(((" " + " ".join(fit(safe(cells[title]), room) for title, room in shown), ""),))
    if found.listings > len(found.rows):
        lines.append(((f" ... and {found.listings - len(found.rows):,} more", "dim"),))
    return lines


def _columns(titles: Sequence[str], width: int) -> list[tuple[str, int]]:
    """Titles and widths; the title of the listing takes what is left."""
    rooms = {"POSTED": 10, "TITLE": 0, "COMPANY": 16, "PLACES": 18, "KIND": 11, "PAY": 16}
    needs = {"KIND": 110, "PAY": 96}
    shown = [title for title in titles if needs.get(title, 0) <= width]
    rest = width - 2 - sum(rooms.get(title, 12) + 1 for title in shown)
    return [(title, max(16, rest) if title == "TITLE" else rooms.get(title, 12)) for title in shown]


def _fields(found: Look, width: int) -> list[Line]:
    """A line a field."""
    if not found.fields:
        return []
    run = f"RUN {found.compared_with}" if found.compared_with else ""
    lines: list[Line] = [heading("FIELDS"), ((f" {'FIELD':<20} {'FILLED':>7} {'READ':>6} {run:>9}", "head"),)]
    return [*lines, *(_field(each, width) for each in found.fields)]


def _field(each: FieldLine, width: int) -> Line:
    then = f"{each.then:.0%}" if each.then is not None else ""
    tone = "warn" if each.is_odd else "" if each.filled else "dim"
    figures: Span = (f" {each.name:<20} {each.filled:>7.0%} {each.read:>6.0%} {then:>9}", tone)
    return (figures, (fit(f"  {safe(each.remark)}", max(0, width - 48)), "dim"))
