"""The scores of a batch are those of its listings as they now stand, whoever wrote them and however often."""

from typing import Any

import msgspec

from tests.contract.store.making import NOW, SOURCE, item, never, normalise
from workers.model import Batch, Counts, Job, RawItem, Reject, Scores
from workers.store import batches, jobs
from workers.store.connect import Database


def scored(raw: RawItem) -> Job | Reject:
    job = normalise(raw)
    if isinstance(job, Reject):
        return job
    return msgspec.structs.replace(job, quality=int(raw.fields.get("score", ["50"])[0]))


async def scores(db: Database, run: int, items: list[RawItem], by: Any = scored) -> Scores:
    return (await jobs.upsert(db, run, SOURCE, items, by, NOW)).scores


async def test_new_changed_and_unchanged_listings_count_with_the_score_they_have(ready_db: Database):
    first = [item(1, score="10"), item(2, score="20"), item(3, ""), item(2, "Repeat", score="99")]
    for _ in range(2):
        assert await scores(ready_db, 1, first) == Scores(2, 30)
    later = [item(1, "Chief", score="70"), item(2, score="20"), item(4, score="5")]
    for _ in range(2):
        assert await scores(ready_db, 2, later) == Scores(3, 95)
    assert await scores(ready_db, 3, later, by=never) == Scores(3, 95)


async def test_a_listing_that_says_the_same_keeps_its_score(ready_db: Database):
    await scores(ready_db, 1, [item(1, score="10")])
    assert await scores(ready_db, 2, [item(1, score="90")]) == Scores(1, 10)  # another raw_hash, the same content
    row = await jobs.get(ready_db, "board:1")
    assert row is not None and row["quality"] == 10


async def test_listings_of_an_older_version_are_not_counted_until_they_are_scored(ready_db: Database):
    await scores(ready_db, 1, [item(1, score="10"), item(2, score="20")])
    await ready_db.jobs.update_one({"_id": "board:1"}, {"$unset": {"quality": ""}})
    assert await scores(ready_db, 2, [item(1, score="10"), item(2, score="20")], by=never) == Scores(1, 20)


async def test_poor_listings_are_found_by_an_index(ready_db: Database):
    await scores(ready_db, 1, [item(n, score=str(20 + n)) for n in range(80)])
    where = {"quality": {"$gte": 0, "$lt": 25}}
    command = {"find": "jobs", "filter": where, "sort": {"posted_at": -1, "_id": -1}}
    told = (await ready_db.command("explain", command, verbosity="executionStats"))["executionStats"]
    assert (told["nReturned"], told["totalDocsExamined"]) == (5, 5)


async def test_a_run_adds_up_its_settled_rows(ready_db: Database):
    assert await batches.scores(ready_db, 7) == Scores()
    for n in range(3):
        await batches.add(ready_db, Batch(id=f"7:{n:04d}", run=7, source=SOURCE, size=10))
    for n in range(2):
        assert await batches.settle(
            ready_db, f"7:{n:04d}", Counts(new=10), scores=Scores(10, 400), worker="w", took_ms=1
        )
    assert await batches.scores(ready_db, 7) == Scores(20, 800)
    assert (await batches.scores(ready_db, 7)).mean == 40.0
