"""Section 4: search the listings by a query, in its order."""

import shlex
from collections.abc import Iterable
from typing import Any

from textual.widget import Widget

from jobimport_tui import registry
from jobimport_tui.display.format import counted, day
from jobimport_tui.display.text import safe
from jobimport_tui.gateway.protocol import LISTINGS_PAGE, ListingQuery, ListingRow, Reached, Refused
from jobimport_tui.screens.page import bindings
from jobimport_tui.screens.paged import PagedSection
from jobimport_tui.session import Session
from jobimport_tui.state import WatchLine
from jobimport_tui.widgets.grid import Column, Grid
from jobimport_tui.widgets.heading import Heading
from jobimport_tui.widgets.painted import Span

EMPTY = "no listings yet: i imports a source"
NONE_FOUND = "no listing holds all of that: / changes the query, escape clears it"


def listing_columns(session: Session) -> list[Column[ListingRow]]:
    """What a list tells of a listing."""

    def state(row: ListingRow) -> Span:
        mark = session.glyphs.mark(row.status)
        return str(mark), mark.tone

    def posted(row: ListingRow) -> Span:
        return (day(row.posted_at) if row.posted_at_known else f"~{day(row.posted_at)}"), ""

    return [
        Column("TITLE", 20, lambda r: safe(r.title), flex=3),
        Column("COMPANY", 14, lambda r: safe(r.company), flex=2),
        Column("PLACE", 12, lambda r: safe(r.place), flex=1),
        Column("POSTED", 11, posted, "right"),
        Column("SOURCE", 12, lambda r: (safe(r.source), "dim"), flex=1, needs=100),
        Column("STATE", 8, state),
    ]


class ListingsSection(PagedSection[ListingRow]):
    """Listings; the filter is the query (see workers.query)."""

    place = "listings"
    page_size = LISTINGS_PAGE
    BINDINGS = bindings("listings")

    def __init__(self, session: Session, filter: str = "") -> None:
        super().__init__(session, section="listings", filter=filter)
        self.found = Grid[ListingRow](listing_columns(session), lambda r: r.id, empty=EMPTY)
        self.heading = Heading()
        self._count = self._looked = ""
        self._rows_of: str | None = None  # the query whose page the grid holds whole

    @property
    def grid(self) -> Grid[ListingRow]:
        """What was found."""
        return self.found

    def body(self) -> Iterable[Widget]:
        """The query and what it finds."""
        yield from (self.heading, self.found)

    async def read(self, before: ListingRow | None) -> list[ListingRow]:
        """Search one page, a stretch at a time; the count comes when it comes."""
        rows: list[ListingRow] = []
        after: ListingRow | Reached | None = before
        self._looked = ""
        while True:
            query = ListingQuery(text=self.text, after=after, limit=self.page_size - len(rows))
            found = await self.session.gateway.listings(query)
            rows += found.rows
            after = found.reached
            if after is None:
                break
            self.problem, self._looked = "", f"{len(rows)} so far, looked back to {day(after.posted_at)} ..."
            if before is None and self._rows_of != self.text:
                self.loaded(rows)
            self.console_app.show_soon()
        self._looked = ""
        if before is None:
            self._rows_of = self.text
            self._ask_count()
        return rows

    def _ask_count(self) -> None:
        self._count = ""

        async def counting() -> None:
            try:
                self._count = await self.session.gateway.count_listings(ListingQuery(text=self.text))
            except Refused:
                self._count = "?"  # the page itself says what is wrong
            self.paint()

        self.run_worker(counting, name="listings count", group="count", exclusive=True, exit_on_error=False)

    def key_of(self, row: ListingRow) -> Any:
        """The row itself: what it is ordered by is the query's matter."""
        return row

    def draw(self) -> None:
        """Show the query, its count, and the page."""
        is_stale = bool(self.problem) or not self.session.links[1].is_up
        none = NONE_FOUND if self.text else EMPTY
        self.found.empty = "searching ..." if self._looked else self.nothing("searching ...", none)
        self.found.show(self.found.all_rows, is_stale=is_stale and bool(self.found.all_rows))
        count = f" of {self._count}" if self._count else ""
        watches = len(self.session.snapshot.watches)
        known = counted(watches, "watch", "watches") if watches else "no watches"
        hint = f"/ searches, f picks a source, w: {known}"
        query = f'   "{self.text}"' if self.text else f"   {hint}"
        which = (not self.problem and self._looked) or f"{self.place_in_history()}{count}"
        self.heading.show(f"LISTINGS {which}{query}", self.problem.removeprefix("query, "))

    def equivalent(self) -> str:
        """The command that finds these listings."""
        return f"jobimport jobs search -- {shlex.quote(self.text)}" if self.text else "jobimport jobs search"

    def export_to(self, name: str) -> None:
        """Write the marked rows, else every listing that the query finds, page by page."""
        if self.grid.marked_rows():
            super().export_to(name)
            return
        query = ListingQuery(text=self.text)

        async def writing() -> None:
            self.say(f"writing {name.strip()} ...")
            try:
                count = await self.session.gateway.export(query, name.strip())
            except Refused as refusal:
                self.say(str(refusal), "warn")
            else:
                self.say(f"{count:,} listings are in {name.strip()}", "ok")

        self.run_worker(writing, name="listings export", group="export", exit_on_error=False)

    async def complete(self, text: str) -> str | None:
        """A word from the dictionary for what is being typed; none while MongoDB is away."""
        try:
            return await self.session.gateway.complete(text)
        except Refused:
            return None

    def do_filter(self, argument: str) -> None:
        """Type a query; words are completed from the dictionary."""
        super().do_filter(argument)
        if not argument:
            self.prompt.complete_with(self.complete)

    def do_watches(self, argument: str) -> None:
        """Show what is new in a watch."""
        from jobimport_tui.screens.watching import pick_watch

        pick_watch(self, argument, self.show_new)

    def show_new(self, watch: WatchLine) -> None:
        """Ask for what is new since the last look; looking at it here ends its being new."""
        self.filter_by(watch.asks)
        if not self.session.read_only:
            self.call(lambda: self.session.gateway.looked(watch.name), lambda _: None, group="watch")

    def do_watch(self, argument: str) -> None:
        """Save the search that is in force."""
        if not self.text:
            self.say("nothing to watch: / searches first", "warn")
        elif argument:
            query = self.text
            self.call(lambda: self.session.gateway.watch(argument, query), self._told, group="watch")
        else:
            self.type("save this search as: ", "", done=self._watch_named)

    def _watch_named(self, name: str) -> None:
        if name.strip():
            self.do_watch(name.strip())

    def do_unwatch(self, argument: str) -> None:
        """Forget a watch."""
        from jobimport_tui.screens.watching import pick_watch

        pick_watch(self, argument, self._unwatch)

    def _unwatch(self, watch: WatchLine) -> None:
        same_as = registry.command_line(registry.by_name("unwatch"), watch=watch.name)
        self.ask(
            f"Forget watch {watch.name}?",
            same_as=same_as,
            then=lambda: self.call(lambda: self.session.gateway.unwatch(watch.name), self._told, group="watch"),
        )

    def _told(self, text: str) -> None:
        self.say(text, "ok")

    def do_open(self, _: str) -> None:
        """Show every field of the selected listing."""
        from jobimport_tui.screens.listing import ListingPage

        if row := self.found.selected:
            self.app.push_screen(ListingPage(self.session, section="listings", listing_id=row.id))

    def selected_source(self) -> str:
        """The source of the selected listing."""
        return self.found.selected.source if self.found.selected else ""
