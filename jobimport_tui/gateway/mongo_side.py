"""What MongoDB tells: runs, listings, rejects, and what is remembered of the sources."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, cast, get_args

import anyio.to_thread
import msgspec

from jobimport_tui.compare import WINDOW
from jobimport_tui.fingerprint import Group, normalised
from jobimport_tui.gateway.protocol import (
    PAGE,
    Act,
    BatchSums,
    ListingQuery,
    ListingRow,
    ListingsFound,
    Reached,
    Refused,
    RejectLine,
    RunDetail,
    RunQuery,
)
from jobimport_tui.gateway.source_files import Past
from jobimport_tui.sheets import format_of, opened
from jobimport_tui.state import WatchLine
from workers.model import ACTIVE_STATES, BatchTotals, Run, RunState, Stats
from workers.model.daily import Day
from workers.query import last_word, parse
from workers.store import (
    audit,
    batches,
    connect,
    copies,
    daily,
    history,
    jobs,
    migrations,
    pauses,
    rejects,
    runs,
    search,
    source_state,
    terms,
    watches,
)
from workers.store.batches import RunTotals
from workers.store.connect import Database
from workers.store.daily import Totals
from workers.store.documents import utc_now
from workers.store.search import JobRow

BAD_STATES: tuple[RunState, ...] = ("failed", "partial", "degraded")
READ_STATES: tuple[RunState, ...] = ("succeeded", "partial", "degraded")
WHOLE_STATES: tuple[RunState, ...] = ("succeeded", "partial")
GOOD_STATES: tuple[RunState, ...] = ("succeeded", "unchanged", "cancelled")
RUNS_OF_SOURCE = 60
RECENT = 100
REJECTS_SHOWN = 100
ACTS_SHOWN = 20
RUNS_WITH_REJECTS = 50
DAYS = 28


class MongoSide:
    """One database. Every method raises what the driver raises."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._strips: dict[str, tuple[int, str, tuple[str, ...]]] = {}
        self._read: dict[str, tuple[tuple[int, str], Run | None]] = {}

    async def of_an_older_version(self) -> str:
        """What is to be migrated, "" where nothing is."""
        return await migrations.sentence(self.db)

    async def active(self) -> list[Run]:
        """The active runs."""
        return await runs.active(self.db)

    async def glance(self) -> tuple[object, float]:
        """What is another thing as soon as a run begins, or the newest moves; and the round trip in ms."""
        began = perf_counter()
        with connect.prompt():
            newest = await history.newest(self.db)
        return newest, (perf_counter() - began) * 1000

    async def with_totals(self, active: Iterable[Run]) -> list[Run]:
        """The same, with the totals of their batches: a run's row has them only at its end."""
        rows = list(active)
        totals = await batches.totals_many(self.db, [run.id for run in rows])
        return [_filled(run, totals[run.id]) for run in rows]

    async def recent(self) -> list[Run]:
        """The newest runs."""
        return await history.recent(self.db, limit=RECENT)

    async def past(self) -> Past:
        """What is remembered of every source."""
        states = await source_state.all(self.db)
        last = await history.last_of_sources(self.db)
        await self._follow_strips(last)
        return Past(
            last=last,
            strips={name: states for name, (_, _, states) in self._strips.items()},
            failures={name: state.consecutive_failures for name, state in states.items()},
            health={name: state.health for name, state in states.items() if state.health},
            paused=frozenset(what[7:] for what in await pauses.all(self.db) if what.startswith("source:")),
        )

    async def _follow_strips(self, last: Mapping[str, Run]) -> None:
        """Read again the last states of those sources whose last run is another, or stands elsewhere."""
        for name, run in last.items():
            known = self._strips.get(name)
            if known is None or known[:2] != (run.id, run.state):
                states = tuple(reversed(await history.last_states(self.db, name, WINDOW)))
                self._strips[name] = (run.id, run.state, states)

    async def runs(self, query: RunQuery) -> list[Run]:
        """A page of history."""
        return await history.recent(
            self.db, limit=PAGE, before=query.before, source=query.source, state=_states(query.state)
        )

    async def run_detail(self, run_id: int) -> RunDetail:
        """One run, from four collections."""
        run = await runs.get(self.db, run_id)
        if run is None:
            raise Refused(f"there is no run {run_id}")
        totals = await batches.totals(self.db, run_id)
        rows = await rejects.of_run(self.db, run_id, REJECTS_SHOWN)
        count = await rejects.count(self.db, run_id) if len(rows) == REJECTS_SHOWN else len(rows)
        return RunDetail(
            run=_filled(run, totals) if run.active else run,
            batches=BatchSums(**{name: getattr(totals, name) for name in BatchSums.__struct_fields__}),
            rejects=tuple(
                RejectLine(**{name: getattr(row, name) for name in RejectLine.__struct_fields__}) for row in rows
            ),
            rejects_in_all=count,
            acts=tuple(
                Act(at=act.at, user=act.user, text=act.text)
                for act in await audit.newest(self.db, run=run_id, limit=ACTS_SHOWN)
            ),
            earlier=await self._before(run),
        )

    async def _before(self, run: Run) -> tuple[Run, ...]:
        """The whole runs of a source before one: what it is compared with."""
        before = (run.queued_at, run.id)
        found = await history.recent(self.db, limit=WINDOW, before=before, source=run.source, state=WHOLE_STATES)
        return tuple(found)

    async def runs_of(self, source: str) -> list[Run]:
        """The newest ended runs of a source."""
        return await history.recent(self.db, limit=RUNS_OF_SOURCE, source=source, state=(*BAD_STATES, *GOOD_STATES))

    async def days(self, source: str, until: datetime) -> tuple[Day, ...]:
        """The last weeks, oldest first: of one source, or all of them added up."""
        since = until - timedelta(days=DAYS - 1)
        if source:
            return tuple(await daily.of_source(self.db, source, since, until))
        names = [name for name in Day.__struct_fields__ if name in Totals.__struct_fields__ and name != "day"]
        return tuple(
            Day(id="", day=row.day, **{name: getattr(row, name) for name in names})
            for row in await daily.by_day(self.db, since, until)
            if row.day is not None
        )

    async def rejected(self, last: Mapping[str, Run]) -> tuple[Group, ...]:
        """The rejects of the last run of each source that has read its feed, by reason and field; the newest first."""
        found: list[Group] = []
        read = [await self._last_read(run) for run in last.values()]
        newest = sorted((run for run in read if run is not None and run.stats.failed), key=lambda run: -run.id)
        for run in newest[:RUNS_WITH_REJECTS]:
            at = (run.finished_at or run.queued_at).timestamp()
            found += [
                Group(
                    what="rejected",
                    kind=normalised(each.reason),
                    source=run.source,
                    message=", ".join(_of_rejects(each)),
                    count=each.count,
                    first=at,
                    last=at,
                    run=run.id,
                )
                for each in await rejects.by_reason(self.db, run.id)
            ]
        return tuple(found)

    async def _last_read(self, last: Run) -> Run | None:
        """What a feed held when it was last read stands while it is unchanged, and while it is being read again."""
        if last.state in READ_STATES:
            return last
        known = self._read.get(last.source)
        if known is None or known[0] != (last.id, last.state):
            runs = await history.recent(self.db, limit=1, source=last.source, state=READ_STATES)
            known = self._read[last.source] = (last.id, last.state), next(iter(runs), None)
        return known[1]

    async def listings(self, query: ListingQuery) -> ListingsFound:
        """A page of a search, or one stretch of it."""
        asked, last = parse(query.text), query.after
        pay, turn = (None, last.turn) if isinstance(last, Reached) else (last and last.pay, 0)
        after = None if last is None else search.key_of(asked, last.posted_at, pay, last.id)
        found = await search.look(self.db, asked, limit=query.limit, after=after, turn=turn)
        reached = Reached(*found.reached, found.turn) if found.reached else None
        return ListingsFound([_listing(row) for row in found.rows], reached)

    async def complete(self, text: str) -> str | None:
        """The most frequent word that begins like the last one."""
        typed = last_word(text)
        if typed is None:
            return None
        found = await terms.completions(self.db, typed.word, typed.tags)
        return text[: typed.column] + found[0] if found else None

    async def count_listings(self, query: ListingQuery) -> str:
        """How many a search finds, up to a bound."""
        count = await search.count(self.db, parse(query.text))
        return f"{count:,}" if count < search.COUNT_CAP else f"{search.COUNT_CAP - 1:,}+"

    async def export(self, query: ListingQuery, path: str) -> int:
        """Write what a query finds, page by page; the file is written beside the loop."""
        written = 0
        with opened(path, format_of(path), is_new=True) as sheet:
            async for page in search.export(self.db, parse(query.text)):
                await anyio.to_thread.run_sync(sheet.write, page)
                written += len(page)
        return written

    async def watches(self, user: str) -> tuple[WatchLine, ...]:
        """A user's saved searches, each with what is new in it."""
        lines: list[WatchLine] = []
        for watch in await watches.of_user(self.db, user):
            new = await watches.count_new(self.db, watch)
            lines.append(
                WatchLine(
                    name=watch.name,
                    query=watch.query,
                    asks=watch.new_text,
                    looked_at=watch.looked_at.timestamp(),
                    new=new if new is None else min(new, watches.COUNTED),
                    more=new is not None and new > watches.COUNTED,
                )
            )
        return tuple(lines)

    async def watch(self, user: str, name: str, text: str) -> str:
        """Save a search."""
        watch = await watches.add(self.db, user, name, text)
        return f"watch {watch.name}: new is what comes from now on; w shows it"

    async def looked(self, user: str, name: str) -> None:
        """Note a look."""
        await watches.looked(self.db, user, name, utc_now())

    async def unwatch(self, user: str, name: str) -> str:
        """Forget a saved search."""
        await watches.remove(self.db, user, name)
        return f"watch {name} is forgotten"

    async def listing(self, listing_id: str) -> dict[str, Any]:
        """One listing."""
        stored = await jobs.get(self.db, listing_id)
        if stored is None:
            raise Refused(f"there is no listing {listing_id}")
        group = await copies.others(self.db, stored)
        if stored.get("quality") is not None:
            from workers.analysis.quality import parts_of  # here: a console that opens no listing does without it

            stored["quality_of"] = parts_of(stored).told()
        return {**stored, "copies": [{"id": one.id, "is_first": one.copy_of is None} for one in group]}


