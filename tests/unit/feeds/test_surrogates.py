"""Halves of emojis that JSON spells out: replaced where they are alone, whatever the chunks, and nothing else moves."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.feeds.reading import read
from workers.feeds.surrogates import WithoutLoneSurrogates


def filtered(data: bytes, cuts: list[int]) -> bytes:
    bounds = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    each = WithoutLoneSurrogates()
    return b"".join(each.feed(data[start:end]) for start, end in pairwise(bounds)) + each.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\uD83D\uDE00"', "\U0001f600"),
        (r'"a\ud83d"', "a\ufffd"),
        (r'"\ude00\ud83d"', "\ufffd\ufffd"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (r'"\ud83d\n"', "\ufffd\n"),
        (r'"\\ud83d"', r"\ud83d"),
        (r'"\\\ud83d"', "\\\ufffd"),
        (r'"\ud7ff\ue000"', "\ud7ff\ue000"),
    ],
)
def test_only_what_is_alone_is_replaced(text: str, expected: str):
    for size in range(1, len(text) + 1):
        cuts = list(range(0, len(text), size))
        assert json.loads(filtered(text.encode(), cuts)) == expected


PIECES = st.sampled_from(["\\", "\\\\", "\\u", "\\ud83d", "\\ude00", "\\uD8", "\\n", "u", "d83d", '"', "x", "\\u00e9"])


@given(st.lists(PIECES, max_size=12).map("".join), st.lists(st.integers(0, 60), max_size=6))
def test_chunks_change_nothing_and_what_json_can_read_stays_what_it_was(text: str, cuts: list[int]):
    data = f'"{text}"'.encode()
    got = filtered(data, cuts)
    assert got == filtered(data, [])
    try:
        before = json.loads(data)
    except ValueError:
        return
    assert json.loads(got) == before.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_half_an_emoji_costs_neither_its_listing_nor_the_others():
    item = r'{"id":%d,"title":"T","absolute_url":"/j/%d","content":"Grow \ud83d"}'
    data = ('{"jobs":[' + ",".join(item % (n, n) for n in range(3)) + "]}").encode()
    for size in (0, 1, 7):
        items = read(data, size=size)
        assert [each.fields["description"] for each in items] == [["Grow \ufffd"]] * 3
