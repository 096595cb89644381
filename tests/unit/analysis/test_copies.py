"""Listings of different sources that are one and the same: told by what they say, whatever the order."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis.copies import MOST_PAIRED, Candidate, candidate, copy_key, groups, is_copy

TEXT = "We are looking for an engineer who keeps our platform healthy and our customers happy. " * 6
OTHER = "The night shift in the warehouse needs somebody who can drive a forklift and count boxes. " * 6


def listing(id: str, run: int = 1, text: str = TEXT, *locations: str, remote: str | None = None) -> Candidate:
    """`id` begins with its source."""
    return candidate(id, id.partition(":")[0], run, text=text, locations=locations or ("Berlin",), remote=remote)


@pytest.mark.parametrize(
    ("company", "title"),
    [
        ("Acme GmbH & Co. KG", "Senior Data Engineer (m/w/d)"),
        ("ACME", "senior data engineer"),
        ("Acme, Inc.", "Data Engineer, Senior (Remote)"),
        ("Acme", "Senior Data Engineer [f/m/x]"),
        ("Acme", "Senior Data-Engineer m/w/d"),
    ],
)
def test_spellings_of_one_advertisement_share_a_block(company: str, title: str):
    assert copy_key(company, title) == copy_key("Acme", "Senior Data Engineer") != ""


@pytest.mark.parametrize(
    ("company", "title"),
    [("Acme Labs", "Senior Data Engineer"), ("Acme", "Data Engineer"), ("Acme", "Senior Data Engineer II")],
)
def test_another_company_or_title_is_another_block(company: str, title: str):
    assert copy_key(company, title) != copy_key("Acme", "Senior Data Engineer")


@pytest.mark.parametrize(("company", "title"), [("", "Engineer"), ("Acme", "(m/w/d)"), ("Acme", "Remote"), ("!", "x")])
def test_without_company_or_title_there_is_no_block(company: str, title: str):
    assert copy_key(company, title) == ""


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (listing("a:1"), listing("b:1"), True),
        (listing("a:1"), listing("b:1", 1, TEXT[:200] + " ..."), True),  # boards cut descriptions
        (listing("a:1"), listing("b:1", 1, TEXT.replace("happy", "glad")), True),
        (listing("a:1"), listing("b:1", 1, OTHER), False),
        (listing("a:1"), listing("b:1", 1, TEXT, "Berlin, Germany"), True),
        (listing("a:1"), listing("b:1", 1, TEXT, "Paris"), False),
        (listing("a:1"), listing("b:1", 1, TEXT, "Paris", "Berlin"), True),
        (listing("a:1"), candidate("b:1", "b", 1, text=TEXT, locations=(), remote="remote"), True),
        (listing("a:1", remote="onsite"), listing("b:1", remote="remote"), False),
        (listing("a:1", 1, "Short."), listing("b:1"), True),  # company, title and place agree
        (listing("a:1", 1, ""), candidate("b:1", "b", 1, text="", locations=(), remote=None), False),
    ],
)
def test_what_is_a_copy(one: Candidate, other: Candidate, alike: bool):
    assert is_copy(one, other) is is_copy(other, one) is alike


def test_the_first_of_a_group_is_the_one_that_was_imported_first():
    block = [listing("b:1", 3), listing("a:9", 2), listing("c:1", 2), listing("d:1", 1, OTHER)]
    assert groups(block) == dict.fromkeys(("b:1", "a:9", "c:1"), "a:9")


def test_listings_of_one_source_are_copies_only_through_another():
    assert groups([listing("a:1"), listing("a:2")]) == {}
    assert groups([listing("a:1"), listing("a:2"), listing("b:1", 2)]) == dict.fromkeys(("a:1", "a:2", "b:1"), "a:1")


def test_in_a_large_block_only_the_very_same_are_copies():
    block = [listing(f"a:{n}", 1, f"{n} {TEXT}") for n in range(MOST_PAIRED)]
    block += [listing("b:1", 2, f"7 {TEXT}"), listing("b:2", 2, TEXT)]
    assert groups(block) == {"a:7": "a:7", "b:1": "a:7"}


CANDIDATES = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(1, 3),
        st.sampled_from([TEXT, TEXT[:150], TEXT.replace("our", "the"), OTHER, "short"]),
        st.sampled_from([(), ("Berlin",), ("Berlin, Germany",), ("Paris",), ("Paris", "Berlin")]),
        st.sampled_from([None, "remote", "onsite"]),
    ),
    max_size=9,
)


@given(CANDIDATES, st.randoms(use_true_random=False))
def test_the_order_in_which_listings_are_met_changes_nothing(drawn: list[tuple[Any, ...]], rng: random.Random):
    block = [
        candidate(f"{source}:{n}", source, run, text=text, locations=places, remote=how)
        for n, (source, run, text, places, how) in enumerate(drawn)
    ]
    found = groups(block)
    shuffled = rng.sample(block, len(block))
    assert groups(shuffled) == found
    by_id = {one.id: one for one in block}
    for id, first in found.items():
        assert found[first] == first
        assert (by_id[first].first_run, first) <= (by_id[id].first_run, id)
        fellows = [other for other in found if found[other] == first and other != id]
        assert any(by_id[other].source != by_id[id].source for other in fellows)
    for one in block:
        for other in block:
            if one.source != other.source and is_copy(one, other):
                assert found[one.id] == found[other.id]
