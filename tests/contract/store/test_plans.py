"""Each kind of query that the console issues goes through the index that is there for it.

What MongoDB plans depends on how many listings there are and how they differ: these are three thousand of the million
that bench.search asks, so that a lost index, or a query that no longer fits it, is found here and not after an hour.
"""

import random
from collections.abc import AsyncGenerator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pymongo
import pytest

from bench.listings import NOW, SOURCES, Words, listing
from workers.query import Query, parse
from workers.query.model import Since
from workers.store import hints, search, terms
from workers.store.compiling import Through, compile
from workers.store.connect import Database
from workers.store.documents import utc_now

COUNT, PAGE = 3000, 50
YESTERDAY = f"{NOW - timedelta(days=1):%Y-%m-%d}"
PLANS: dict[str, str] = {
    "": "newest",
    "engineer ": "terms_newest",
    "zzyzx ": "terms_newest",
    "eng*": "terms_newest",
    "senior eng": "terms_newest",
    "engineer python ": "terms_newest",
    "engineer berlin remote:true ": "terms_newest",
    "company:gmbh": "terms_newest",
    "location:berlin": "terms_newest",
    "remote:true": "terms_newest",
    "type:contract,intern": "terms_newest",
    '"software engineer"': "terms_newest",
    'title:"software engineer"': "terms_newest",
    "-senior": "newest",
    "-senior engineer ": "terms_newest",
    f"source:{SOURCES[0]}": "source_newest",
    f"source:{SOURCES[0]} posted:<7d": "source_newest",
    f"source:{SOURCES[0]} glaciologist ": "terms_newest",
    "status:closed": "closed_newest",
    f"posted:{YESTERDAY}": "newest",
    "copies:hide": "newest",
    "salary:>178k": "pay",
    "sort:salary": "pay",
    "engineer sort:salary": "pay",
    "glaciologist sort:salary": "terms_newest",
    f"source:{SOURCES[0]} sort:salary": "pay",
    f"source:{SOURCES[50]} sort:salary": "source_newest",
    "quality:<50": "poor",
    "quality:<1": "poor",
    "quality:>98": "newest",
    "new:<1d": "first_seen_newest",
    "new:run:990000": "source_changed",
    "changed:run:990000": "changed_in source_changed",
    "closed:run:990000": "source_closed",
    "id:board-000:1": "_id_",
    "id:board-000:1*": "_id_",
}

OF_WORDS = (
    "senior engineer ",
    "engineer senior remote:true ",
    "engineer berlin remote:true type:contract ",
    "nurse engineer ",
    "engineer pyt",
    "eng* sen",
    "-senior engineer ",
    "engineer -pyt",
    '"software engineer"',
    '"engineer senior"',
    'title:"software engineer" -company:gmbh',
    f"engineer status:open copies:hide posted:<{(utc_now() - NOW).days + 60}d",
    f"senior engineer posted:{NOW - timedelta(days=60):%Y-%m-%d}..{NOW - timedelta(days=5):%Y-%m-%d}",
    f"source:{SOURCES[0]} engineer senior ",
    f"source:{SOURCES[0]} glaciologist ",
    f"source:{SOURCES[0]} eng",
    "source:none engineer ",
    "zzyzx engineer ",
    "zzyz* engineer ",
)

NEVER_TOGETHER = ("nurse engineer ", '"engineer senior"', "source:none engineer ", "zzyzx engineer ", "zzyz* engineer ")


@pytest.fixture
async def board(ready_db: Database) -> AsyncGenerator[Database]:
    words = Words()
    await ready_db.jobs.insert_many([listing(words, n) for n in range(COUNT)])
    await ready_db.import_logs.insert_one({"_id": 990_000, "source": SOURCES[0], "state": "succeeded", "active": False})
    await terms.recount(ready_db)
    yield ready_db


def stages(plan: dict[str, Any]) -> list[dict[str, Any]]:
    found = [plan]
    for inner in (*([plan["inputStage"]] if "inputStage" in plan else []), *plan.get("inputStages", [])):
        found += stages(inner)
    return found


