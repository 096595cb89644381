"""Which listing an item is: rule 8 of the design."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.feeds.reading import source, to_job
from workers.feeds.identities import Identities
from workers.feeds.identity import identity, identity_hash
from workers.feeds.text import one_line
from workers.model import Job

S = source()


def test_the_id_as_text_comes_first():
    fields = {"id": ["  4400001 "], "url": ["https://x.example/1"], "title": ["T"]}
    assert identity(fields, S) == "4400001"
    assert identity({"id": ["https://b.example/?a=1&amp;p=2"]}, S) == "https://b.example/?a=1&p=2"
    assert identity({"id": ["x?a=1&copy=2"]}, S) == "x?a=1&copy=2"
    assert identity({"id": ["AbC"]}, S) != identity({"id": ["abc"]}, S)
    assert identity({"id": [" "], "url": ["https://x.example/1"]}, S) == "https://x.example/1"


def test_else_the_address_without_tracking():
    assert identity({"url": ["https://X.example:443/1?utm_source=a"]}, S) == "https://x.example/1"
    assert identity({"url": ["/jobs/1"]}, S) == "https://board.example/jobs/1"
    assert identity({"url": ["javascript:x"], "title": ["T"]}, S) == ""


def test_else_title_company_and_place():
    first = identity({"title": ["T"], "company": ["C"], "locations": ["A", "B"]}, S)
    assert first.startswith("h:")
    assert first == identity({"title": [" T "], "company": ["C"], "locations": ["B", "A"]}, S)
    assert first != identity({"title": ["T"], "company": ["C"], "locations": ["A"]}, S)
    assert identity({"title": ["T"]}, S) == ""
    assert identity({"company": ["C"]}, S) == ""


def test_a_long_id_is_hashed():
    assert len(identity({"id": ["x" * 5000]}, S)) == 34


@given(st.text(max_size=50))
def test_identity_is_kept_by_the_normaliser_and_hashes_to_8_bytes(text: str):
    found = identity({"id": [text], "title": ["T"], "company": ["C"]}, S)
    assert found
    assert one_line(found) == found
    assert len(identity_hash(found)) == 8
    job = to_job({"title": ["T"]}, external_id=found)
    assert isinstance(job, Job)
    assert job.external_id == found


@given(st.lists(st.binary(min_size=8, max_size=8) | st.sampled_from([b"\0" * 8, b"\xff" * 8, b"\0" * 7 + b"\1"])))
def test_a_set_of_identities_is_a_set(keys: list[bytes]):
    met, known = Identities(), set[bytes]()
    for key in keys:
        assert (key in met) == (key in known)
        assert met.add(key) == (key not in known)
        known.add(key)
    assert len(met) == len(known)
    assert len(Identities(b"".join(keys))) == len(known)


def test_identities_take_ten_bytes_each():
    tracemalloc.start()
    met = Identities(b"".join(identity_hash(str(n)) for n in range(100_000)))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(met) == 100_000
    assert held < 1_100_000
