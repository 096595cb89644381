"""A source's file, key by key: enter changes one. What no source may be is refused, and the file left as it is."""

from collections.abc import Iterable
from functools import partial
from typing import get_args

from textual.widget import Widget

from jobimport_tui.display.text import safe, wrap
from jobimport_tui.gateway.looks import SourceFile
from jobimport_tui.screens.page import bindings
from jobimport_tui.screens.selecting import OverSection
from jobimport_tui.session import Session
from jobimport_tui.widgets.grid import Column, Grid
from jobimport_tui.widgets.heading import Heading
from workers.model.source import Priority, SourceKind
from workers.source_edits import NEVER

Key = tuple[str, str, bool]

WORDS = {
    "kind": get_args(SourceKind),
    "priority": get_args(Priority),
    "enabled": ("true", "false"),
    "schedule": (NEVER,),
}
"""What may be typed, where that is one of a few words."""

MEANINGS = {
    "url": "where the feed is",
    "format": '"auto", or a dialect',
    "kind": "snapshot, window or query",
    "schedule": f"five cron fields, or {NEVER}",
    "priority": "normal or high",
    "enabled": "whether the schedule imports it",
    "min_interval": "never read more often, such as 1h",
    "rate": "at most so many requests: 10/m",
    "max_bytes": "largest body, such as 20MB",
    "company": "where the feed names none",
    "attribution": "who is named beside its listings",
    "terms_url": "the feed's terms",
    "timezone": "of schedule, and of dates without one",
    "date_order": "dmy, mdy or ymd, where it is unclear",
    "remote": "remote, hybrid or onsite, for all",
    "location_split": "what stands between two places",
    "url_template": "a URL with {id}, if the feed has none",
    "item": "path of a listing in the feed",
}


def key_columns() -> list[Column[Key]]:
    """Key, value, meaning."""
    return [
        Column("KEY", 14, lambda k: k[0]),
        Column("VALUE", 24, lambda k: (safe(k[1]) or "-", "dim" if k[2] else ""), flex=1),
        Column("MEANING", 37, lambda k: (MEANINGS.get(k[0], ""), "dim")),
    ]


class EditPage(OverSection):
    """A list over the section; escape goes back."""

    place = "edit"
    BINDINGS = bindings("edit")

    def __init__(self, session: Session, *, section: str, name: str) -> None:
        super().__init__(session, section=section)
        self.source = name
        self.keys_of_it = Grid[Key](key_columns(), lambda k: k[0], empty="reading its file ...")
        self.heading = Heading()
        self._file, self._problem = "", ""

    def body(self) -> Iterable[Widget]:
        """Whose file, and its keys."""
        yield from (self.heading, self.keys_of_it)

    def on_mount(self) -> None:
        """Read the file."""
        super().on_mount()
        self.do_refresh("")

    def do_refresh(self, _: str) -> None:
        """Read the file again."""
        self.call(lambda: self.session.gateway.source_file(self.source), self._read, self._refused, group="file")

    def _read(self, found: SourceFile) -> None:
        self._file, self._problem = found.file, ""
        self.keys_of_it.show(found.keys)
        self.paint()

    def _refused(self, why: str) -> None:
        self._problem = self.keys_of_it.empty = why
        self.paint()

    def draw(self) -> None:
        """Show whose file it is."""
        self.heading.show(f"{self.source}   {safe(self._file)}", self._problem)

    def do_open(self, _: str) -> None:
        """Change the selected key."""
        if (row := self.keys_of_it.selected) is not None:
            self._ask(row[0], "" if row[2] else row[1])

    def do_set(self, argument: str) -> None:
        """Change a key: `:set KEY VALUE`, or the selected one."""
        key, _, value = argument.strip().partition(" ")
        if not key:
            self.do_open("")
        elif value:
            self._confirm(key, value.strip())
        else:
            self._ask(key, next((row[1] for row in self.keys_of_it.all_rows if row[0] == key and not row[2]), ""))

    def _ask(self, key: str, value: str) -> None:
        if refusal := self._refusal():
            self.say(refusal, "warn")
            return
        self.type(
            f"{key} (nothing: the default): ",
            value,
            done=partial(self._typed, key),
            left=lambda: self.plan.show([]),
            words=WORDS.get(key, ()),
        )

    def _refusal(self) -> str:
        return "this console is read-only" if self.session.read_only else self.session.refusal()

    def _typed(self, key: str, text: str) -> None:
        self.plan.show([])
        before = next((row for row in self.keys_of_it.all_rows if row[0] == key), None)
        if before is not None and text.strip() == ("" if before[2] else before[1]):
            self.say("left as it was")
        else:
            self._confirm(key, text.strip())

    def _confirm(self, key: str, value: str) -> None:
        """Refused first, asked then: what cannot be is not worth a question."""
        if refusal := self._refusal():
            self.say(refusal, "warn")
            return
        gateway = self.session.gateway

        def ask(_: object) -> None:
            what = f"{key} = {safe(value)!r}" if value else f"{key} taken out"
            same_as = f"jobimport sources edit {self.source}"
            self.ask(f"{self.source}: {what}?", same_as=same_as, then=lambda: self._set(key, value))

        def refused(why: str) -> None:
            self.plan.show(wrap(safe(why), max(20, self.size.width - 4)))
            self._ask(key, value)

        self.call(lambda: gateway.check_key(self.source, key, value), ask, refused, group="file")

    def _set(self, key: str, value: str) -> None:
        def told(text: str) -> None:
            self.say(text, "ok")
            self.do_refresh("")

        self.call(lambda: self.session.gateway.set_key(self.source, key, value), told, group="set")

    def is_bad(self, row: Key) -> bool:
        """No key is bad; those that are not as everybody's are worth a look."""
        return not row[2]

    def equivalent(self) -> str:
        """The command that edits the same."""
        return f"jobimport sources edit {self.source}"

    def selected_source(self) -> str:
        """Whose file it is."""
        return self.source
