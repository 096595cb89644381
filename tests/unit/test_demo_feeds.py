from datetime import UTC, datetime

import pytest

from workers.feeds.reader import FeedReader
from workers.service.demo_config import SOURCES
from workers.service.demo_feeds import MOVING, listings, render

BORN = datetime(2026, 1, 1, tzinfo=UTC)


def read(path: str, generation: int):
    source = SOURCES[path]
    reader = FeedReader(source, base_url=f"http://127.0.0.1{path}")
    items = reader.feed(render(source.name, generation, BORN)) + reader.close()
    return reader, items


@pytest.mark.parametrize(
    ("path", "dialect", "count"),
    [
        ("/remote-board.rss", "wpjobmanager", 500),
        ("/city-jobs.xml", "job_source", 2_001),
        ("/wingtip.json", "greenhouse", 120),
    ],
)
def test_a_feed_is_read_by_its_dialect(path: str, dialect: str, count: int):
    reader, items = read(path, 7)
    assert (reader.dialect, len(items)) == (dialect, count)
    fields = items[0].fields
    assert {"id", "title", "company", "locations", "posted_at", "url", "description"} <= fields.keys() | {"locations"}


def test_the_remote_board_holds_a_few_listings_that_cannot_be_imported():
    _, items = read("/remote-board.rss", 7)
    assert 2 <= sum("title" not in item.fields for item in items) <= 5
    assert sum("id" not in item.fields for item in items) == 1


def test_city_jobs_repeats_one_listing():
    _, items = read("/city-jobs.xml", 7)
    assert len({item.fields["id"][0] for item in items}) == 2_000


def test_city_jobs_has_some_of_wingtips_listings_too():
    own = {(job.title, job.place) for job in listings("wingtip", 7, BORN)}
    copied = [job for job in listings("city-jobs", 7, BORN) if job.company == "Wingtip"]
    assert len(copied) == 100
    assert sum((job.title, job.place) in own for job in copied) > 80


@pytest.mark.parametrize("name", sorted(MOVING))
def test_a_feed_changes_a_little_from_generation_to_generation(name: str):
    assert render(name, 3, BORN) == render(name, 3, BORN)
    before = {job.number: job for job in listings(name, 3, BORN)}
    after = {job.number: job for job in listings(name, 4, BORN)}
    assert len(after.keys() - before.keys()) == len(before.keys() - after.keys()) == MOVING[name].fresh
    changed = sum(before[number] != after[number] for number in before.keys() & after.keys())
    assert 0 < changed < MOVING[name].size / 20