def reason(error: BaseException) -> str:
    """Why MongoDB does not answer, in a few words."""
    return "no answer in time" if isinstance(error, TimeoutError) else connect.describe(error)


def _filled(run: Run, totals: RunTotals) -> Run:
    counts = totals.counts
    stats = Stats(
        total=counts.total,
        new=counts.new,
        updated=counts.updated,
        unchanged=counts.unchanged,
        failed=counts.failed,
        duplicates=run.stats.duplicates,
    )
    done = BatchTotals(total=run.batches.total, done=totals.done, dead=totals.dead)
    return msgspec.structs.replace(run, stats=stats, batches=done)


def _states(state: str | None) -> RunState | tuple[RunState, ...] | None:
    if state is None or state in get_args(RunState):
        return cast("RunState | None", state)
    if state == "active":
        return ACTIVE_STATES
    if state == "bad":
        return BAD_STATES
    raise Refused(f"state:{state}: expected active, bad, {', '.join(get_args(RunState))}")


def _of_rejects(each: rejects.Reason) -> Iterable[str]:
    if each.field:
        yield f"field {each.field}"
    if each.example:
        yield f"such as {each.example}"


def _listing(row: JobRow) -> ListingRow:
    places = row.locations[:1] + ([f"+{len(row.locations) - 1}"] if len(row.locations) > 1 else [])
    place = " ".join(places) or (row.remote or "")
    return ListingRow(
        id=row.id,
        source=row.source,
        title=row.title,
        company=row.company,
        place=place,
        posted_at=row.posted_at,
        posted_at_known=row.posted_at_known,
        status=row.status,
        pay=row.pay,
    )
