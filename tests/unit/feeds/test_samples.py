"""Every sample feed gives the fields that expected.json promises: each dialect, with the traps of its kind."""

import json
from datetime import datetime
from typing import Any

import msgspec
import pytest

from tests.unit.feeds.reading import NOW, SAMPLES, URL, read, source
from workers.feeds.dialect import dialects
from workers.feeds.normalise import normalise
from workers.feeds.normalise.description import text_of
from workers.feeds.reader import FeedReader, mapping_hash_of
from workers.model import Job, Reject

EXPECTED: dict[str, Any] = json.loads((SAMPLES / "expected.json").read_text("utf-8"))


def plain(job: Job) -> dict[str, object]:
    def moment(value: datetime | None) -> str | None:
        return None if value is None else value.isoformat().replace("+00:00", "Z")

    names = ("external_id", "title", "company", "locations", "remote", "applicant_locations", "employment_types")
    return {
        **{name: getattr(job, name) for name in (*names, "url", "tags")},
        "posted_at": moment(job.posted_at),
        "valid_through": moment(job.valid_through),
        "salary": None if job.salary is None else msgspec.to_builtins(job.salary),
        "text": text_of(job.description),
    }


def jobs_of(name: str) -> tuple[FeedReader, list[Job], list[Reject]]:
    of = source(**EXPECTED[name].get("source", {}))
    reader = FeedReader(of, base_url=URL, explain=True)
    items = reader.feed((SAMPLES / name).read_bytes()) + reader.close()
    found = [normalise(item, of, feed_url=URL, source_url=URL, run_date=NOW) for item in items]
    return (
        reader,
        [each for each in found if isinstance(each, Job)],
        [each for each in found if isinstance(each, Reject)],
    )


def test_every_field_of_every_sample_is_right():
    expected = right = 0
    wrong: list[str] = []
    for name, promise in EXPECTED.items():
        _, jobs, _ = jobs_of(name)
        for at, wanted in enumerate(promise["jobs"]):
            got = plain(jobs[at]) if at < len(jobs) else {}
            for field, value in wanted.items():
                expected += 1
                if field in got and got[field] == value:
                    right += 1
                else:
                    wrong.append(f"{name}[{at}].{field}: {got.get(field)!r}, expected {value!r}")
    assert expected > 800
    assert right == expected, f"{right} of {expected} fields right ({right / expected:.1%})\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_sample_is_recognised_and_gives_nothing_else(name: str):
    promise = EXPECTED[name]
    reader, jobs, rejects = jobs_of(name)
    assert len(jobs) == len(promise["jobs"])
    assert [reject.reason for reject in rejects] == promise.get("rejects", [])
    assert reader.dialect == promise["dialect"]
    assert reader.declared_total == promise.get("total")
    assert reader.mapping_hash == mapping_hash_of(source(**promise.get("source", {})), reader.dialect)
    assert len(reader.mapping_hash) == 16
    assert set(reader.matched) == set(range(reader.position))
    assert all(path for matched in reader.matched.values() for path in matched.values())


def test_every_sample_and_every_dialect_has_its_promise():
    assert set(EXPECTED) == {path.name for path in SAMPLES.iterdir()} - {"expected.json"}
    assert {promise["dialect"] for promise in EXPECTED.values()} == set(dialects())


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
