"""A section whose rows come from MongoDB, a page at a time, by key.

The cursor that leaves a page at its end brings the next one; at its beginning, the one before. No page is ever
added to another: what a widget holds stays bounded.
"""

import re
from typing import Any, ClassVar, Generic, TypeVar

from jobimport_tui.gateway.protocol import PAGE, Refused
from jobimport_tui.screens.selecting import Selecting
from jobimport_tui.session import Session
from jobimport_tui.widgets.grid import Grid

R = TypeVar("R")
NOT_READ = "/ changes what is asked for, r asks again"
_FIELD = re.compile(r"\b(source|state|status):(\S*)")


def parse(text: str) -> tuple[str, dict[str, str]]:
    """Words, and the fields `source:`, `state:` and `status:` of a filter."""
    fields = {name: value for name, value in _FIELD.findall(text) if value}
    return " ".join(_FIELD.sub(" ", text).split()), fields


def with_field(text: str, name: str, value: str) -> str:
    """A filter with one field replaced; "" takes it out."""
    words = [word for word in text.split() if not word.startswith(f"{name}:")]
    return " ".join([f"{name}:{value}", *words] if value else words)


class PagedSection(Selecting, Generic[R]):
    """Subclasses say how a page is read (`read`) and what the next one starts after (`key_of`)."""

    ALL: ClassVar[str] = "every source"
    page_size: ClassVar[int] = PAGE

    def __init__(self, session: Session, *, section: str, filter: str = "") -> None:
        super().__init__(session, section=section)
        self.text = filter
        self.starts: list[Any] = [None]  # what each page up to this one starts after
        self.loaded_at: float | None = None
        self.problem = ""
        self._is_loading, self._asked = False, 0

    async def read(self, before: Any) -> list[R]:
        """Read the page after a key."""
        raise NotImplementedError

    def key_of(self, row: R) -> Any:
        """What a page after this row starts after."""
        raise NotImplementedError

    def on_screen_resume(self) -> None:
        """Read the first page anew when the section is opened; a later page stays as it was."""
        super().on_screen_resume()
        if len(self.starts) == 1:
            self.load(self.starts)

    def mongodb_came(self) -> None:
        """Read the page that could not be read."""
        if self.problem or self._is_loading or self.loaded_at is None:
            self.load(self.starts)

    def load(self, starts: list[Any], *, from_end: bool = False) -> None:
        """Read the page that the last of `starts` begins, beside the loop."""
        self._asked += 1
        number = self._asked

        async def loading() -> None:
            self._is_loading = True
            try:
                rows = await self.read(starts[-1])
            except Refused as refusal:
                self.problem = str(refusal)
                self.paint()
                return
            finally:
                if number == self._asked:  # one that is cancelled may end after the next has begun
                    self._is_loading = False
            if not rows and len(starts) > 1:
                self.paint()
                return  # the last page was full to the brim
            has_turned = starts != self.starts
            self.starts, self.problem, self.loaded_at = starts, "", self.session.clock()
            self.loaded(rows)
            if has_turned:
                self.grid.go_to(len(rows) if from_end else 0)
            self.paint()

        self.run_worker(loading, name=f"{self.place} page", group="page", exclusive=True, exit_on_error=False)

    def loaded(self, rows: list[R]) -> None:
        """A page has come."""
        self.grid.show(rows)

    def on_grid_edge(self, event: Grid.Edge) -> None:
        """Turn the page."""
        event.stop()
        rows = self.grid.all_rows
        if self._is_loading:
            return
        if event.forward and len(rows) >= self.page_size:
            self.load([*self.starts, self.key_of(rows[-1])])
        elif not event.forward and len(self.starts) > 1:
            self.load(self.starts[:-1], from_end=True)

    def do_refresh(self, _: str) -> None:
        """Read the page again."""
        super().do_refresh("")
        self.load(self.starts)

    def do_top(self, _: str) -> None:
        """First row of the first page."""
        super().do_top("")
        if len(self.starts) > 1:
            self.load([None])

    def filter_text(self) -> str:
        """The query in force."""
        return self.text

    def filter_by(self, words: str) -> None:
        """Ask with another query."""
        self.remember(filter=words.strip())
        if words.strip() != self.text:
            self.text, self.starts = words.strip(), [None]
            self.grid.go_to(0)
            self.load(self.starts)
            self.paint()

    def filter_typed(self, words: str) -> None:
        """A query is asked when it is complete: enter."""

    def do_pick_source(self, argument: str) -> None:
        """Only one source: the one that is named, else one that is picked."""

        def picked(name: str) -> None:
            self.filter_by(with_field(self.text, "source", "" if name == self.ALL else name))

        if argument:
            picked(argument)
        else:
            _, fields = parse(self.text)
            self.pick("show", fields.get("source", ""), picked, extra=self.ALL)

    def nothing(self, reading: str, none: str) -> str:
        """What stands where no row does; the heading says why a page could not be read."""
        if self.problem:
            return f"nothing to show: {NOT_READ}"
        return reading if self.loaded_at is None else none

    def place_in_history(self) -> str:
        """Which rows these are."""
        first = (len(self.starts) - 1) * self.page_size + 1
        count = len(self.grid.all_rows)
        more = "+" if count >= self.page_size else ""
        return f"{first:,}-{first + count - 1:,}{more}" if count else "0"
