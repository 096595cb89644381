"""Every sample feed gives the fields that expected.json promises: each dialect, with the traps of its kind."""

from typing import Any

import pytest

from tests.unit.feeds.promises import EXPECTED, fields_right, jobs_of
from tests.unit.feeds.reading import SAMPLES, URL, read, source
from workers.feeds.dialect import dialects
from workers.feeds.mapping import Mapping
from workers.feeds.reader import FeedReader, mapping_hash_of


def test_every_field_of_every_sample_is_right():
    right, wrong = fields_right()
    assert right > 800
    assert wrong == []


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


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_hundredth_item_of_a_shape_is_mapped_as_the_first(name: str):
    found: list[tuple[Any, Mapping]] = []
    reader = FeedReader(source(**EXPECTED[name].get("source", {})), base_url=URL)
    reader._raw = lambda item, mapping: found.append((item, mapping))  # type: ignore[method-assign]
    reader.feed((SAMPLES / name).read_bytes())
    reader.close()
    for item, mapping in found:
        first = mapping.fields(item)
        assert all(mapping.fields(item) == first for _ in range(99))