async def explained(db: Database, query: Query, after: search.Key | None = None) -> tuple[str, bool, int]:
    """The indexes of the plan, whether it sorts what it has found, and how many listings it looks at for a page."""
    known = await search.facts(db, query)
    chosen = await hints.hint(db, query, known)
    told = await search.paged(db, query, compile(query, known, chosen.through), after, PAGE, chosen).explain()
    plan = stages(told["queryPlanner"]["winningPlan"])
    scans = [stage for stage in plan if stage["stage"] in ("IXSCAN", "IDHACK", "COLLSCAN")]
    used = {"_id_" if stage["stage"] == "IDHACK" else stage.get("indexName", "no index") for stage in scans}
    is_sorted = any(stage["stage"] == "SORT" for stage in plan)
    return " ".join(sorted(used)), is_sorted, told["executionStats"]["totalDocsExamined"]


async def test_every_kind_of_query_has_its_index(board: Database):
    got = {text: (await explained(board, parse(text)))[0] for text in PLANS}
    assert got == PLANS


async def test_pages_are_in_the_order_of_an_index_and_read_no_more_than_they_show(board: Database):
    """What one term or one value finds is read in its order: as many listings as a page has, at any depth."""
    deep = (NOW - timedelta(days=100), "board-100")
    for text in ("", "engineer ", "eng*", "location:berlin", "remote:true", f"source:{SOURCES[0]}"):
        for after in (None, deep):
            _, is_sorted, read = await explained(board, parse(text), after)
            assert not is_sorted, text
            assert 0 < read <= PAGE + 1, (text, read)


async def test_what_is_new_in_a_watch_is_found_by_when_it_was_first_seen(board: Database):
    """Of ten that are new, ten are looked at, however many hold the word."""
    newest = await board.jobs.find().sort("metadata.first_seen", -1).skip(9).limit(1).to_list()
    since = Since("new", newest[0]["metadata"]["first_seen"])
    used, _, read = await explained(board, parse("engineer ").also(since))
    assert (used, read) == ("first_seen_newest", 10)


async def test_by_pay_in_a_large_source_only_its_own_listings_are_looked_at(board: Database):
    used, is_sorted, read = await explained(board, parse(f"source:{SOURCES[0]} sort:salary"))
    assert (used, is_sorted, read) == ("pay", False, PAGE)


async def test_what_is_chosen_changes_nothing_of_what_is_found(board: Database, monkeypatch: pytest.MonkeyPatch):
    runs = await board.jobs.distinct("first_run", {"source": SOURCES[0]})
    await board.import_logs.insert_many([{"_id": run, "source": SOURCES[0], "slot": run} for run in runs[:3]])
    texts = [f"new:run:{run}" for run in runs[:3]]
    texts += [f"{words}sort:salary" for words in ("engineer ", "glaciologist ", "senior nurse ", "-senior ", "eng* ")]
    texts += OF_WORDS
    texts += [f"source:{source} sort:salary" for source in (SOURCES[0], SOURCES[50], "none")]
    chosen = {text: await every_page(board, parse(text)) for text in texts}
    assert {text for text in texts if not chosen[text]} == {texts[-1], *NEVER_TOGETHER}

    async def none(*_: object) -> hints.Hint:
        return hints.NONE

    monkeypatch.setattr(hints, "hint", none)
    assert {text: await every_page(board, parse(text)) for text in texts} == chosen


@pytest.mark.parametrize("stretch", [1, 7, 100])
async def test_what_is_found_in_stretches_is_what_is_found_at_once(
    board: Database, monkeypatch: pytest.MonkeyPatch, stretch: int
):
    """Also where many were posted in the same second, and an edge falls between them."""
    await board.jobs.update_many({"search_terms": "engineer"}, {"$set": {"posted_at": NOW - timedelta(days=9)}})
    at_once = {text: await every_page(board, parse(text)) for text in OF_WORDS}
    monkeypatch.setattr(hints, "STRETCH", stretch)
    assert {text: await every_page(board, parse(text)) for text in OF_WORDS} == at_once


def any_query(rng: random.Random) -> str:
    """A few parts of any kind, of words that many listings hold, few, or none."""
    word = rng.choice(("engineer", "senior", "nurse", "berlin", "python", "lead", "gmbh", "data", "zzyzx"))
    after = rng.choice(("senior", "engineer", "manager"))
    days = (utc_now() - NOW).days + rng.randrange(200)
    one = (
        f"{word} ",
        f"{word[: rng.randrange(2, 5)]}*",
        f'"{word} {after}"',
        f"title:{word} ",
        f'title:"{after} {word[:2]}"*',
        f"company:{word} ",
        f"location:{word[:3]}*",
        f"source:{rng.choice(SOURCES[:3])}",
        "remote:true,hybrid",
        "type:contract",
        "status:open",
        "copies:hide",
        f"posted:<{days}d",
        f"posted:>{days}d",
    )
    parts = [rng.choice(("", "", "-")) + rng.choice(one) for _ in range(rng.randrange(1, 5))]
    return " ".join([*parts, f"{word} " if rng.random() < 0.8 else ""])


