"""Listings by words, newest first, page by page."""

import time
from datetime import timedelta

import pytest

from tests.contract.store.making import NOW, SOURCE, item, normalise
from workers.model import RawItem
from workers.query import Query, parse
from workers.store import jobs, search
from workers.store.connect import Database


async def filled(db: Database, *items: RawItem, source: str = SOURCE) -> None:
    await jobs.upsert(db, 1, source, items, normalise, NOW)


def posted(id: int, title: str, day: int) -> RawItem:
    return item(id, title, posted_at=(NOW + timedelta(days=day)).isoformat())


async def titles(db: Database, text: str) -> list[str]:
    return [row.title for row in await search.search(db, parse(text))]


async def test_pages_neither_skip_nor_repeat_where_dates_are_equal(ready_db: Database):
    await filled(ready_db, *(posted(n, "Engineer", n // 10) for n in range(35)))
    for words in ("", "engineer"):
        found: list[str] = []
        after: search.Key | None = None
        while page := await search.search(ready_db, parse(words), limit=4, after=after):
            found += [row.external_id for row in page]
            after = page[-1].key(parse(words))
        assert found == sorted((str(n) for n in range(35)), key=lambda id: (int(id) // 10, f"board:{id}"), reverse=True)


async def test_every_word_must_be_there_and_the_last_may_be_half_typed(ready_db: Database):
    await filled(
        ready_db,
        posted(1, "senior python engineer", 1),
        posted(2, "python developer", 2),
        posted(3, "java engineer", 3),
    )
    assert await titles(ready_db, "python") == ["python developer", "senior python engineer"]
    assert await titles(ready_db, "ENGINEER py") == ["senior python engineer"]
    assert await titles(ready_db, "engi") == ["java engineer", "senior python engineer"]
    assert await titles(ready_db, "engi ") == []
    assert await titles(ready_db, "engineer ") == ["java engineer", "senior python engineer"]
    assert await titles(ready_db, "  ,;  ") == await titles(ready_db, "")
    assert await titles(ready_db, ".* engineer") == ["java engineer", "senior python engineer"]
    assert await titles(ready_db, "$where ^(a+)+$") == []
    assert await titles(ready_db, "x " * 1000) == []


async def test_source_and_status_narrow(ready_db: Database):
    await filled(ready_db, posted(1, "engineer one", 1), posted(2, "engineer two", 2))
    await filled(ready_db, posted(3, "engineer three", 3), source="other")
    await jobs.close_missing(ready_db, SOURCE, b"", 2, NOW, guard_share=1, guard_min=5)
    assert await titles(ready_db, "engineer source:other") == ["engineer three"]
    assert await titles(ready_db, "status:closed") == ["engineer two", "engineer one"]
    assert await titles(ready_db, f"engineer source:{SOURCE} status:open") == []


async def test_counts_are_capped(ready_db: Database):
    await filled(ready_db, *(item(n, "engineer") for n in range(30)))
    assert await search.count(ready_db, parse("engi")) == 30
    assert await search.count(ready_db, parse("engi"), cap=11) == 11
    assert await search.count(ready_db, parse("source:other")) == 0


async def test_a_row_is_what_a_list_shows(ready_db: Database):
    await filled(ready_db, posted(1, "engineer", 1))
    (row,) = await search.search(ready_db, Query())
    assert (row.id, row.company, row.posted_at, row.posted_at_known) == (
        "board:1",
        "Acme",
        NOW + timedelta(days=1),
        True,
    )
    assert (row.status, row.first_run, row.changed_run, row.closed_run) == ("open", 1, 1, None)


async def test_a_search_is_bounded(ready_db: Database, monkeypatch: pytest.MonkeyPatch):
    await filled(ready_db, *(item(n, "engineer") for n in range(3000)))
    monkeypatch.setattr(search, "TIME_LIMIT", 0.0001)
    began = time.monotonic()
    with pytest.raises(search.SearchTooSlow, match="add a word or a source"):
        await search.search(ready_db, parse("engi"), limit=3000)
    assert time.monotonic() - began < 5


async def test_words_are_folded_as_they_are_stored(ready_db: Database):
    await filled(ready_db, posted(1, "Développeur C++ (Zürich)", 1), posted(2, "C developer", 2))
    for words in ("developpeur ", "DÉVELOPPEUR c++ ", "zurich", "c+"):
        assert await titles(ready_db, words) == ["Développeur C++ (Zürich)"], words
    assert await titles(ready_db, "c ") == ["C developer"]
