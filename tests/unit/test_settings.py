"""workers.settings and workers.toml: who speaks last wins, and every fault is one sentence that can be acted on."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import ConfigError
from workers.settings import FILE_NAME, find_folder, load, variables
from workers.toml import mask, parse_seconds, parse_size


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, text: str) -> Path:
    file = folder / FILE_NAME
    file.write_text(text, "utf-8")
    return file


def refusal(folder: Path, **kwargs: object) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(folder, **{"environ": {}, **kwargs})  # pyright: ignore[reportArgumentType]
    return caught.value


class TestPrecedence:
    def test_without_a_file_every_setting_has_its_default(self, folder: Path) -> None:
        config = load(folder, environ={})
        assert config.folder == folder
        assert config.sources == folder / "sources"
        assert config.settings.redis.url == "redis://127.0.0.1:6379/0"
        assert config.settings.imports.batch_size == 500

    def test_flag_beats_variable_beats_file_beats_default(self, folder: Path) -> None:
        write(folder, '[redis]\nurl = "redis://file/0"\n[queue]\nlease = "20s"\nattempts = 4\n')
        environ = {"JOBIMPORT_REDIS_URL": "redis://variable/0", "JOBIMPORT_QUEUE_LEASE": "25s"}
        settings = load(folder, {"redis.url": "redis://flag/0", "mongo.url": None}, environ).settings
        assert settings.redis.url == "redis://flag/0"
        assert settings.queue.lease == 25
        assert settings.queue.attempts == 4
        assert settings.mongo.url == "mongodb://127.0.0.1:27017/jobimport"

    def test_variables_are_text_and_are_read_as_what_they_should_be(self, folder: Path) -> None:
        environ = {
            "JOBIMPORT_QUEUE_ATTEMPTS": "7",
            "JOBIMPORT_CLOSING_DROP_SHARE": "0.25",
            "JOBIMPORT_FETCH_MAX_BYTES": "20MB",
            "JOBIMPORT_FETCH_ALLOW_HOSTS": "127.0.0.1, feeds.example",
            "JOBIMPORT_IMPORT_BATCH_SIZE": "50",
        }
        settings = load(folder, environ=environ).settings
        assert settings.queue.attempts == 7
        assert settings.closing.drop_share == 0.25
        assert settings.fetch.max_bytes == 20_000_000
        assert settings.fetch.allow_hosts == ["127.0.0.1", "feeds.example"]
        assert settings.imports.batch_size == 50

    def test_an_empty_variable_says_nothing(self, folder: Path) -> None:
        assert load(folder, environ={"JOBIMPORT_QUEUE_ATTEMPTS": ""}).settings.queue.attempts == 3

    def test_every_variable_is_known_by_name(self) -> None:
        assert {"JOBIMPORT_CONFIG", "JOBIMPORT_REDIS_URL", "JOBIMPORT_IMPORT_BATCH_SIZE"} <= variables()

    def test_a_file_with_a_byte_order_mark_is_read(self, folder: Path) -> None:
        (folder / FILE_NAME).write_bytes(b"\xef\xbb\xbf[queue]\nattempts = 2\n")
        assert load(folder, environ={}).settings.queue.attempts == 2


class TestFolder:
    def test_a_named_folder_must_exist(self, tmp_path: Path) -> None:
        gone = str(tmp_path / "gone")
        for named, environ, where in ((gone, {}, "--config"), (None, {"JOBIMPORT_CONFIG": gone}, "JOBIMPORT_CONFIG")):
            with pytest.raises(ConfigError) as caught:
                find_folder(named, environ)
            assert str(caught.value) == f"{where} is {gone!r}: expected a folder with jobimport.toml and sources/"

    def test_flag_then_variable_then_here_then_the_users(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("flag", "variable"):
            (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
        environ = {"JOBIMPORT_CONFIG": str(tmp_path / "variable")}
        assert find_folder(tmp_path / "flag", environ) == tmp_path / "flag"
        assert find_folder(None, environ) == tmp_path / "variable"
        assert find_folder(None, {}) == tmp_path / "home" / "jobimport"
        (tmp_path / "config").mkdir()
        assert find_folder(None, {}) == tmp_path / "home" / "jobimport"  # some other program's config
        (tmp_path / "config" / "sources").mkdir()
        assert find_folder(None, {}) == Path("config")


# What is in the file -> what the message says after the file's name.
SENTENCES = {
    "[redis]\nurl = 1": "redis.url is 1: expected text",
    "redis = 1": "redis is 1: expected a table",
    '[redis]\nurl = "http://h"': "redis.url is 'http://h': expected a URL such as redis://127.0.0.1:6379/0",
    '[redis]\nurl = "redis://"': "redis.url is 'redis://': expected a URL such as redis://127.0.0.1:6379/0",
    '[redis]\nurl = "redis://[::1"': "redis.url is 'redis://[::1': expected a URL such as redis://127.0.0.1:6379/0",
    '[mongo]\nurl = "localhost"': "mongo.url is 'localhost': expected a URL such as "
    "mongodb://127.0.0.1:27017/jobimport",
    '[queue]\nlease = "soon"': "queue.lease is 'soon': expected a length of time such as "
    '30, "30s", "15m", "1h" or "30d"',
    "[queue]\nlease = true": 'queue.lease is True: expected a length of time such as 30, "30s", "15m", "1h" or "30d"',
    "[queue]\nlease = -1": 'queue.lease is -1: expected a length of time such as 30, "30s", "15m", "1h" or "30d"',
    "[queue]\nlease = 0": "queue.lease is 0.0: expected more than 0",
    "[queue]\nattempts = 0": "queue.attempts is 0: expected a whole number >= 1",
    '[queue]\nattempts = "3"': "queue.attempts is '3': expected a whole number",
    "[queue]\nattempts = 1.5": "queue.attempts is 1.5: expected a whole number",
    "[closing]\ndrop_share = 2": "closing.drop_share is 2: expected a number <= 1.0",
    '[fetch]\nmax_bytes = "1.5GB"': "fetch.max_bytes is '1.5GB': expected a size such as "
    '1048576, "64KiB", "20MB" or "1GiB"',
    "[fetch]\nallow_hosts = [1]": "fetch.allow_hosts[0] is 1: expected text",
    '[fetch]\nallow_hosts = "a"': "fetch.allow_hosts is 'a': expected a list",
    '[log]\nlevel = "info"': 'log.level is \'info\': expected one of "DEBUG", "INFO", "WARNING", "ERROR"',
    "[queue]\nleas = 1": "queue.leas is 1: expected a known key: attempts, backoff_base, backoff_max, lease, "
    "max_deliveries, message_timeout",
    "[import]\ndefault_schedule = 'hourly'": "import.default_schedule is 'hourly': expected five cron fields such as "
    '"0 * * * *", or ""',
}


class TestSentences:
    @pytest.mark.parametrize("text", SENTENCES)
    def test_a_bad_setting_is_named_with_file_key_value_and_what_was_expected(self, folder: Path, text: str) -> None:
        file = write(folder, text)
        assert str(refusal(folder)) == f"{file}: {SENTENCES[text]}"

    def test_an_unknown_section_is_told_the_known_ones(self, folder: Path) -> None:
        file = write(folder, "[imports]\nbatch_size = 3")
        error = refusal(folder)
        assert str(error).startswith(f"{file}: imports: expected a known key: closing, console, fetch, import, ")

    def test_broken_toml_is_told_its_line(self, folder: Path) -> None:
        file = write(folder, '[redis]\nurl = "redis://x\n')
        assert str(refusal(folder)).startswith(f"{file}: expected TOML, but ")
        assert "line 2" in str(refusal(folder))

    def test_a_file_that_is_not_utf8_is_told_where(self, folder: Path) -> None:
        (folder / FILE_NAME).write_bytes(b"# caf\xe9\n")
        assert str(refusal(folder)).endswith("expected UTF-8 text, but byte 5 is not")

    def test_a_folder_in_the_files_place(self, folder: Path) -> None:
        (folder / FILE_NAME).mkdir()
        assert "expected a readable file (Is a directory)" in str(refusal(folder))

    def test_a_variable_is_named_by_its_name(self, folder: Path) -> None:
        error = refusal(folder, environ={"JOBIMPORT_QUEUE_ATTEMPTS": "many"})
        assert str(error) == "JOBIMPORT_QUEUE_ATTEMPTS: queue.attempts is 'many': expected a whole number"

    def test_a_flag_is_named_as_it_is_typed(self, folder: Path) -> None:
        error = refusal(folder, overrides={"redis.url": "tcp://x"})
        assert str(error).startswith("--redis: redis.url is 'tcp://x': expected a URL such as redis://")

    def test_whoever_spoke_last_is_blamed(self, folder: Path) -> None:
        write(folder, "[queue]\nlease = 20")
        assert refusal(folder, environ={"JOBIMPORT_QUEUE_LEASE": "0"}).where == "JOBIMPORT_QUEUE_LEASE"

    def test_no_password_gets_into_a_message(self, folder: Path) -> None:
        write(folder, '[redis]\nurl = "amqp://user:hunter2@host/0"')
        assert "hunter2" not in str(refusal(folder))
        assert "amqp://user:***@host/0" in str(refusal(folder))


class TestLengthsAndSizes:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [(30, 30), ("30", 30), ("250ms", 0.25), ("90s", 90), ("1.5m", 90), (" 1h ", 3600), ("30d", 2_592_000)],
    )
    def test_lengths_of_time(self, text: str | int, seconds: float) -> None:
        assert parse_seconds(text) == seconds

    @pytest.mark.parametrize("text", ["", "h", "1w", "-1", "1h30m", "1e3", "inf", "nan", True, False, "9999999d", "१s"])
    def test_what_is_no_length_of_time(self, text: str | bool) -> None:
        with pytest.raises(ValueError, match="length of time"):
            parse_seconds(text)

    @pytest.mark.parametrize(
        ("text", "size"),
        [(1024, 1024), ("1024", 1024), ("64KiB", 65536), ("64kb", 64000), ("20 MB", 20_000_000), ("1GiB", 2**30)],
    )
    def test_sizes(self, text: str | int, size: int) -> None:
        assert parse_size(text) == size

    @pytest.mark.parametrize("text", ["", "MB", "1.5GB", "-1", "1TB", True, "9" * 40])
    def test_what_is_no_size(self, text: str | bool) -> None:
        with pytest.raises(ValueError, match="a size such as"):
            parse_size(text)

    @given(st.text())
    def test_any_text_is_a_length_of_time_or_a_value_error(self, text: str) -> None:
        try:
            assert parse_seconds(text) >= 0
        except ValueError as error:
            assert str(error).startswith("Expected a length of time")


class TestMask:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("redis://:secret@h:6379/0", "redis://:***@h:6379/0"),
            ("mongodb://u:p@a,b:1/db?replicaSet=r", "mongodb://u:***@a,b:1/db?replicaSet=r"),
            ("mongodb://u:p%40x@a/db", "mongodb://u:***@a/db"),
            ("https://x.example/feed?api_key=abc&page=2", "https://x.example/feed?api_key=***&page=2"),
            ("https://x.example/feed?monkey=1", "https://x.example/feed?monkey=1"),
            ("redis://u:secret@[::1", "redis://***@[::1"),
            ("redis://h/0", "redis://h/0"),
            ("a:b@c", "a:b@c"),
            (5, 5),
        ],
    )
    def test_what_is_secret_in_a_url_is_hidden(self, value: object, shown: object) -> None:
        assert mask(value) == shown

    @given(st.text(alphabet="abc:@/?=&[]#%.", max_size=30))
    def test_masking_never_fails(self, tail: str) -> None:
        mask(f"redis://{tail}")
