"""Each key of the query language finds what it says, over listings as the real normaliser makes them."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from functools import partial

import pytest

from tests.contract.store.making import NOW, digest, seen
from workers.errors import ConfigError
from workers.feeds.normalise import normalise
from workers.feeds.terms import ANYWHERE
from workers.model import RawItem, Source
from workers.query import QueryError, parse
from workers.store import fulltext, jobs, search, terms
from workers.store.connect import Database

FEED = "https://board.example/feed"
LISTINGS: dict[str, dict[str, list[str]]] = {
    "dev": {
        "title": ["Senior Développeur C++"],
        "company": ["Acme Robotics"],
        "locations": ["Zürich"],
        "salary": ["CHF 120,000 per year"],
        "employment_types": ["FULL_TIME"],
        "tags": ["python", "site reliability"],
    },
    "sre": {
        "title": ["Site Reliability Engineer"],
        "company": ["Berlin Bank"],
        "locations": ["Berlin"],
        "salary": ["50 USD an hour"],
        "remote": ["remote"],
        "employment_types": ["CONTRACTOR"],
    },
    "site": {
        "title": ["Reliability and Site Manager"],
        "company": ["Acme"],
        "locations": ["Berlin", "Paris"],
        "employment_types": ["PART_TIME"],
    },
    "nurse": {"title": ["Night Nurse (intern)"], "company": ["St. Mary's"], "salary": ["30000 EUR per year"]},
}
SEARCHES = {
    "berlin ": "sre site",
    "acme": "dev site",
    "be*": "sre site",
    "company:be*": "sre",
    "location:be*": "sre site",
    "title:be*": "",
    "title:berlin ": "",
    "-berlin": "dev nurse",
    "-be*": "dev nurse",
    "acme berlin ": "site",
    "location:berlin": "sre site",
    "company:berlin": "sre",
    "company:acme": "dev site",
    'company:"acme robotics"': "dev",
    '"site reliability"': "dev sre",
    'title:"site reliability"': "sre",
    'title:"site rel"*': "sre",
    "site reliability ": "dev sre site",
    "-site": "nurse",
    '-"site reliability"': "nurse site",
    "-company:acme -intern": "sre",
    "nur": "nurse",
    "developp": "dev",
    "c++ ": "dev",
    "zurich ": "dev",
    "-nu*": "dev sre site",
    "remote:true": "sre",
    "-remote:true": "dev site nurse",
    "type:contract,part_time": "sre site",
    "-type:contract": "dev site nurse",
    "salary:>80000": "dev sre",
    "salary:104000": "sre",
    "-salary:>80000": "site nurse",
    "salary:<=30k": "nurse",
    "sort:salary": "dev sre nurse",
    "source:board": "dev sre site nurse",
    "-source:board": "",
    "source:other,board site ": "dev sre site",
    "posted:<1d": "dev",
    "posted:>1d": "sre site nurse",
    "posted:2026-10-30..2026-10-31": "sre site",
    "-posted:<=2026-10-30": "dev sre",
    "new:run:7": "dev sre site nurse",
    "changed:run:7": "",
    "changed:run:8": "nurse",
    "closed:run:9": "site",
    "status:closed": "site",
    "-status:closed": "dev sre nurse",
    "id:board:sre": "sre",
    "id:board:s*": "sre site",
    "id:board:none": "",
    "copies:hide": "dev sre nurse",
    "copies:only": "site",
    "quality:<50": "dev sre",
    "quality:>=50": "nurse",
    "new:<1m": "",
    "new:2026-11-01": "dev sre site nurse",
}
HOSTILE = (
    "$where",
    '{"$gt": ""}',
    '"{$ne: null}"',
    "title:$regex",
    ".* (a+)+$ [[ ]] \\Q\\E",
    '"(?:.*)* \\p{L}"',
    'title:"a+ b+ c#"',
    "\u202eenoln\u2066 \u200b",
    'company:"\u202e acme"',
    "id:board:$ne",
    'id:"board:\x00"',
    "source:board,a,b,c",
    "title:" + "o" * 1900,
    '"' + "oo " * 79 + 'oo"',
    " ".join(f'title:"{"o" * 79} {n:02}"' for n in range(20)),
    " ".join(f"w{n}" for n in range(40)),
    "-" * 1999,
)


@pytest.fixture
async def listings(ready_db: Database) -> AsyncGenerator[Database]:
    source = Source(name="board", url=FEED)
    posted = {name: NOW - timedelta(days=day) for day, name in enumerate(LISTINGS)}
    to_job = partial(normalise, source=source, feed_url=FEED, source_url=FEED, run_date=NOW)

    def item(name: str, **changed: list[str]) -> RawItem:
        fields = {**LISTINGS[name], "posted_at": [posted[name].isoformat()], **changed}
        return RawItem(name, 0, fields, digest(name, fields))

    for run, state in ((7, "succeeded"), (8, "succeeded"), (9, "succeeded")):
        await ready_db.import_logs.insert_one(
            {"_id": run, "source": "board", "state": state, "active": False, "slot": None, "finished_at": NOW}
        )
    await jobs.upsert(ready_db, 7, "board", [item(name) for name in LISTINGS], to_job, NOW)
    await jobs.upsert(ready_db, 8, "board", [item("nurse", title=["Nurse (intern)"])], to_job, NOW)
    held = seen("dev", "sre", "nurse")
    await jobs.close_missing(ready_db, "board", held, 9, NOW, guard_share=1, guard_min=5)
    await ready_db.jobs.update_one({"_id": "board:site"}, {"$set": {"copy_of": "board:sre"}})
    for name, quality in {"dev": 10, "sre": 49, "nurse": 50}.items():
        await ready_db.jobs.update_one({"_id": f"board:{name}"}, {"$set": {"quality": quality}})
    return ready_db


async def found(db: Database, text: str) -> list[str]:
    return [row.external_id for row in await search.search(db, parse(text))]


async def test_every_key_finds_what_it_says(listings: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "utc_now", lambda: NOW + timedelta(hours=12))
    wrong = {}
    for text, wanted in SEARCHES.items():
        got = await found(listings, text)
        is_right = got == wanted.split() if "sort:" in text else sorted(got) == sorted(wanted.split())
        counted = await search.count(listings, parse(text))
        if not is_right or counted != len(got):
            wrong[text] = (got, counted)
    assert wrong == {}


async def test_the_newest_comes_first_and_the_best_paid_when_asked(listings: Database):
    assert await found(listings, "") == ["dev", "sre", "site", "nurse"]
    pages = []
    after = None
    query = parse("sort:salary")
    while page := await search.search(listings, query, limit=1, after=after):
        pages += [row.external_id for row in page]
        after = page[-1].key(query)
    assert pages == ["dev", "sre", "nurse"]


async def test_hostile_queries_find_nothing_or_are_refused(listings: Database):
    for text in HOSTILE:
        try:
            query = parse(text)
        except QueryError:
            continue
        assert len(await search.search(listings, query)) <= len(LISTINGS), text
    assert await listings.jobs.count_documents({}) == len(LISTINGS)


async def test_descriptions_are_searched_only_where_they_are_indexed(listings: Database):
    await listings.jobs.update_one(
        {"_id": "board:sre"}, {"$set": {"description": "<p>We dive in the deep s\u00e9a</p>"}}
    )
    with pytest.raises(ConfigError, match="index_descriptions = true"):
        await found(listings, "text:sea")
    for _ in range(2):
        await fulltext.want(listings, True)
    asked = (
        "text:sea",
        'text:"deep sea"',
        "text:dive text:deep -nurse",
        'text:"sea deep"',
        "text:sea nurse",
        "text:de",
    )
    assert [await found(listings, text) for text in asked] == [["sre"], ["sre"], ["sre"], [], [], []]
    for _ in range(2):
        await fulltext.want(listings, False)
    with pytest.raises(ConfigError, match="index_descriptions = true"):
        await found(listings, "text:sea")


async def test_the_dictionary_follows_the_listings(listings: Database):
    """A word is found by its beginning at once; a recount drops what nothing holds, a day later."""
    assert list(await terms.beginning(listings, ["night"])) == ["night"]  # held before run 8
    await terms.recount(listings)
    assert (await terms.frequencies(listings, ["site", "c:acme", "night"])) == {"site": 3, "c:acme": 2, "night": 1}


async def test_a_word_is_completed_by_what_stands_anywhere(listings: Database):
    await terms.recount(listings)
    assert await terms.completions(listings, "ber", ANYWHERE) == ["berlin"]
    assert await terms.completions(listings, "berlin", ANYWHERE) == []
    assert sorted(await terms.completions(listings, "ma", ANYWHERE)) == ["manager", "mary"]
    assert await terms.completions(listings, "be", [""]) == []


async def test_all_that_is_found_is_exported_page_by_page(listings: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "EXPORT_PAGE", 2)
    for text, limit in (("", None), ("sort:salary", None), ("", 3), ("-berlin", 1)):
        pages = [page async for page in search.export(listings, parse(text), limit=limit)]
        ids = [row["external_id"] for page in pages for row in page]
        assert ids == (await found(listings, text))[:limit]
        assert all(len(page) <= 2 and "search_terms" not in page[0] for page in pages)
