"""What differs between two states of a listing, in texts that a person can compare."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis.changes import LONGEST, Difference, differences, excerpts

LISTING: dict[str, Any] = {
    "title": "Engineer",
    "company": "Acme",
    "locations": ["Berlin", "Paris"],
    "remote": None,
    "employment_types": ["FULL_TIME"],
    "salary": {"min": 50000.0, "max": 60000.0, "currency": "EUR", "unit": "YEAR", "text": ""},
    "posted_at": datetime(2026, 10, 1, tzinfo=UTC),
    "valid_through": None,
    "url": "https://acme.example/jobs/1?utm_source=x",
    "description": "<p>We build <b>things</b>.</p>",
    "content_hash": b"1",
}


@pytest.mark.parametrize(
    ("field", "value", "old", "new"),
    [
        ("title", "Chief engineer", "Engineer", "Chief engineer"),
        ("locations", ["Paris"], "Berlin; Paris", "Paris"),
        ("remote", "hybrid", None, "hybrid"),
        ("employment_types", [], "FULL_TIME", None),
        ("salary", None, "50,000 - 60,000 EUR YEAR", None),
        ("salary", {"min": 52500.5, "text": "good"}, "50,000 - 60,000 EUR YEAR", "from 52,500.5 (good)"),
        ("salary", {"max": 9.0, "unit": "HOUR"}, "50,000 - 60,000 EUR YEAR", "up to 9 HOUR"),
        ("posted_at", datetime(2026, 10, 2, 9, 30, tzinfo=UTC), "2026-10-01", "2026-10-02 09:30:00"),
        ("valid_through", datetime(2026, 12, 1, tzinfo=UTC), None, "2026-12-01"),
        ("url", "https://acme.example/jobs/2", "https://acme.example/jobs/1", "https://acme.example/jobs/2"),
        ("description", "<p>We break things.</p>", "We build things.", "We break things."),
    ],
)
def test_a_field_that_changed_is_told_as_a_person_reads_it(field: str, value: Any, old: str | None, new: str | None):
    assert differences(LISTING, {**LISTING, field: value}) == [Difference(field, old, new)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("locations", ["Paris", "Berlin"]),
        ("url", "https://ACME.example/jobs/1?utm_source=y"),
        ("description", "<p>We build things.</p>"),
        ("search_terms", ["engineer"]),
        ("posted_at", datetime(2026, 10, 1, 0, 0, 0, 400, tzinfo=UTC)),
    ],
)
def test_what_is_no_change_of_content_is_no_difference(field: str, value: Any):
    assert differences(LISTING, {**LISTING, field: value}) == []


def test_a_content_that_moved_unseen_is_told_all_the_same():
    assert differences(LISTING, {**LISTING, "content_hash": b"2"}) == [Difference("content", None, None)]


def test_of_long_texts_the_place_is_kept_where_they_part():
    same, rest = "word " * 5000, " and so on" * 5000
    old, new = excerpts(f"{same}three years{rest}", f"{same}five years{rest}")
    assert old and new and "three years" in old and "five years" in new
    assert old.startswith("…word ") and old.endswith("…")


@given(st.text(max_size=900), st.text(max_size=900), st.text(max_size=900))
def test_excerpts_are_short_and_differ(same: str, old: str, new: str):
    before, after = excerpts(same + old, same + new)
    assert max(len(before or ""), len(after or "")) <= LONGEST + 2
    assert (before == after) == (old == new)
