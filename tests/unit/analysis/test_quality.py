"""A score lies between 0 and 100, and knowing more about a listing never lowers it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis.quality import parts, parts_of
from workers.model import Job, JobMetadata, QualityWeights, Salary

AT = datetime(2026, 11, 1, tzinfo=UTC)
WHOLE = Job(
    source="board",
    external_id="1",
    title="Data engineer",
    company="Acme",
    locations=["Berlin"],
    employment_types=["FULL_TIME"],
    salary=Salary(60000, 70000, "EUR", "YEAR"),
    posted_at=AT - timedelta(days=1),
    url="https://acme.example/1",
    description=f"<p>{'word ' * 400}</p>",
    metadata=JobMetadata(source="board", source_url=""),
)
BARE = Job(source="board", external_id="1", title="x", company="", metadata=WHOLE.metadata)
FILLED: dict[str, Any] = {
    name: getattr(WHOLE, name)
    for name in ("company", "locations", "employment_types", "salary", "posted_at", "url", "description")
}
WEIGHTS = QualityWeights()
ANY_WEIGHTS = st.builds(QualityWeights, **dict.fromkeys(QualityWeights.__struct_fields__, st.floats(0.5, 1000)))


def score(job: Job, weights: QualityWeights = WEIGHTS) -> int:
    return parts(job, AT).score(weights)


def but(job: Job = WHOLE, **fields: Any) -> Job:
    return msgspec.structs.replace(job, **fields)


def test_the_best_and_the_worst():
    assert score(WHOLE) == 100
    assert score(but(BARE, title="EARN BIG MONEY CALL 0171 555 0123 NOW!!")) == 0
    assert score(BARE) == 15  # its title is plain


@pytest.mark.parametrize(
    ("field", "value", "part", "worth"),
    [
        ("posted_at", AT - timedelta(days=7), "freshness", 1.0),
        ("posted_at", AT + timedelta(days=3), "freshness", 1.0),
        ("posted_at", AT - timedelta(days=48.5), "freshness", 0.5),
        ("posted_at", AT - timedelta(days=200), "freshness", 0.0),
        ("salary", Salary(60000, None), "salary", 0.75),
        ("salary", Salary(text="competitive"), "salary", 0.5),
        ("description", "<p>" + "x" * 750 + "</p>", "text", 0.5),
        ("title", "SENIOR SALES MANAGER", "spam", 0.5),
        ("title", "Driver, call +49 (171) 555-0123", "spam", 0.5),
        ("title", "Earn $$$ from home", "spam", 0.5),
        ("title", "CALL NOW 0171 5550123 www.x.example", "spam", 0.0),
        ("title", "QA Engineer (m/w/d) 2026", "spam", 1.0),
        ("title", "データエンジニア 東京 リモート可 正社員", "spam", 1.0),
        ("title", "IT", "spam", 1.0),
    ],
)
def test_each_part(field: str, value: Any, part: str, worth: float):
    assert getattr(parts(but(**{field: value}), AT), part) == pytest.approx(worth)


def test_a_score_is_explained_by_its_parts():
    stored = {**msgspec.to_builtins(WHOLE, builtin_types=(bytes, datetime)), "posted_at_known": False, "_id": "board:1"}
    stored["metadata"] = {**stored["metadata"], "last_updated": AT}
    assert parts_of(stored).told() == "completeness 83%, freshness 0%, salary 100%, text 100%, title 100%"
    stored["posted_at_known"] = True
    assert parts_of(stored) == parts(WHOLE, AT)


@given(
    st.builds(
        Job,
        source=st.just("board"),
        external_id=st.just("1"),
        title=st.text(min_size=1, max_size=80),
        company=st.text(max_size=5),
        locations=st.lists(st.text(max_size=5), max_size=2),
        posted_at=st.none() | st.datetimes(timezones=st.just(UTC)),
        description=st.text(max_size=300),
        salary=st.none() | st.builds(Salary, min=st.none() | st.floats(0, 1e9), text=st.text(max_size=5)),
        metadata=st.just(WHOLE.metadata),
    ),
    ANY_WEIGHTS,
)
def test_any_listing_under_any_weights_is_within_bounds(job: Job, weights: QualityWeights):
    assert all(0 <= part <= 1 for part in parts(job, AT))
    assert 0 <= score(job, weights) <= 100


@given(st.sets(st.sampled_from(sorted(FILLED))), st.sampled_from(sorted(FILLED)), ANY_WEIGHTS)
def test_one_more_field_never_lowers_the_score(there: set[str], more: str, weights: QualityWeights):
    fewer = but(BARE, **{name: FILLED[name] for name in there - {more}})
    assert score(but(fewer, **{more: FILLED[more]}), weights) >= score(fewer, weights)
