"""One key of a source's file is changed, and nothing else; what no source may be is refused and changes nothing."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import ConfigError, UnknownSource
from workers.model import Source
from workers.source_edits import KEYS, changed, keys_changed, set_key
from workers.sources import load_one

TEXT = """# jobs of Acme
url = "https://acme.example/feed"   # the new one
kind = "window"

[query]
schedule = "not the schedule"

[fields]
company = ["dc:creator"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "acme.toml").write_text(TEXT)
    return tmp_path


def file_of(folder: Path) -> str:
    return (folder / "acme.toml").read_text()


def test_a_key_is_added_before_the_tables_changed_with_its_comment_and_taken_out_again(folder: Path) -> None:
    assert set_key(folder, "acme", "schedule", "7 * * * *")
    assert file_of(folder) == TEXT.replace('"window"\n', '"window"\nschedule = "7 * * * *"\n')
    assert set_key(folder, "acme", "url", "https://acme.example/jobs#open")
    assert 'url = "https://acme.example/jobs#open"   # the new one\n' in file_of(folder)
    assert set_key(folder, "acme", "url", "https://acme.example/feed") and set_key(folder, "acme", "schedule", "")
    assert file_of(folder) == TEXT


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("schedule", "never", ""),
        ("min_interval", "90m", 5400.0),
        ("max_bytes", "20MB", 20_000_000),
        ("enabled", "false", False),
        ("kind", "snapshot", "snapshot"),
        ("company", 'Acme "Rockets" \\ Söhne', 'Acme "Rockets" \\ Söhne'),
    ],
)
def test_what_is_typed_is_read_as_a_file_says_it(folder: Path, key: str, text: str, value: object) -> None:
    assert set_key(folder, "acme", key, text)
    assert getattr(load_one(folder, "acme"), key) == value
    assert not set_key(folder, "acme", key, text)


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("url", "", "required"),
        ("url", "ftp://acme.example", "http"),
        ("schedule", "61 * * * *", "five cron fields"),
        ("kind", "whole", '"snapshot"'),
        ("enabled", "maybe", "true or false"),
        ("min_interval", "soon", "a length of time"),
        ("timezone", "Mars/Base", "Europe/Berlin"),
        ("headers", "x", "one of url"),
        ("name", "other", "one of url"),
    ],
)
def test_what_no_source_may_be_is_refused_and_nothing_is_written(folder: Path, key: str, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=key) as refused:
        set_key(folder, "acme", key, text)
    assert told in str(refused.value) and "acme.toml" in str(refused.value)
    assert file_of(folder) == TEXT
    assert [file.name for file in folder.iterdir()] == ["acme.toml"]


def test_a_source_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(UnknownSource, match="acme"):
        set_key(folder, "acne", "kind", "window")


@given(st.sampled_from(["company", "attribution", "item"]), st.text(min_size=1, max_size=30))
def test_any_text_comes_back_as_it_was_typed(key: str, text: str) -> None:
    source = Source(name="acme", url="https://acme.example/feed")
    after = changed(source, key, text, "acme.toml")
    assert getattr(after, key) == text
    assert keys_changed(source, after) == [key]
    assert changed(after, key, "", "acme.toml") == source


def test_every_key_that_is_no_table_can_be_changed() -> None:
    tables = {"fields", "headers", "query", "basic", "paging"}
    assert {field.name for field in msgspec.structs.fields(Source)} - tables - {"name"} == set(KEYS)
