"""workers.sources and workers.schedule: one file a source, read strictly, written whole, due when its cron says."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.errors import ConfigError, UnknownSource
from workers.feeds.dialect import FIELDS
from workers.model.source import Seconds, Size, Source
from workers.schedule import is_schedule
from workers.sources import (
    is_name,
    last_due,
    load_all,
    load_each,
    load_file,
    load_one,
    next_due,
    plain,
    remove,
    save,
)

URL = 'url = "https://x.example/feed"\n'
LEAST = Source(name="x", url="https://x.example/feed")


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / f"{name}.toml"
    file.write_text(text, "utf-8")
    return file


def refusal(folder: Path, text: str, name: str = "x") -> str:
    file = write(folder, name, text)
    with pytest.raises(ConfigError) as caught:
        load_file(file)
    return str(caught.value).replace(str(file), "FILE")


class TestReading:
    def test_the_least_that_a_source_needs_is_a_url(self, tmp_path: Path) -> None:
        assert load_file(write(tmp_path, "x", URL)) == LEAST

    def test_everything_that_a_source_may_say(self, tmp_path: Path) -> None:
        text = """
            url = "https://jobicy.example/?feed=job_feed"
            format = "rss"
            kind = "snapshot"
            schedule = "15 */2 * * mon-fri"
            priority = "high"
            enabled = false
            min_interval = "1h"
            timezone = "Europe/Berlin"
            date_order = "dmy"
            max_bytes = "20MB"
            rate = "10/m"
            location_split = ""
            url_template = "https://x.example/job/{id}"
            [headers]
            Authorization = "env:JOBICY_TOKEN"
            Accept = "application/xml"
            [fields]
            company = ["job_listing:company", "dc:creator"]
            title = "t"
        """
        source = load_file(write(tmp_path, "jobicy", text))
        assert source.name == "jobicy"
        assert source.min_interval == 3600
        assert source.max_bytes == 20_000_000
        assert source.fields == {"company": ["job_listing:company", "dc:creator"], "title": "t"}
        assert source.location_split == ""
        assert not source.enabled

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "FILE: url: expected this key, which is required"),
            ("url = 1", "FILE: url is 1: expected text"),
            ('url = "ftp://x"', "FILE: url is 'ftp://x': expected an http:// or https:// URL"),
            ('url = "x.example/feed"', "FILE: url is 'x.example/feed': expected an http:// or https:// URL"),
            ('url = "http://[::1"', "FILE: url is 'http://[::1': expected an http:// or https:// URL"),
            ('url = "http://h:99999/"', "FILE: url is 'http://h:99999/': expected an http:// or https:// URL"),
            ('url = "http://h/a b"', "FILE: url is 'http://h/a b': expected an http:// or https:// URL"),
            (URL + 'kind = "all"', 'FILE: kind is \'all\': expected one of "snapshot", "window", "query"'),
            (
                URL + 'schedule = "hourly"',
                'FILE: schedule is \'hourly\': expected five cron fields such as "0 * * * *", or ""',
            ),
            (URL + 'timezone = "Berlin"', "FILE: timezone is 'Berlin': expected a zone name such as \"Europe/Berlin\""),
            (URL + 'timezone = "../x"', "FILE: timezone is '../x': expected a zone name such as \"Europe/Berlin\""),
            (URL + 'rate = "10"', "FILE: rate is '10': expected a number a unit of time, such as \"10/m\""),
            (URL + 'rate = "0/m"', "FILE: rate is '0/m': expected a number a unit of time, such as \"10/m\""),
            (URL + 'url_template = "https://x/"', "FILE: url_template is 'https://x/': expected a URL with {id} in it"),
            (URL + "max_bytes = 0", "FILE: max_bytes is 0: expected more than 0"),
            (URL + 'name = "y"', "FILE: name is 'y': expected no such key: the file's name is the source's name"),
            (URL + "[fields]\ncompany = 1", "FILE: fields.company is 1: expected text or a list"),
            (URL + '[fields]\ncompany = ["a", 1]', "FILE: fields.company is ['a', 1]: expected text"),
            (
                URL + '[headers]\nAuthorization = "Bearer hunter2"',
                'FILE: headers.Authorization: expected a reference, "env:NAME" or "file:PATH": '
                "a source file holds no secrets",
            ),
            (URL + "[headers]\nX-Api-Key = 12345", "FILE: headers.X-Api-Key: expected text"),
        ],
    )
    def test_a_bad_source_is_told_file_key_value_and_what_was_expected(
        self, tmp_path: Path, text: str, sentence: str
    ) -> None:
        assert refusal(tmp_path, text) == sentence

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ('[fields]\ntitle = "a"\ncompany = ["b", "c{d"]', "FILE:4: fields.company is 'c{d': expected a path"),
            ('[fields]\nsalry = "a"', "FILE:3: fields.salry: expected one of id, title, company"),
            ('format = "nosuch"', "FILE:2: format is 'nosuch': expected auto or one of adzuna, "),
            ('format = "rss"\n[fields]\nurl = "jmespath:a"', "FILE:4: fields.url is 'jmespath:a': expected"),
        ],
    )
    def test_what_no_feed_could_be_read_by_is_told_with_its_line(
        self, tmp_path: Path, text: str, sentence: str
    ) -> None:
        assert refusal(tmp_path, URL + text).startswith(sentence)

    def test_an_unknown_key_is_told_the_known_ones(self, tmp_path: Path) -> None:
        sentence = refusal(tmp_path, URL + 'shedule = "0 * * * *"')
        assert sentence.startswith("FILE: shedule is '0 * * * *': expected a known key: attribution, basic, company, ")

    def test_a_password_in_the_url_is_not_shown(self, tmp_path: Path) -> None:
        assert "hunter2" not in refusal(tmp_path, 'url = "ftp://u:hunter2@x"')

    @pytest.mark.parametrize("name", ["Upper", "under_score", "a" * 65, "é", "with space"])
    def test_a_file_whose_name_can_be_no_source(self, tmp_path: Path, name: str) -> None:
        assert refusal(tmp_path, URL, name) == "FILE: expected a file name of 1 to 64 characters a-z, 0-9 and -"

    def test_a_name_is_a_whole_line(self) -> None:
        assert is_name("a-1")
        assert not is_name("a\n")
        assert not is_name("")


class TestFolder:
    def test_a_folder_that_does_not_exist_holds_none(self, tmp_path: Path) -> None:
        assert load_all(tmp_path / "none") == {}
        assert load_each(tmp_path / "none") == ({}, [])

    def test_only_toml_files_that_no_editor_left_behind(self, tmp_path: Path) -> None:
        write(tmp_path, "b", URL)
        write(tmp_path, "a", URL)
        (tmp_path / ".a.toml").write_text("half")
        (tmp_path / ".#b.toml").symlink_to("nowhere")
        (tmp_path / "a.toml~").write_text("old")
        assert list(load_all(tmp_path)) == ["a", "b"]

    def test_one_broken_file_stops_no_other(self, tmp_path: Path) -> None:
        write(tmp_path, "bad", "url = 1")
        write(tmp_path, "good", URL)
        sources, errors = load_each(tmp_path)
        assert list(sources) == ["good"]
        assert [error.key for error in errors] == ["url"]
        with pytest.raises(ConfigError):
            load_all(tmp_path)

    def test_an_unknown_name_is_told_the_known_ones(self, tmp_path: Path) -> None:
        for name in ("jobicy", "remotive"):
            write(tmp_path, name, URL)
        for name in ("jobicyy", "../jobicy", "", "jobicy\n"):
            with pytest.raises(UnknownSource, match="it has jobicy, remotive"):
                load_one(tmp_path, name)

    def test_among_many_the_nearest_are_told(self, tmp_path: Path) -> None:
        for number in range(20):
            write(tmp_path, f"board-{number}", URL)
        write(tmp_path, "jobicy", URL)
        with pytest.raises(UnknownSource, match=r"it has jobicy$"):
            load_one(tmp_path, "jobicyy")
        with pytest.raises(UnknownSource, match="it has 21 others"):
            load_one(tmp_path, "zzz")


TEXTS = st.text(max_size=20)
PATHS = st.sampled_from(["a", "dc:creator", "a ?? 'b'", '"\t\\ü"', "a | join '\n'"])
SOURCES = st.builds(
    Source,
    name=st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True),
    url=st.sampled_from(["https://x.example/feed", "http://127.0.0.1:8080/a?b=c"]),
    format=st.sampled_from(["auto", "rss", "lever"]),
    kind=st.sampled_from(["snapshot", "window", "query"]),
    schedule=st.sampled_from([None, "", "0 * * * *", "*/5 1-3 * jan mon"]),
    enabled=st.booleans(),
    min_interval=st.one_of(st.integers(0, 10**7), st.floats(0.001, 10**6)).map(lambda s: Seconds(round(s, 3))),
    attribution=TEXTS,
    company=TEXTS,
    location_split=st.none() | TEXTS,
    fields=st.dictionaries(st.sampled_from(FIELDS), PATHS | st.lists(PATHS, max_size=3), max_size=3),
    max_bytes=st.none() | st.integers(1, 2**40).map(Size),
    headers=st.dictionaries(st.sampled_from(["Accept", "X-Team", "Authorization"]), st.just("env:NAME")),
)


class TestWriting:
    @given(SOURCES)
    @settings(max_examples=60)
    def test_what_is_saved_is_read_back(self, tmp_path_factory: pytest.TempPathFactory, source: Source) -> None:
        folder = tmp_path_factory.mktemp("sources")
        assert load_file(save(folder, source)) == source

    def test_only_what_differs_from_the_defaults_is_written(self) -> None:
        source = msgspec.structs.replace(LEAST, min_interval=Seconds(5400), headers={"A": "env:B"}, schedule="")
        assert plain(source) == {
            "url": LEAST.url,
            "schedule": "",
            "min_interval": "90m",
            "headers": {"A": "env:B"},
        }

    def test_a_source_that_could_not_be_read_is_not_written(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"fields\.title is 'a\{'"):
            save(tmp_path, msgspec.structs.replace(LEAST, fields={"title": "a{"}))
        with pytest.raises(ConfigError, match="url is 'nowhere'"):
            save(tmp_path, msgspec.structs.replace(LEAST, url="nowhere"))
        with pytest.raises(ConfigError, match=r"name is '\.\./x'"):
            save(tmp_path, msgspec.structs.replace(LEAST, name="../x"))
        assert list(tmp_path.iterdir()) == []

    def test_a_reader_sees_the_old_file_or_the_new_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = save(tmp_path, LEAST)
        file.chmod(0o640)

        def crash(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", crash)
        with pytest.raises(ConfigError, match=r"x\.toml: expected a file that can be written \(No space left"):
            save(tmp_path, msgspec.structs.replace(LEAST, company="New"))
        assert load_file(file) == LEAST
        assert list(tmp_path.iterdir()) == [file]
        monkeypatch.undo()
        save(tmp_path, msgspec.structs.replace(LEAST, company="New"))
        assert load_file(file).company == "New"
        assert file.stat().st_mode & 0o777 == 0o640

    def test_a_source_is_removed_by_its_name_alone(self, tmp_path: Path) -> None:
        outside = write(tmp_path, "outside", URL)
        folder = tmp_path / "sources"
        file = save(folder, LEAST)
        with pytest.raises(UnknownSource):
            remove(folder, "../outside")
        assert remove(folder, "x") == file
        assert not file.exists()
        assert outside.exists()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestSchedule:
    @pytest.mark.parametrize(
        "text", ["", "0 * * * *", "59 * * * *", "*/5 1-3,7 1 jan mon", "0 0 L * *", "0 9 * * mon#1"]
    )
    def test_schedules(self, text: str) -> None:
        assert is_schedule(text)

    @pytest.mark.parametrize(
        "text",
        [
            "hourly",
            "@hourly",
            "* * * * * *",
            "60 * * * *",
            "0 0 30 2 *",
            "R R * * *",
            "*/0 * * * *",
            "0 * * *",
            "é * * * *",
        ],
    )
    def test_what_has_no_next_slot_or_not_the_same_for_all_is_no_schedule(self, text: str) -> None:
        assert not is_schedule(text)

    @given(st.text(alphabet="0123456789*/,-#LR ajnmo", max_size=20))
    def test_any_text_is_a_schedule_or_is_not(self, text: str) -> None:
        is_schedule(text)

    def test_a_source_without_one_has_the_default(self) -> None:
        now = at("2026-03-01T10:17:31.5")
        assert next_due(LEAST, "0 * * * *", now) == at("2026-03-01T11:00:00")
        assert last_due(LEAST, "0 * * * *", now) == at("2026-03-01T10:00:00")
        own = msgspec.structs.replace(LEAST, schedule="15 * * * *")
        assert last_due(own, "0 * * * *", now) == at("2026-03-01T10:15:00")

    def test_never_by_itself(self) -> None:
        now = at("2026-03-01T10:17:31")
        for source in (
            msgspec.structs.replace(LEAST, schedule=""),
            msgspec.structs.replace(LEAST, enabled=False, schedule="0 * * * *"),
        ):
            assert next_due(source, "0 * * * *", now) is None
            assert last_due(source, "0 * * * *", now) is None
        assert last_due(LEAST, "", now) is None

    def test_a_slot_that_is_due_this_very_minute_counts(self) -> None:
        for now in ("2026-03-01T10:00:00", "2026-03-01T10:00:00.001", "2026-03-01T10:00:59.999"):
            assert last_due(LEAST, "0 * * * *", at(now)) == at("2026-03-01T10:00:00")
        assert last_due(LEAST, "0 * * * *", at("2026-03-01T09:59:59.999")) == at("2026-03-01T09:00:00")

    def test_the_schedule_is_read_in_the_sources_time_zone(self) -> None:
        source = msgspec.structs.replace(LEAST, schedule="0 9 * * *", timezone="Europe/Berlin")
        assert last_due(source, "", at("2026-01-15T12:00:00")) == at("2026-01-15T08:00:00")
        assert last_due(source, "", at("2026-07-15T12:00:00")) == at("2026-07-15T07:00:00")

    @given(
        st.integers(1_577_836_800, 2_051_222_400),
        st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
        st.sampled_from(["0 * * * *", "*/7 * * * *", "30 2 * * *", "30 1 * * sun", "0 9 1 * *", "59 23 * * *"]),
    )
    @settings(max_examples=200, deadline=None)
    def test_slots_stand_in_one_row(self, moment: int, timezone: str, schedule: str) -> None:
        source = msgspec.structs.replace(LEAST, schedule=schedule, timezone=timezone)
        now = datetime.fromtimestamp(moment, UTC)
        last, following = last_due(source, "", now), next_due(source, "", now)
        assert last is not None
        assert following is not None
        assert last <= now < following
        # Until the next slot nothing else becomes due, and a slot is due at its own moment.
        assert last_due(source, "", following - timedelta(seconds=1)) == last
        assert last_due(source, "", following) == following
        assert last_due(source, "", last) == last
