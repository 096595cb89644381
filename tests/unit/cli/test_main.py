"""The command's frame: where the noun stands, exit codes, and one sentence for whatever goes wrong."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobimport_tui.cli.explain import explain, leaf
from jobimport_tui.cli.main import NOUNS, main, noun_at
from tests.feed_server import FeedServer, Reply
from workers.errors import ConfigError, HttpRefused, UnknownSource, Unreachable


def jobimport(*args: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "jobimport_tui.cli.main", *args]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environ}, timeout=60)


class TestNoun:
    @pytest.mark.parametrize(
        ("given", "at"),
        [
            (["runs", "list"], 0),
            (["--json", "runs", "list"], 1),
            (["--config", "runs", "jobs"], 2),
            (["--config=runs", "jobs"], 1),
            (["--redis", "r", "--mongo", "m", "--debug", "doctor"], 5),
            (["--config"], None),
            (["--section", "failed", "--filter", "jobicy", "--serve", "8001"], None),
            (["--section", "runs", "console"], 2),
            (["--serve", "doctor"], 1),
            ([], None),
        ],
    )
    def test_the_noun_is_no_flags_value(self, given: list[str], at: int | None):
        assert noun_at(given) == at

    @pytest.mark.parametrize("noun", NOUNS)
    def test_every_noun_has_help(self, noun: str, capsys: pytest.CaptureFixture[str]):
        with pytest.raises(SystemExit) as ended:
            main([noun, "--help"])
        assert ended.value.code == 0
        assert f"usage: jobimport {noun}" in capsys.readouterr().out

    def test_a_slip_of_the_pen_is_told_the_word_meant(self, capsys: pytest.CaptureFixture[str]):
        with pytest.raises(SystemExit) as ended:
            main(["imprt", "x"])
        assert ended.value.code == 2
        assert capsys.readouterr().err == "jobimport: no verb 'imprt': did you mean import? (see `jobimport --help`)\n"

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            (["runs"], "required: VERB"),
            (["runs", "show", "x"], "'x' is not a run's number, such as 12"),
            (["runs", "list", "--limit", "0"], "'0' is not a whole number of at least 1"),
            (["runs", "list", "--state", "odd"], "'odd' is not a list out of"),
            (["runs", "list", "--since", "yesterday"], "'yesterday' is neither an age such as 12h or 7d"),
            (["queues", "show", "--jsn"], "unrecognized arguments: --jsn"),
        ],
    )
    def test_usage_is_one_sentence_and_two(self, given: list[str], says: str, capsys: pytest.CaptureFixture[str]):
        with pytest.raises(SystemExit) as ended:
            main(given)
        told = capsys.readouterr()
        assert ended.value.code == 2
        assert told.out == ""
        assert told.err.startswith("jobimport: ")
        assert told.err.count("\n") == 1
        assert says in told.err


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "code", "says"),
        [
            (ConfigError("f.toml", "redis.url", 1, "text"), 2, "jobimport: f.toml: redis.url is 1: expected text\n"),
            (UnknownSource("no source 'x'"), 2, "jobimport: no source 'x'\n"),
            (
                Unreachable("Redis", "redis://h", "refused"),
                3,
                "jobimport: Redis at redis://h is unreachable: refused\n",
            ),
            (HttpRefused("https://x", 404), 1, "jobimport: https://x answered 404: expected 200 or 304\n"),
            (KeyboardInterrupt(), 130, ""),
        ],
    )
    def test_each_kind_has_its_code(
        self, error: BaseException, code: int, says: str, capsys: pytest.CaptureFixture[str]
    ):
        assert explain(error, debug=False) == code
        assert capsys.readouterr().err == says

    def test_what_a_feed_said_steers_no_terminal(self, capsys: pytest.CaptureFixture[str]):
        explain(UnknownSource("no source '\x1b[2J\u202e\nx'"), debug=False)
        assert capsys.readouterr().err == "jobimport: no source '[2J x'\n"

    def test_of_a_group_the_failure_that_we_name_is_told(self):
        ours = UnknownSource("ours")
        group = BaseExceptionGroup("g", [ValueError("x"), ExceptionGroup("h", [KeyError("y"), ours])])
        assert leaf(group) is ours
        assert isinstance(leaf(ExceptionGroup("g", [ValueError("x")])), ValueError)

    def test_a_fault_of_our_own_leaves_its_traceback_in_a_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        assert explain(_raised(), debug=False) == 1
        [file] = tmp_path.rglob("error-*.txt")
        told = capsys.readouterr().err
        assert told == f"jobimport: unexpected ZeroDivisionError: by zero; the traceback is in {file}\n"
        assert "Traceback (most recent call last)" in file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600

    def test_a_full_disk_is_no_fault_of_ours(self, capsys: pytest.CaptureFixture[str]):
        assert explain(OSError(errno.ENOSPC, "x", "out.csv"), debug=False) == 1
        assert (
            capsys.readouterr().err == "jobimport: not everything could be written: No space left on device: out.csv\n"
        )

    def test_debug_shows_the_traceback(self, capsys: pytest.CaptureFixture[str]):
        assert explain(_raised(), debug=True) == 1
        assert "Traceback (most recent call last)" in capsys.readouterr().err

    def test_where_no_file_can_be_written_debug_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
        assert explain(_raised(), debug=False) == 1
        assert "run it again with --debug" in capsys.readouterr().err


def _raised() -> Exception:
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError as error:
        return error


class TestProcess:
    def test_the_version_and_the_map(self):
        assert jobimport("--version").stdout.startswith("jobimport ")
        told = jobimport("--help")
        assert told.returncode == 0
        assert all(f"\n  {noun} " in told.stdout for noun in NOUNS)

    def test_without_a_terminal_there_is_no_console(self):
        done = jobimport()
        assert done.returncode == 2
        assert done.stderr.startswith("jobimport: the console needs a terminal")

    def test_a_broken_file_is_one_sentence(self, tmp_path: Path):
        (tmp_path / "jobimport.toml").write_text("[redis\n")
        done = jobimport("doctor", "--config", str(tmp_path))
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith(f"jobimport: {tmp_path / 'jobimport.toml'}: expected TOML, but ")
        assert done.stderr.count("\n") == 1

    def test_a_reader_that_has_had_enough_is_no_error(self, tmp_path: Path):
        for number in range(300):
            (tmp_path / f"s{number}.toml").write_text('url = "https://x.example/feed"\n')
        folder = tmp_path.parent / "many"
        folder.mkdir()
        tmp_path.rename(folder / "sources")
        flags = f"--json --config '{folder}' --mongo mongodb://127.0.0.1:9/x"
        command = f"'{sys.executable}' -m jobimport_tui.cli.main sources list {flags} | head -n 1"
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        assert done.stderr.startswith("jobimport: health is not known: MongoDB at 127.0.0.1:9 is unreachable")
        assert (done.stderr.count("\n"), done.stdout.count("\n")) == (1, 1)

    def test_nor_is_one_of_a_feed_that_is_still_being_read(self, tmp_path: Path):
        (tmp_path / "jobimport.toml").write_text('[fetch]\nallow_hosts = ["127.0.0.1"]\n')
        item = "<item><guid>{0}</guid><title>T {0}</title><link>https://x.example/{0}</link></item>"
        with FeedServer() as server:
            server.on(
                "/feed", Reply(f"<rss><channel>{''.join(map(item.format, range(3000)))}</channel></rss>".encode())
            )
            show = f"'{sys.executable}' -m jobimport_tui.cli.main preview '{server.url('/feed')}' --config '{tmp_path}'"
            command = ["bash", "-o", "pipefail", "-c", f"{show} | head -n 1"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
