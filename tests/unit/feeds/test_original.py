"""An item that is kept gives, mapped again, what the feed's reader gave: for every dialect there is."""

import json
from typing import Any

import pytest

from tests.unit.feeds.reading import SAMPLES, URL, read, source
from workers.errors import ConfigError
from workers.feeds import reader as reading
from workers.feeds.original import LIMIT, is_doubtful, keep, mapping_of_today, remap, shown
from workers.feeds.reader import FeedReader

EXPECTED: dict[str, Any] = json.loads((SAMPLES / "expected.json").read_text("utf-8"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_kept_item_is_mapped_again_as_it_was(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "is_doubtful", lambda *_: True)
    of = source(**EXPECTED[name].get("source", {}))
    reader = FeedReader(of, base_url=URL)
    items = reader.feed((SAMPLES / name).read_bytes()) + reader.close()
    mapping = mapping_of_today(of, reader.dialect)
    assert items
    for item in items:
        assert item.original
        assert remap(item.original, item.position, mapping, of) == item


def test_only_what_looks_like_a_reject_is_kept():
    good = "<item><title>Cook</title><guid>1</guid></item>"
    bad = (
        "<item><guid>2</guid><job>Baker</job></item>",
        "<item><title>&lt;b&gt; &lt;/b&gt;</title><guid>3</guid></item>",
    )
    items = read(f"<rss><channel>{good}{bad[0]}{bad[1]}</channel></rss>".encode())
    assert [bool(item.original) for item in items] == [False, True, True]
    assert is_doubtful("4", {"title": ["\u200b"]})
    assert not is_doubtful("4", {"title": ["R&D"]})


def test_another_mapping_finds_what_the_first_did_not():
    feed = b"<rss><channel><item><guid>2</guid><job>Baker</job></item></channel></rss>"
    [item] = read(feed)
    changed = source(fields={"title": ["title", "job"]})
    again = remap(item.original, item.position, mapping_of_today(changed, "rss"), changed)
    assert (again.external_id, again.fields["title"]) == ("2", ["Baker"])
    assert again.raw_hash == read(feed, changed)[0].raw_hash


def test_too_large_or_unstorable_an_item_is_not_kept():
    assert keep({"a": "x" * (LIMIT - 100)})
    assert not keep({"a": "x" * LIMIT})
    assert not keep({"a": "\ud800"})
    assert shown(keep({"a": "b"})) == {"a": "b"}


def test_a_dialect_of_another_kind_is_refused_in_a_sentence():
    json_source = source(format="lever")
    with pytest.raises(ConfigError, match="a dialect of xml"):
        remap(
            read(b"<rss><channel><item><guid>2</guid></item></channel></rss>")[0].original,
            0,
            mapping_of_today(json_source, ""),
            json_source,
        )
    with pytest.raises(ConfigError, match="does not tell"):
        mapping_of_today(source(), "")