async def test_any_query_finds_in_stretches_what_it_finds_at_once(board: Database, monkeypatch: pytest.MonkeyPatch):
    rng = random.Random(5)
    texts = [any_query(rng) for _ in range(150)]
    monkeypatch.setattr(hints, "STRETCH", 40)
    in_stretches = {text: await every_page(board, parse(text)) for text in texts}
    assert sum(map(bool, in_stretches.values())) > 40

    async def none(*_: object) -> hints.Hint:
        return hints.NONE

    monkeypatch.setattr(hints, "hint", none)
    assert {text: await every_page(board, parse(text)) for text in texts} == in_stretches


async def test_a_stretch_looks_at_so_many_and_says_how_far_it_came(board: Database, monkeypatch: pytest.MonkeyPatch):
    """Nurses that are engineers: there are none, and none of the nurses is looked at twice; stretches grow."""
    nurses = await board.jobs.find({"search_terms": "nurse"}).sort({"posted_at": -1, "_id": -1}).to_list()
    monkeypatch.setattr(hints, "STRETCH", len(nurses) // 7 + 1)
    heard: list[tuple[int, search.Key]] = []
    found = await search.search(board, parse("nurse engineer "), told=lambda count, at: heard.append((count, at)))
    assert found == []
    ends = [nurses[n * hints.STRETCH - 1] for n in (1, 3)]
    assert heard == [(0, (end["posted_at"], end["_id"])) for end in ends]


async def test_only_the_rarest_word_is_scanned(board: Database):
    """Two words that meet often: a page is full after few more listings than it holds, and no other plan was tried."""
    query = parse("engineer senior ")
    known = await search.facts(board, query)
    chosen = await hints.hint(board, query, known)
    assert chosen.through == Through(terms=("senior",))
    told = await search.paged(board, query, compile(query, known, chosen.through), None, PAGE, chosen).explain()
    assert told["queryPlanner"]["rejectedPlans"] == []
    assert [stage["stage"] for stage in stages(told["queryPlanner"]["winningPlan"])].count("IXSCAN") == 1


async def test_a_frequent_word_in_a_source_goes_through_what_has_fewer(
    board: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hints, "STRETCH", 10)
    used, _, _ = await explained(board, parse(f"source:{SOURCES[-1]} engineer "))
    assert used == "source_newest"
    await board.jobs.update_many({}, {"$set": {"source": SOURCES[0]}})
    used, _, _ = await explained(board, parse(f"source:{SOURCES[0]} engineer "))
    assert used == "terms_newest"


async def test_a_stretch_after_a_slow_one_is_short(board: Database, monkeypatch: pytest.MonkeyPatch):
    """Whatever a listing costs to look at, no stretch comes near the limit of a search."""
    monkeypatch.setattr(hints, "STRETCH", 10)
    first = await search.look(board, parse("nurse engineer "))
    assert first.turn == 1
    monkeypatch.setattr(search, "TIME_LIMIT", 0)
    with pytest.MonkeyPatch.context() as limitless:
        limitless.setattr(pymongo, "timeout", lambda _: nullcontext())
        assert (await search.look(board, parse("nurse engineer "), turn=3)).turn == 0


async def test_beginnings_are_found_in_the_keys_of_the_dictionary(board: Database):
    told = await terms.begun(board, ["e", "c:e", "l:e"]).explain()
    assert told["executionStats"]["totalKeysExamined"] > 0
    assert told["executionStats"]["totalDocsExamined"] == 0


async def test_an_index_that_is_not_there_is_done_without(board: Database):
    by_pay, of_words = parse(f"source:{SOURCES[0]} sort:salary"), parse("senior engineer ")
    before = [await every_page(board, query) for query in (by_pay, of_words)]
    for index in ("pay", "terms_newest"):
        await board.jobs.drop_index(index)
    assert [await every_page(board, query) for query in (by_pay, of_words)] == before


async def every_page(db: Database, query: Query) -> list[str]:
    found: list[str] = []
    after: search.Key | None = None
    while page := await search.search(db, query, limit=PAGE, after=after):
        found += [row.id for row in page]
        after = page[-1].key(query)
    assert await search.count(db, query) == len(found)
    return found
