"""A million listings and a million runs as years of imports leave them, written in bulk.

Words are skewed as in real feeds: a few roles, companies and places hold most listings, and a long tail holds one or
two each. Search terms, pay and days' rows are made by the code that makes them in production.
"""

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import msgspec

from workers.analysis.daily import day_of
from workers.feeds.normalise.salary import yearly
from workers.feeds.terms import search_terms
from workers.model import Run, RunState, Salary, Stats
from workers.model.run import BatchTotals, FetchFacts
from workers.store.connect import Database
from workers.store.documents import Document, to_document

SOURCES = [f"board-{n:03}" for n in range(200)]
DAYS = 200
NOW = datetime.now(UTC).replace(microsecond=0)
BATCH = 2000

LEVELS = ["", "", "", "Senior", "Senior", "Junior", "Lead", "Principal", "Staff", "Head of", "Working Student"]
# fmt: off
ROLES = [
    "Software Engineer", "Nurse", "Sales Manager", "Account Executive", "Product Manager", "Data Engineer",
    "Backend Developer", "Accountant", "Site Reliability Engineer", "Data Scientist", "Project Manager",
    "Customer Success Manager", "Frontend Developer", "Teacher", "DevOps Engineer", "Mechanic", "Marketing Manager",
    "Designer", "Electrician", "Truck Driver", "Recruiter", "Business Analyst", "Machine Learning Engineer",
    "Warehouse Worker", "Controller", "Security Engineer", "Physician", "Chef", "Paralegal", "Civil Engineer",
    "Technical Writer", "Biostatistician", "Embedded Developer", "Geologist", "Actuary", "Translator",
    "Horticulturist", "Glaciologist",
]
SKILLS = [
    "Python", "Java", "JavaScript", "SQL", "AWS", "Excel", "React", "Kubernetes", "SAP", "Go", "C++", "C#", "Rust",
    "Terraform", "Salesforce", "Django", "Scala", "Kotlin", "Elixir", "Erlang", "Haskell", "COBOL", "Verilog",
    "OCaml",
]
CITIES = [
    "London", "New York", "Berlin", "Paris", "San Francisco", "Toronto", "Munich", "Amsterdam", "Madrid", "Zürich",
    "Austin", "Warsaw", "Dublin", "Lisbon", "Chicago", "Boston", "Hamburg", "Vienna", "Prague", "Stockholm",
    "København", "Oslo", "Helsinki", "Milano", "Kraków", "Brno", "Łódź", "Tromsø", "Reykjavík", "Bern",
]
SYLLABLES = [
    "ac", "bel", "cor", "dyn", "el", "fin", "gra", "hel", "in", "jur", "kal", "lum", "mar",
    "nor", "op", "pra", "qui", "ras", "sol", "tec", "ul", "ver", "wex", "yor", "zen",
]
# fmt: on
SUFFIXES = ["GmbH", "Inc", "Ltd", "AG", "Labs", "Group", "Systems", "Health", "Partners", "Bank"]
TYPES = [["FULL_TIME"]] * 7 + [["PART_TIME"], ["CONTRACTOR"], ["INTERN"], []]
REMOTE = ["onsite"] * 3 + ["hybrid", "remote", None, None]


class Skewed:
    """Draws from a list by Zipf's law: the k-th is drawn 1/k as often as the first."""

    def __init__(self, values: list[str], rng: random.Random) -> None:
        self.values, self._rng = values, rng
        self._weights = list(itertools.accumulate(1 / (k + 1) for k in range(len(values))))

    def draw(self, k: int = 1) -> list[str]:
        return self._rng.choices(self.values, cum_weights=self._weights, k=k)

    def one(self) -> str:
        return self.draw()[0]


class Words:
    """The vocabulary, the same for a seed."""

    def __init__(self, seed: int = 7) -> None:
        self.rng = rng = random.Random(seed)
        names = ["".join(parts) for parts in itertools.product(SYLLABLES, repeat=3)]
        rng.shuffle(names)
        self.companies = Skewed([f"{name.title()} {rng.choice(SUFFIXES)}" for name in names], rng)
        self.roles, self.skills, self.cities = Skewed(ROLES, rng), Skewed(SKILLS, rng), Skewed(CITIES, rng)
        self.sources = Skewed(SOURCES, rng)
        self.text = " ".join(Skewed(names[:8000], rng).draw(60_000))

    def description(self) -> str:
        at = self.rng.randrange(len(self.text) - 1000)
        return f"<p>{self.text[at : at + 900]}</p>"

    def title(self) -> str:
        rng = self.rng
        parts = [rng.choice(LEVELS), self.roles.one()]
        if rng.random() < 0.4:
            parts.append(f"({self.skills.one()})")
        if rng.random() < 0.1:
            parts.append(f"Ref {rng.randrange(10**6)}")  # the tail: a word that one listing holds
        return " ".join(part for part in parts if part)


