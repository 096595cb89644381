"""What tests/samples/expected.json promises of every sample feed, and what comes of it."""

import json
from datetime import datetime
from typing import Any

import msgspec

from tests.unit.feeds.reading import NOW, SAMPLES, URL, source
from workers.feeds.normalise import normalise
from workers.feeds.normalise.description import text_of
from workers.feeds.reader import FeedReader
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


def fields_right(names: tuple[str, ...] = tuple(EXPECTED)) -> tuple[int, list[str]]:
    """How many fields of these samples are as promised, and a sentence for each that is not."""
    right = 0
    wrong: list[str] = []
    for name in names:
        _, jobs, _ = jobs_of(name)
        for at, wanted in enumerate(EXPECTED[name]["jobs"]):
            got = plain(jobs[at]) if at < len(jobs) else {}
            for field, value in wanted.items():
                if field in got and got[field] == value:
                    right += 1
                else:
                    wrong.append(f"{name}[{at}].{field}: {got.get(field)!r}, expected {value!r}")
    return right, wrong
