"""Every hostile feed of tests.hostile.cases: one sentence, bounded time and memory, nothing live."""

import re

import pytest

from tests.hostile.cases import CASES, Case
from tests.hostile.importing import faults, outcome_of, texts_of
from workers.model import Job

# In a description what reorders a line is left to who shows it: Arabic and Hebrew texts may need it.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_feed(case: Case):
    with outcome_of(case) as (told, server):
        assert faults(case, told, len(server.requests)) == []
    assert told.error.isprintable()
    assert len(told.error) < 500
    for job in told.jobs:
        harmless(job)


def harmless(job: Job) -> None:
    """No text of a listing steers a terminal, none but its description has markup, no address but http(s)."""
    for text in texts_of(job)[:-1]:
        assert not UNSAFE.search(text), text
    assert not CONTROLS.search(job.description)
    assert job.url is None or job.url.startswith(("http://", "https://"))
    assert len(job.title) <= 500
    for text in (job.title, job.company, *job.locations, *job.tags):
        assert "<" not in text, text
    assert not re.search(r"(?i)<script|<img|javascript:|data:text|<iframe|<[^>]*\son", job.description)