def listing(words: Words, n: int) -> Document:
    """The n-th listing as it is stored."""
    rng, title, company = words.rng, words.title(), words.companies.one()
    source, kinds, remote = words.sources.one(), rng.choice(TYPES), rng.choice(REMOTE)
    locations, tags = words.cities.draw(1 if rng.random() < 0.9 else 3), words.skills.draw(rng.randrange(4))
    low = rng.randrange(20, 160) * 1000
    salary = Salary(low, low + 20_000, "EUR", "YEAR", "") if rng.random() < 0.35 else None
    run = rng.randrange(1, 1_000_000)
    posted = NOW - timedelta(seconds=rng.randrange(DAYS * 86_400))
    is_closed = rng.random() < 0.1
    return {
        "_id": f"{source}:{n}",
        "source": source,
        "external_id": str(n),
        "title": title,
        "company": company,
        "locations": locations,
        "remote": remote,
        "employment_types": kinds,
        "salary": None if salary is None else msgspec.to_builtins(salary),
        "pay": yearly(salary),
        "posted_at": posted,
        "posted_at_known": True,
        "url": f"https://{source}.example/jobs/{n}",
        "description": words.description(),
        "tags": tags,
        "search_terms": search_terms(title, company, locations, tags, remote, kinds),
        "quality": rng.randrange(101),
        **({"copy_of": f"{SOURCES[0]}:{n - 1}"} if rng.random() < 0.05 else {}),
        "status": "closed" if is_closed else "open",
        "closed_run": run + 1 if is_closed else None,
        "raw_hash": rng.randbytes(16),
        "content_hash": rng.randbytes(16),
        "hash_version": 3,
        "first_run": run,
        "changed_run": run + rng.randrange(3) * 200,
        "metadata": {
            "source": source,
            "source_url": f"https://{source}.example/feed",
            "first_seen": posted,
            "last_updated": posted,
            "closed_at": posted + timedelta(days=20) if is_closed else None,
        },
    }


def runs(words: Words, count: int) -> Iterator[tuple[list[Run], Document]]:
    """Runs of a source and day, and the row of that day; oldest first."""
    rng, id = words.rng, 0
    a_day = max(1, count // (DAYS * len(SOURCES)))
    states: list[RunState] = ["succeeded"] * 60 + ["unchanged"] * 30 + ["partial"] * 6 + ["failed"] * 3 + ["cancelled"]
    for back in range(DAYS, 0, -1):
        midnight = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=back - 1)
        for source in SOURCES:
            found: list[Run] = []
            for n in range(a_day):
                id += 1
                queued = midnight + timedelta(seconds=n * 86_400 // a_day + rng.randrange(60))
                state = rng.choice(states)
                total = rng.randrange(100, 2000) if state in ("succeeded", "partial") else 0
                failed = rng.randrange(1, 5) if state == "partial" else 0
                run = Run(
                    id=id,
                    source=source,
                    state=state,
                    active=False,
                    trigger="schedule",
                    queued_at=queued,
                    started_at=queued + timedelta(seconds=1),
                    finished_at=queued + timedelta(seconds=rng.randrange(2, 90)),
                    tally_due=False,
                    fetch=FetchFacts(status=200, bytes=total * 2000, url=f"https://{source}.example/feed"),
                    batches=BatchTotals(total=total // 500 + 1, done=total // 500 + 1),
                    stats=Stats(total=total, new=total // 20, unchanged=total - total // 20 - failed, failed=failed),
                )
                found.append(run)
            yield found, to_document(day_of(source, midnight, found))


async def write_listings(db: Database, count: int) -> None:
    """Insert the listings, without indexes: those are built at the end, as a restore does."""
    words = Words()
    send, receive = anyio.create_memory_object_stream[list[Any]](2)

    async def insert() -> None:
        async with receive.clone() as pages:
            async for page in pages:
                await db.jobs.insert_many(page, ordered=False)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(insert)
        tasks.start_soon(insert)
        async with send:
            for first in range(0, count, BATCH):
                await send.send([listing(words, n) for n in range(first, min(first + BATCH, count))])


async def write_runs(db: Database, count: int) -> None:
    """Insert the runs, the rows of their days, and what each source last did."""
    words = Words(11)
    pages: list[Document] = []
    days: list[Document] = []
    last: dict[str, Run] = {}
    for found, day in runs(words, count):
        pages += [to_document(run) for run in found]
        days.append(day)
        last[found[0].source] = next((run for run in reversed(found) if run.state == "succeeded"), found[-1])
        if len(pages) >= BATCH:
            await db.import_logs.insert_many(pages, ordered=False)
            await db.import_daily.insert_many(days, ordered=False)
            pages, days = [], []
    if pages:
        await db.import_logs.insert_many(pages, ordered=False)
        await db.import_daily.insert_many(days, ordered=False)
    await db.source_state.insert_many(
        [{"_id": name, "last_run": run.id, "last_complete_run": run.id} for name, run in last.items()]
    )
