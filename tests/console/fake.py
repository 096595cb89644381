"""A realistic state of the world, a clock that stands still, and a gateway that says only what it is told."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from jobimport_tui.app import ConsoleApp
from jobimport_tui.display.capabilities import Capabilities
from jobimport_tui.display.glyphs import Glyphs
from jobimport_tui.fingerprint import Group
from jobimport_tui.gateway.looks import Days, Draft, FieldLine, Look, SourceFile
from jobimport_tui.gateway.protocol import (
    BatchSums,
    ListingQuery,
    ListingRow,
    ListingsFound,
    Publish,
    Reached,
    Refused,
    RejectLine,
    RunDetail,
    RunQuery,
    WorkerOrder,
)
from jobimport_tui.hourly import Hour, Minute
from jobimport_tui.screens.paged import parse
from jobimport_tui.session import Session
from jobimport_tui.state import (
    Dead,
    EventLine,
    Failed,
    Flight,
    Lane,
    Link,
    Queues,
    Runs,
    Sample,
    Snapshot,
    SourceLine,
    Sources,
    WatchLine,
    Worker,
    Workers,
)
from workers.analysis.daily import day_of
from workers.model import BatchTotals, FetchFacts, LogEntry, Run, RunState, Stats, Timing
from workers.model.daily import Day
from workers.model.health import Health

FEED = "https://jobs.example/feed"
NOW = datetime(2026, 11, 23, 14, 32, 7, tzinfo=UTC).timestamp()


def ago(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW - seconds, UTC)


def link(service: Any, **facts: Any) -> Link:
    port = {"redis": "127.0.0.1:6379", "mongodb": "127.0.0.1:27017"}[service]
    return Link(service=service, address=port, **{"state": "up", "since": NOW - 3600, "rtt_ms": 0.4, **facts})


REDIS_DOWN = link("redis", state="down", since=NOW - 40, reason="connection refused", retry_at=NOW + 1)
MONGO_DOWN = link("mongodb", state="down", since=NOW - 12, reason="no answer in time", retry_at=NOW + 1)

STATES: list[RunState] = ["succeeded", "unchanged", "partial", "succeeded", "failed", "degraded", "cancelled"]
SOURCE_NAMES = [
    "wpjobs-demo",
    "xml-family-demo",
    "greenhouse-demo",
    "jobicy",
    "remotive",
    "weworkremotely",
    "arbeitnow",
]


def ended(number: int, *, state: RunState | None = None, source: str = "") -> Run:
    """Run 1200 - number, as it ended."""
    state = state or STATES[number % len(STATES)]
    queued = 340 + number * 1260
    is_whole = state in ("succeeded", "partial")
    failed = 10 if state == "partial" else 0
    same = 1812 - 312 - number - failed
    stats = Stats(total=1812, new=12 + number, updated=300, unchanged=same, failed=failed, duplicates=3, closed=4)
    why = {
        "failed": "https://jobs.example/feed answered 503, asking to wait 30 s",
        "degraded": "the feed breaks off at item 412: unexpected end of file",
        "partial": "10 listings were rejected",
    }.get(state, "")
    log = [LogEntry(at=ago(queued - 9), level="error", code=state, text=why, worker="host-3:4711")] if why else []
    return Run(
        id=1200 - number,
        source=source or SOURCE_NAMES[number % len(SOURCE_NAMES)],
        state=state,
        active=False,
        trigger="schedule" if number % 3 else "manual",
        requested_by="ana" if number % 3 == 0 else "",
        queued_at=ago(queued),
        started_at=ago(queued - 0.3),
        finished_at=ago(queued - 8.4),
        stats=stats if is_whole else Stats(),
        batches=BatchTotals(total=4, done=4) if is_whole else BatchTotals(),
        timing=Timing(fetch=1900, queue=300, upsert=5200, close=120) if is_whole else Timing(fetch=400),
        error_log=log,
        fetch=FetchFacts(
            status=200, bytes=4_812_000, wire_bytes=911_000, url="https://jobs.example/feed", outcome="ok"
        ),
        fill_rate={"title": 1.0, "company": 0.99, "salary": 0.31, "posted_at": 1.0},
        cancelled_by="ana" if state == "cancelled" else "",
        degraded=why if state == "degraded" else "",
    )


def flying(number: int, source: str, state: RunState, batches: BatchTotals, total: int, per_s: float) -> Flight:
    new, updated, failed = total // 5, total // 4, 2 if total else 0
    run = Run(
        id=number,
        source=source,
        state=state,
        active=True,
        trigger="manual",
        requested_by="ana",
        priority="high" if number % 2 else "normal",
        queued_at=ago(41),
        started_at=ago(40),
        batches=batches,
        stats=Stats(total=total, new=new, updated=updated, unchanged=total - new - updated - failed, failed=failed),
    )
    done = batches.done
    before = Sample(NOW - 10, max(0, total - int(per_s * 10)), max(0, done - max(1, int(per_s * 10 / 500))))
    samples = (before, Sample(NOW, total, done)) if total else ()
    return Flight(run=run, samples=samples, bytes=2_140_000 if total else 0)


def lane(name: str, waiting: int = 0, running: int = 0, **facts: Any) -> Lane:
    queue = "high-priority-imports" if name.endswith(":high") else "job-import"
    plain: dict[str, Any] = {
        "delayed": 0,
        "dead": 0,
        "oldest_s": None,
        "paused": False,
        "in_rate": 0.0,
        "out_rate": 0.0,
    }
    return Lane(queue=queue, lane=name, waiting=waiting, running=running, **{**plain, **facts})


WAVE = tuple(float(abs(20 - i % 40)) + (i * 7 % 5) for i in range(60))

EBB = WAVE[::-1]
HEALTHS = (
    Health(text="every 1h, 103 listings"),
    Health(state="shrinking", text="412 listings, usually 1,203 (give or take 14)"),
    Health(state="drifting", text="salary is filled in 4% of the listings, usually in 61%", field="salary"),
    Health(state="failing", text="the last 3 imports did not read the whole feed: answered 503"),
    Health(state="late", text="no import for 5h20m, usually one every 1h"),
)
BROKEN = SourceLine(name="brokenone", state="broken", problem="brokenone.toml: url: expected a URL")

BUSY = Snapshot(
    redis=link("redis"),
    mongodb=link("mongodb"),
    queues=Queues(
        lanes=(
            lane("fetch:high"),
            lane("upsert:high", 0, 3, in_rate=1.2, out_rate=1.2, oldest_s=2.1, history=WAVE),
            lane("fetch", 4, 2, in_rate=0.1, out_rate=0.1, oldest_s=64, delayed=2),
            lane(
                "upsert", 12405, 8, in_rate=36.7, out_rate=40.1, oldest_s=312, delayed=14, dead=12, history=WAVE[::-1]
            ),
            lane("close", 1, 0, in_rate=0.1, out_rate=0.0, oldest_s=3, paused=True),
        ),
        delayed=16,
        dead=12,
        at=NOW,
    ),
    runs=Runs(
        flights=(
            flying(1201, "globex-json", "importing", BatchTotals(total=24, done=9), 4500, 812.4),
            flying(1202, "xml-family-demo", "fetching", BatchTotals(done=2), 1000, 402.0),
            flying(1203, "jobicy", "queued", BatchTotals(), 0, 0),
        ),
        recent=tuple(ended(i) for i in range(60)),
        at=NOW,
    ),
    events=(
        EventLine(at=NOW - 2, mark="succeeded", source="wpjobs-demo", text="run 1200 succeeded: 12 new, 300 updated"),
        EventLine(at=NOW - 6, mark="importing", source="globex-json", text="run 1201 importing"),
        EventLine(at=NOW - 27, mark="dead", source="remotive", text="batch 1187:0003 is dead: listings refused"),
        EventLine(at=NOW - 40, mark="queued", source="globex-json", text="run 1201 queued: requested (manual) by ana"),
        EventLine(at=NOW - 64, mark="action", source="jobicy", text="ana: cancelled the run"),
    ),
    workers=Workers(
        rows=tuple(
            Worker(
                id=f"host-{i}:{4700 + i}",
                host=f"host-{i}",
                pid=4700 + i,
                lanes="fetch upsert close",
                busy=i % 4,
                slots=4,
                done=12_000 + i * 345,
                failed=i % 3,
                rss_bytes=61_000_000 + i * 2_000_000,
                started=NOW - 86_400 - i,
                beat_at=NOW - (48 if i == 3 else 1),
                current=f"upsert run 1201 globex-json {i}s" if i % 4 else "",
            )
            for i in range(5)
        ),
        at=NOW,
    ),
    failed=Failed(
        rows=tuple(
            Dead(
                id=f"1795444{i:06d}-0",
                at=NOW - 60 * (i + 1) ** 2,
                lane="fetch" if i % 3 else "upsert",
                source=SOURCE_NAMES[i % 7],
                run=1180 - i,
                batch="" if i % 3 else f"{1180 - i}:0003",
                reason="attempts" if i % 2 else "permanent",
                kind="http_unavailable" if i % 2 else "not_a_feed",
                error="https://jobs.example/feed answered 503" if i % 2 else "the body is an HTML page, not a feed",
                attempts=3 if i % 2 else 1,
                deliveries=1,
                worker="host-3:4703",
                payload='{"task_name":"job-import.fetch","kwargs":{"run":1180}}',
            )
            for i in range(12)
        ),
        total=12,
        at=NOW,
    ),
    sources=Sources(
        rows=(
            *(
                SourceLine(
                    name=name,
                    state="off" if name == "arbeitnow" else "on",
                    kind="window" if i % 2 else "snapshot",
                    format="auto",
                    schedule="0 * * * *",
                    url=f"https://{name}.example/feed.xml",
                    next_due=None if name == "arbeitnow" else NOW + 280 * (i + 1),
                    failures=2 if name == "remotive" else 0,
                    last=ended(i),
                    health=HEALTHS[i % len(HEALTHS)],
                    strip=tuple(STATES[(i + n) % 7] for n in range(14)),
                )
                for i, name in enumerate(SOURCE_NAMES)
            ),
            BROKEN,
        ),
        folder="config/sources",
        at=NOW,
    ),
)

WATCHED = msgspec.structs.replace(
    BUSY,
    watches=tuple(
        WatchLine(name=name, query=query, asks=f"new:<2h {query}", looked_at=NOW - 5400 * (i + 1), new=new)
        for i, (name, query, new) in enumerate(
            [("py", "python remote:true salary:>80000", 12), ("night", '"night nurse" location:berlin', 0)]
        )
    ),
)

EMPTY = Snapshot(
    redis=link("redis"),
    mongodb=link("mongodb"),
    queues=Queues(lanes=tuple(lane(n) for n in ("fetch:high", "upsert:high", "fetch", "upsert", "close")), at=NOW),
    runs=Runs(at=NOW),
    workers=Workers(at=NOW),
    failed=Failed(at=NOW),
    sources=Sources(at=NOW, folder="config/sources"),
)


def listing(number: int) -> ListingRow:
    titles = [
        "Senior Data Engineer (m/f/d)",
        "Support Engineer, Nights",
        "データエンジニア 東京 リモート可",
        "Head of \x1b[31mRed\x1b[0m [b]Team[/b]",
    ]
    return ListingRow(
        id=f"jobicy:{number}",
        source=SOURCE_NAMES[number % 7],
        title=titles[number % 4],
        company=["Acme GmbH", "Globex Corporation International", "株式会社サンプル", "Initech"][number % 4],
        place=["Berlin", "Remote", "東京", "New York, NY"][number % 4],
        posted_at=ago(number * 7200),
        posted_at_known=number % 5 != 0,
        status="closed" if number % 9 == 8 else "open",
    )


DESCRIPTION = "<p>We look for <b>you</b>.</p><ul><li>Python</li><li>MongoDB</li></ul>" + "<p>Long text.</p>" * 9

STORED: dict[str, Any] = {
    "_id": "jobicy:1",
    "raw_hash": bytes(range(16)),
    "content_hash": bytes(range(16)),
    "hash_version": 4,
    "schema_version": 1,
    "posted_at_known": True,
    "valid_through": ago(-86400 * 30),
    "source": "jobicy",
    "external_id": "1",
    "title": "Senior Data Engineer (m/f/d)",
    "company": "Acme GmbH",
    "locations": ["Berlin", "Remote"],
    "remote": "hybrid",
    "employment_types": ["FULL_TIME"],
    "salary": {"min": 65000.0, "max": 80000.0, "currency": "EUR", "unit": "YEAR", "text": ""},
    "posted_at": ago(7200),
    "url": "https://jobicy.example/jobs/1",
    "description": DESCRIPTION,
    "tags": ["python", "etl"],
    "status": "open",
    "first_run": 1100,
    "changed_run": 1180,
    "quality": 84,
    "quality_of": "completeness 100%, freshness 100%, salary 100%, text 12%, title 100%",
    "copies": [{"id": "remoteok:88123", "is_first": True}, {"id": "himalayas:5", "is_first": False}],
    "changes": [
        {
            "run": 1172,
            "at": ago(90_000),
            "field": "title",
            "old": "Data Engineer",
            "new": "Senior Data Engineer (m/f/d)",
        },
        {
            "run": 1180,
            "at": ago(4000),
            "field": "salary",
            "old": "from 60,000 EUR YEAR",
            "new": "65,000 - 80,000 EUR YEAR",
        },
    ],
    "metadata": {"source_url": "https://jobicy.example/feed", "attribution": "Jobicy", "first_seen": ago(86400)},
}


REJECTED = (
    Group(
        what="rejected",
        kind="no title",
        source="remotive",
        message="field title, such as x17",
        count=10,
        first=NOW - 400,
        last=NOW - 400,
        run=1198,
    ),
)


def some_day(ago: int) -> Day:
    """A day of a source that is quiet at weekends and had none at all 9 days ago."""
    moment = datetime(2026, 11, 23, tzinfo=UTC) - timedelta(days=ago)
    if ago == 9:
        return day_of("jobicy", moment, ())
    size = 12 if moment.weekday() > 4 else 80 + (ago * 37) % 90
    return Day(
        id=f"jobicy:{moment:%Y-%m-%d}",
        day=moment,
        source="jobicy",
        runs=24,
        failures=int(ago == 4) * 3,
        judged=24,
        new=size,
        updated=size // 3,
        closed=int(ago % 5 == 0) * size // 2,
        failed=int(ago == 4) * 12,
        p50_ms=900 + (ago * 131) % 700,
        p95_ms=2100 + (ago * 977) % 4000,
    )


DAYS = Days(
    days=tuple(some_day(ago) for ago in range(27, -1, -1)),
    hour=Hour(
        minutes=tuple(Minute(read=(i * 53) % 400, new=(i * 7) % 30, updated=i % 4) for i in range(60)),
        since=NOW - 3000,
    ),
)

LOOK = Look(
    url="https://boards.greenhouse.io/acme/jobs",
    headline="greenhouse: 214 listings, 2 rejected (no_title)",
    listings=214,
    titles=("POSTED", "TITLE", "COMPANY", "PLACES", "KIND", "PAY"),
    rows=tuple(
        (f"2026-02-{28 - i}", f"Engineer {i} データ", "-", "Berlin, Remote", "full time", "60,000-80,000 EUR")
        for i in range(10)
    ),
    fields=(
        FieldLine(name="id", filled=1.0, read=1.0, then=1.0),
        FieldLine(name="title", filled=0.99, read=0.99, then=1.0),
        FieldLine(name="company", filled=0.0, read=0.0, then=0.0, remark="missing", is_odd=True),
        FieldLine(name="posted_at", filled=1.0, read=0.4, then=1.0, remark="cannot be read: '31/02/2026'", is_odd=True),
    ),
    missing=("company",),
    wrong=("posted_at is filled in 40% of the items, in the last run in 100%",),
    draft=Draft(
        url="https://boards.greenhouse.io/acme/jobs",
        name="acme",
        kind="snapshot",
        schedule="41 */6 * * *",
        company="Acme",
        format="greenhouse",
        is_nameless=True,
    ),
)


class FakeGateway:
    """Publishes what `snapshot` holds; keeps what it was asked to do in `asked`."""

    def __init__(self, snapshot: Snapshot = BUSY) -> None:
        self.snapshot = snapshot
        self.asked: list[tuple[Any, ...]] = []
        self.refusal = ""
        self.history = [flight.run for flight in snapshot.runs.flights[::-1]] + list(snapshot.runs.recent)
        self.jobs = [listing(i) for i in range(450)] if snapshot.runs.recent else []
        self.stretch = 0  # listings that a search looks at before it says how far it is; 0: all
        self.every_letter = snapshot.failed.rows
        self.rejects: tuple[Group, ...] = REJECTED if snapshot.failed.rows else ()
        self.file_keys = {"url": "https://jobicy.example/feed", "kind": "window", "schedule": "", "company": ""}
        self._publish: Publish | None = None

    async def run(self, publish: Publish) -> None:
        self._publish = publish
        publish(self.snapshot)
        await asyncio.Event().wait()

    def say(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        assert self._publish is not None
        self._publish(snapshot)

    def _answer(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.refusal:
            raise Refused(self.refusal)

    def refresh(self) -> None:
        self.asked.append(("refresh",))

    async def runs(self, query: RunQuery) -> list[Run]:
        self._answer("runs", query)
        found = [r for r in self.history if query.source in (None, r.source) and query.state in (None, r.state)]
        if query.before is not None:
            found = [r for r in found if (r.queued_at, r.id) < query.before]
        return found[:200]

    async def run_detail(self, run_id: int) -> RunDetail:
        self._answer("run_detail", run_id)
        run = next((r for r in self.history if r.id == run_id), None)
        if run is None:
            raise Refused(f"there is no run {run_id}")
        rejects = tuple(
            RejectLine(position=17 + i, external_id=f"x{i}", reason="no title", field="title", value="")
            for i in range(3)
        )
        sums = (
            BatchSums(total=4, done=4, took_ms=5200)
            if not run.active
            else BatchSums(total=24, done=9, pending=15, took_ms=9000)
        )
        whole = [r for r in self.history if r.id < run.id and r.state in ("succeeded", "partial")]
        return RunDetail(run=run, batches=sums, rejects=rejects, rejects_in_all=10, earlier=tuple(whole[:14]))

    async def listings(self, query: ListingQuery) -> ListingsFound:
        self._answer("listings", query)
        text, fields = parse(query.text)
        words = text.casefold().split()
        looked_at = [
            row
            for row in self.jobs
            if query.after is None or (row.posted_at, row.id) < (query.after.posted_at, query.after.id)
        ]
        edge = looked_at[self.stretch - 1] if self.stretch and len(looked_at) > self.stretch else None
        found = [
            row
            for row in looked_at[: self.stretch or None]
            if fields.get("source") in (None, row.source)
            and fields.get("status") in (None, row.status)
            and all(word in f"{row.title} {row.company}".casefold() for word in words)
        ]
        page = found[: query.limit]
        return ListingsFound(page, Reached(edge.posted_at, edge.id) if edge and len(page) < query.limit else None)

    async def count_listings(self, query: ListingQuery) -> str:
        self._answer("count_listings", query)
        return f"{len(self.jobs):,}"

    async def complete(self, text: str) -> str | None:
        self._answer("complete", text)
        return f"{text}neer" if text.endswith("engi") else None

    async def export(self, query: ListingQuery, path: str) -> int:
        self._answer("export", query, path)
        return len(self.jobs)

    async def watch(self, name: str, text: str) -> str:
        self._answer("watch", name, text)
        return f"watch {name}: new is what comes from now on"

    async def looked(self, name: str) -> None:
        self._answer("looked", name)

    async def unwatch(self, name: str) -> str:
        self._answer("unwatch", name)
        return f"watch {name} is forgotten"

    async def listing(self, listing_id: str) -> dict[str, Any]:
        self._answer("listing", listing_id)
        return STORED

    async def import_source(self, name: str) -> str:
        self._answer("import", name)
        return f"run 1204 of {name} was opened"

    async def cancel(self, run_id: int) -> str:
        self._answer("cancel", run_id)
        return f"run {run_id} is being cancelled"

    async def requeue(self, letter_id: str) -> str:
        self._answer("requeue", letter_id)
        return f"{letter_id} requeued into run 7"

    async def discard(self, letter_id: str) -> str:
        self._answer("discard", letter_id)
        return f"{letter_id} is discarded"

    async def pause(self, what: str) -> str:
        self._answer("pause", what)
        return f"{what}: paused"

    async def resume(self, what: str) -> str:
        self._answer("resume", what)
        return f"{what}: running"

    async def order(self, worker: str, order: WorkerOrder) -> str:
        self._answer("order", worker, order)
        return f"{worker}: {order}"

    async def set_enabled(self, source: str, enabled: bool) -> str:
        self._answer("set_enabled", source, enabled)
        return f"{source}: {enabled}"

    async def remove_source(self, source: str) -> str:
        self._answer("remove_source", source)
        return f"{source} removed"

    async def days(self, source: str) -> Days:
        self._answer("days", source)
        return DAYS if self.history else Days(days=tuple(day_of("", day.day, ()) for day in DAYS.days))

    async def look(self, url: str) -> Look:
        self._answer("look", url)
        return msgspec.structs.replace(LOOK, url=url)

    async def test_source(self, name: str) -> Look:
        self._answer("test", name)
        return msgspec.structs.replace(LOOK, draft=None, compared_with=1198)

    async def create_source(self, draft: Draft) -> str:
        self._answer("create", draft)
        return f"{draft.name}.toml written; imported now, then 14:41Z"

    async def source_file(self, name: str) -> SourceFile:
        self._answer("source_file", name)
        return SourceFile(
            file=f"config/sources/{name}.toml",
            keys=tuple((key, value, not value) for key, value in self.file_keys.items()),
        )

    async def check_key(self, name: str, key: str, text: str) -> None:
        self._answer("check_key", name, key, text)
        if key == "kind" and text not in ("snapshot", "window", "query"):
            raise Refused(f'{name}.toml: kind is {text!r}: expected one of "snapshot", "window", "query"')

    async def set_key(self, name: str, key: str, text: str) -> str:
        self._answer("set_key", name, key, text)
        self.file_keys[key] = text
        return f"{name}: {key} is {text}"

    async def approve(self, run_id: int) -> str:
        self._answer("approve", run_id)
        return f"run {run_id} is approved"

    async def verify(self, run_id: int) -> str:
        self._answer("verify", run_id)
        return f"run {run_id} agrees"

    async def retry_rejects(self, run_id: int) -> str:
        self._answer("retry_rejects", run_id)
        return f"run {run_id}: 3 tried again"

    async def rejected(self) -> tuple[Group, ...]:
        self._answer("rejected")
        return self.rejects

    async def runs_of(self, source: str) -> list[Run]:
        self._answer("runs_of", source)
        return [run for run in self.history if run.source == source and not run.active]

    async def letters(self) -> tuple[Dead, ...]:
        self._answer("letters")
        return self.every_letter

    def pace(self, factor: float) -> float:
        self._answer("pace", factor)
        return factor


class Clock:
    """Time stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def console(
    snapshot: Snapshot = BUSY,
    *,
    section: str = "queues",
    filter: str = "",
    read_only: bool = False,
    ascii_only: bool = False,
    gateway: FakeGateway | None = None,
    clock: Clock | None = None,
    can: Capabilities | None = None,
) -> ConsoleApp:
    """A console over a fake gateway."""
    session = Session(
        gateway or FakeGateway(snapshot),
        clock=clock or Clock(),
        glyphs=Glyphs(ascii_only=ascii_only),
        read_only=read_only,
        environment="demo",
    )
    return ConsoleApp(session, section=section, filter=filter, can=can)


def down(snapshot: Snapshot = BUSY, *services: str) -> Snapshot:
    """Servers gone, both where none is named; what was known of them has grown old."""
    facts: dict[str, Any] = {}
    if not services or "redis" in services:
        facts |= {"redis": REDIS_DOWN, "queues": msgspec.structs.replace(snapshot.queues, at=NOW - 41)}
        facts["workers"] = msgspec.structs.replace(snapshot.workers, at=NOW - 41)
    if not services or "mongodb" in services:
        facts |= {"mongodb": MONGO_DOWN, "runs": msgspec.structs.replace(snapshot.runs, at=NOW - 13)}
    return msgspec.structs.replace(snapshot, **facts)


def before(moment: datetime, **length: float) -> datetime:
    return moment - timedelta(**length)
