"""The kinds of queries that the console issues, each drawing its own words as often as listings hold them."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bench.listings import NOW, SOURCES, Words
from jobimport_tui.gateway.protocol import LISTINGS_PAGE, PAGE
from workers.feeds.terms import ANYWHERE
from workers.query import parse
from workers.store import daily, history, search, terms
from workers.store.connect import Database

FAST, CHARTS = 50.0, 100.0  # ms, the goals for 95 of 100
Ask = Callable[[random.Random], Awaitable[Any]]


@dataclass
class Shape:
    """One kind of query; `ask` draws its own words."""

    name: str
    ask: Ask
    goal: float | None = FAST


def shapes(db: Database, words: Words) -> list[Shape]:
    """What the console asks, with words drawn as often as listings hold them."""

    def one(values: Sequence[str], rng: random.Random) -> str:
        return rng.choice(values)

    def query(make: Callable[[random.Random], str], *, is_deep: bool = False, is_whole: bool = False) -> Ask:
        """What the console asks; of several words the first stretch, or `is_whole`, all of them."""

        async def ask(rng: random.Random) -> Any:
            asked = parse(make(rng))
            after = None
            if is_deep:
                at = NOW - timedelta(seconds=rng.randrange(150 * 86_400))
                after = (at if asked.sort == "posted" else rng.randrange(60_000, 150_000), "board-100")
            return await (search.search if is_whole else search.look)(db, asked, limit=LISTINGS_PAGE, after=after)

        return ask

    def counted(make: Callable[[random.Random], str]) -> Ask:
        return lambda rng: search.count(db, parse(make(rng)))

    def role(rng: random.Random) -> str:
        return words.roles.one().split()[-1]

    def phrase(rng: random.Random) -> str:
        return one([role for role in words.roles.values if " " in role], rng)

    def company(rng: random.Random) -> str:
        return words.companies.one().split()[0]

    def start(size: int) -> Callable[[random.Random], str]:
        return lambda rng: (
            one([role(rng), company(rng), words.skills.one(), words.cities.one()], rng).split()[0][:size] + "*"
        )

    def lower(text: str) -> str:
        return text.split()[0]

    day = timedelta(days=1)
    found = [
        Shape("nothing typed, newest", query(lambda rng: "")),
        Shape("nothing typed, any page", query(lambda rng: "", is_deep=True)),
        Shape("a role's word", query(lambda rng: f"{role(rng)} ")),
        Shape("a role's word, any page", query(lambda rng: f"{role(rng)} ", is_deep=True)),
        Shape("a company's word", query(lambda rng: f"{company(rng)} ")),
        Shape("two words", query(lambda rng: f"senior {role(rng)} ")),
        Shape("role, skill", query(lambda rng: f"{role(rng)} {words.skills.one()} ")),
        Shape("role, skill, any page", query(lambda rng: f"{role(rng)} {words.skills.one()} ", is_deep=True)),
        Shape("role, place", query(lambda rng: f"{role(rng)} location:{lower(words.cities.one())} ")),
        Shape("role, place, remote", query(lambda rng: f"{role(rng)} {lower(words.cities.one())} remote:true ")),
        Shape("company, role", query(lambda rng: f"company:{company(rng)} {role(rng)} ")),
        Shape("no such word", query(lambda rng: "zzyzx ")),
        Shape("two rare words that hardly meet", query(lambda rng: "physician kubernetes ")),
        Shape("two frequent words that never meet", query(lambda rng: "nurse engineer ")),
        Shape("  to its end", query(lambda rng: "nurse engineer ", is_whole=True), None),
        Shape("prefix of 2", query(start(2))),
        Shape("prefix of 2, any page", query(start(2), is_deep=True)),
        Shape("prefix of 3", query(start(3))),
        Shape("prefix of 5", query(start(5))),
        Shape("word and prefix of 2", query(lambda rng: f"{role(rng)} {start(2)(rng)}")),
        Shape("  to its end", query(lambda rng: f"{role(rng)} {start(2)(rng)}", is_whole=True), None),
        Shape("word and prefix of 3", query(lambda rng: f"senior {start(3)(rng)}")),
        Shape("source", query(lambda rng: f"source:{words.sources.one()}")),
        Shape("source, any page", query(lambda rng: f"source:{words.sources.one()}", is_deep=True)),
        Shape("source, word", query(lambda rng: f"source:{one(SOURCES, rng)} {role(rng)} ")),
        Shape("source, word that few have", query(lambda rng: f"source:{SOURCES[-1]} {words.skills.values[-1]} ")),
        Shape("source, 7 days", query(lambda rng: f"source:{words.sources.one()} posted:<7d")),
        Shape("source, closed", query(lambda rng: f"source:{one(SOURCES, rng)} status:closed")),
        Shape("closed", query(lambda rng: "status:closed")),
        Shape("closed, word", query(lambda rng: f"status:closed {role(rng)} ")),
        Shape("remote", query(lambda rng: "remote:true")),
        Shape("type", query(lambda rng: "type:contract,intern")),
        Shape(
            "type, remote, place", query(lambda rng: f"type:contract remote:true location:{lower(words.cities.one())}")
        ),
        Shape("place", query(lambda rng: f"location:{lower(words.cities.one())}")),
        Shape("phrase", query(lambda rng: f'"{phrase(rng)}"')),
        Shape("phrase in title", query(lambda rng: f'title:"{phrase(rng)}"')),
        Shape("phrase that is rare", query(lambda rng: '"senior glaciologist"')),
        Shape("phrase of words that are apart", query(lambda rng: '"engineer senior"')),
        Shape("  to its end", query(lambda rng: '"engineer senior"', is_whole=True), None),
        Shape("not a word", query(lambda rng: "-senior")),
        Shape("word, not another", query(lambda rng: f"{role(rng)} -senior")),
        Shape("not what most are", query(lambda rng: "-type:full_time -source:board-000")),
        Shape("a day", query(lambda rng: f"posted:{(NOW - rng.randrange(1, 190) * day):%Y-%m-%d}")),
        Shape("a month", query(lambda rng: f"posted:{NOW - 90 * day:%Y-%m-%d}..{NOW - 60 * day:%Y-%m-%d}")),
        Shape(
            "word, a month",
            query(lambda rng: f"{role(rng)} posted:{NOW - 90 * day:%Y-%m-%d}..{NOW - 60 * day:%Y-%m-%d}"),
        ),
        Shape("salary above", query(lambda rng: f"salary:>{rng.randrange(60, 150)}k")),
        Shape("salary that few have", query(lambda rng: "salary:>178k")),
        Shape("sort:salary", query(lambda rng: "sort:salary")),
        Shape("sort:salary, any page", query(lambda rng: "sort:salary", is_deep=True)),
        Shape("sort:salary, a role", query(lambda rng: f"{role(rng)} sort:salary")),
        Shape("sort:salary, a rare word", query(lambda rng: "glaciologist sort:salary")),
        Shape("sort:salary, a source", query(lambda rng: f"source:{one(SOURCES, rng)} sort:salary")),
        Shape("seen:<1d", query(lambda rng: "seen:<1d")),
        Shape("new:<1d", query(lambda rng: "new:<1d")),
        Shape("new:run", query(lambda rng: f"new:run:{rng.randrange(1, 1_000_000)}")),
        Shape("changed:run", query(lambda rng: f"changed:run:{rng.randrange(1, 1_000_000)}")),
        Shape("quality:<50", query(lambda rng: "quality:<50")),
        Shape("quality:<1", query(lambda rng: "quality:<1")),
        Shape("quality:>98", query(lambda rng: "quality:>98")),
        Shape("copies:hide", query(lambda rng: f"{role(rng)} copies:hide")),
        Shape("id, beginning", query(lambda rng: f"id:{one(SOURCES, rng)}:{rng.randrange(10**4)}*")),
        Shape("count: a role", counted(lambda rng: f"{role(rng)} ")),
        Shape("count: role, skill", counted(lambda rng: f"{role(rng)} {words.skills.one()} "), None),
        Shape("count: prefix of 2", counted(start(2))),
        Shape("count: salary above", counted(lambda rng: "salary:>80k")),
        Shape("suggestion while typing", lambda rng: terms.completions(db, start(2)(rng)[:2].lower(), ANYWHERE)),
    ]
    return found + history_shapes(db)


def history_shapes(db: Database) -> list[Shape]:
    """What the console asks of the runs."""
    since, until = NOW - timedelta(days=29), NOW

    def moment(rng: random.Random) -> datetime:
        return NOW - timedelta(seconds=rng.randrange(190 * 86_400))

    def source(rng: random.Random) -> str:
        return rng.choice(SOURCES)

    return [
        Shape("runs: newest 50", lambda rng: history.recent(db, limit=50)),
        Shape("runs: any page", lambda rng: history.recent(db, limit=PAGE, before=(moment(rng), 1 << 40))),
        Shape("runs: of a source", lambda rng: history.recent(db, limit=50, source=source(rng))),
        Shape("runs: failed", lambda rng: history.recent(db, limit=50, state="failed")),
        Shape("runs: failed of a source", lambda rng: history.recent(db, limit=50, source=source(rng), state="failed")),
        Shape(
            "runs: bad states, any page",
            lambda rng: history.recent(
                db, limit=50, state=("failed", "partial", "degraded"), before=(moment(rng), 1 << 40)
            ),
        ),
        Shape(
            "runs: of a day, failed",
            lambda rng: history.recent(
                db, limit=50, state="failed", since=(at := moment(rng)), until=at + timedelta(days=1)
            ),
        ),
        Shape("runs: last of each source", lambda rng: history.last_of_sources(db)),
        Shape("chart: 30 days, 200 sources, by day", lambda rng: daily.by_day(db, since, until), CHARTS),
        Shape("chart: 30 days, 200 sources, by source", lambda rng: daily.by_source(db, since, until), CHARTS),
        Shape("chart: 30 days of a source", lambda rng: daily.of_source(db, source(rng), since, until), CHARTS),
    ]
