"""Every sample feed gives the fields that its README promises."""

import json
from datetime import datetime

import msgspec
import pytest

from tests.unit.feeds.reading import NOW, SAMPLES, URL, read, source
from workers.feeds.normalise import normalise
from workers.feeds.normalise.description import text_of
from workers.feeds.reader import FeedReader, mapping_hash_of
from workers.model import Job

EXPECTED = json.loads((SAMPLES / "expected.json").read_text("utf-8"))


def plain(job: Job) -> dict[str, object]:
    def moment(value: datetime | None) -> str | None:
        return None if value is None else value.isoformat().replace("+00:00", "Z")

    names = ("external_id", "title", "company", "locations", "remote", "employment_types", "url")
    return {
        **{name: getattr(job, name) for name in names},
        "posted_at": moment(job.posted_at),
        "valid_through": moment(job.valid_through),
        "salary": None if job.salary is None else msgspec.to_builtins(job.salary),
        "text": text_of(job.description),
    }


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_sample_gives_its_expected_fields(name: str):
    expected = EXPECTED[name]
    of = source(**expected.get("source", {}))
    reader = FeedReader(of, base_url=URL)
    items = reader.feed((SAMPLES / name).read_bytes()) + reader.close()
    jobs = [normalise(item, of, feed_url=URL, run_date=NOW) for item in items]
    assert [plain(job) for job in jobs if isinstance(job, Job)] == expected["jobs"]
    assert len(jobs) == len(expected["jobs"])
    assert reader.dialect == expected["dialect"]
    assert reader.declared_total == expected.get("total")
    assert reader.mapping_hash == mapping_hash_of(of, reader.dialect)
    assert len(reader.mapping_hash) == 16


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_named_format_reads_as_auto_does(name: str):
    data = (SAMPLES / name).read_bytes()
    assert read(data, source(format=EXPECTED[name]["dialect"])) == read(data)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_byte_by_byte_gives_the_same_items(name: str):
    data = (SAMPLES / name).read_bytes()
    whole = read(data)
    assert whole
    assert read(data, size=1) == whole
    assert read(data, size=7) == whole
