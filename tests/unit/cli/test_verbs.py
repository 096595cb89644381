"""The verbs that need no server, and the sentences of those that do."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from jobimport_tui.cli import doctor, imports, report, sources, sources_trail, stack, worker
from jobimport_tui.cli.main import main
from jobimport_tui.cli.report import exit_code, sentence, with_totals
from workers.control import Requested
from workers.errors import ConfigError
from workers.model import BatchTotals, Counts, Event, LogEntry, Run, Source, Stats
from workers.queue.depth import LaneDepth, QueueDepths
from workers.queue.registry import WorkerInfo
from workers.settings import load
from workers.store.batches import RunTotals

DEEDS: list[str] = []
"""What was written down of who did what, without the name."""

QUEUED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def run_of(**facts: Any) -> Run:
    known: dict[str, Any] = {
        "id": 12,
        "source": "jobicy",
        "state": "succeeded",
        "active": False,
        "trigger": "cli",
        "queued_at": QUEUED,
        "finished_at": QUEUED + timedelta(seconds=3.2),
    }
    return Run(**{**known, **facts})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sources").mkdir()
    monkeypatch.setenv("JOBIMPORT_CONFIG", str(tmp_path))
    for name in ("JOBIMPORT_REDIS_URL", "JOBIMPORT_MONGO_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sources_trail, "write_down", lambda _, text, source: DEEDS.append(f"{text} {source}"))
    DEEDS.clear()
    return tmp_path


def source_file(folder: Path, name: str, text: str = "") -> Path:
    file = folder / "sources" / f"{name}.toml"
    file.write_text(f'url = "https://x.example/{name}"\n{text}')
    return file


class TestConfig:
    def test_show_masks_secrets(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        assert main(["config", "show", "--json", "--redis", "redis://:hunter2@h:1/0"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert shown["folder"] == str(folder)
        assert shown["settings"]["redis"]["url"] == "redis://:***@h:1/0"
        assert shown["settings"]["import"]["batch_size"] == 500
        assert main(["--redis", "redis://:hunter2@h:1/0", "config", "show"]) == 0
        assert "hunter2" not in capsys.readouterr().out

    def test_show_can_be_used_as_a_file(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        assert main(["config", "show"]) == 0
        (folder / "jobimport.toml").write_text(capsys.readouterr().out)
        assert load(folder, environ={}).settings == load(folder / "sources", environ={}).settings

    def test_check_names_every_broken_file(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        source_file(folder, "good")
        source_file(folder, "bad", "kind = 1")
        source_file(folder, "worse", "=")
        monkeypatch.setenv("JOBIMPORT_REDIS_ULR", "x")
        assert main(["config", "check", "--json"]) == 2
        told = json.loads(capsys.readouterr().out)
        assert told["sources"] == ["good"]
        assert len(told["errors"]) == 2
        assert told["warnings"] == ["JOBIMPORT_REDIS_ULR is read by nothing: did you mean JOBIMPORT_REDIS_URL?"]
        assert main(["config", "check"]) == 2
        assert capsys.readouterr().err.count("jobimport: ") == 3

    def test_check_of_what_is_well(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        source_file(folder, "good")
        assert main(["config", "check"]) == 0
        assert "1 source ok" in capsys.readouterr().out


class TestSources:
    def test_list_goes_on_past_a_broken_file(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        source_file(folder, "a", 'schedule = "0 9 * * *"\nmin_interval = "1h"')
        source_file(folder, "b", 'schedule = ""')
        source_file(folder, "c", "kind = 1")
        assert main(["sources", "list", "--json"]) == 2
        told = capsys.readouterr()
        first, second = map(json.loads, told.out.splitlines())
        assert first["name"] == "a"
        assert first["next_due"].endswith("T09:00:00Z")
        assert first["min_interval"] == 3600
        assert second["next_due"] is None
        assert "c.toml: kind is 1" in told.err
        assert main(["sources", "list"]) == 2
        assert "once in 1h" in capsys.readouterr().out

    def test_show_masks_what_is_secret(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        text = 'url = "https://u:hunter2@x.example/?token=hunter2"\n[headers]\nAuthorization = "env:TOKEN"\nX-A = "v"'
        (folder / "sources" / "a.toml").write_text(text)
        assert main(["sources", "show", "a"]) == 0
        assert main(["sources", "show", "a", "--json"]) == 0
        told = capsys.readouterr().out
        assert "hunter2" not in told
        assert '"headers": {"Authorization": "env:TOKEN", "X-A": "***"}' in told

    def test_disable_and_enable_leave_the_rest_of_the_file_alone(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ):
        file = source_file(folder, "a", "# why\nenabled = true  # by hand\n\n[fields]\ntitle = 't'\n")
        before = file.read_text()
        assert main(["sources", "disable", "a"]) == 0
        assert file.read_text() == before.replace("enabled = true", "enabled = false")
        assert main(["sources", "disable", "a", "--json"]) == 0
        assert json.loads(capsys.readouterr().out.splitlines()[1]) == {
            "source": "a",
            "enabled": False,
            "changed": False,
        }
        assert main(["sources", "enable", "a"]) == 0
        assert file.read_text() == before
        assert DEEDS == ["disabled the source a", "enabled the source a"]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "# last line without an end",
            "[headers]\nenabled = 'e'\n",
            '"enabled" = true\n',
            "company = '''\nenabled = true\n'''\n",
        ],
    )
    def test_however_the_file_is_written(self, folder: Path, text: str):
        file = source_file(folder, "a", text)
        config = load(folder, environ={})
        before = sources.load_one(config.sources, "a")
        assert main(["sources", "disable", "a"]) == 0
        after = sources.load_one(config.sources, "a")
        assert not after.enabled
        assert (after.fields, after.company) == (before.fields, before.company)
        assert file.exists()

    def test_remove_asks_and_needs_somebody_to_ask(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        file = source_file(folder, "a", "kind = 'broken'")
        assert main(["sources", "remove", "a"]) == 2
        assert "expected --yes" in capsys.readouterr().err
        assert file.exists()
        assert main(["sources", "remove", "a", "--yes"]) == 0
        assert not file.exists()
        assert main(["sources", "remove", "a", "--yes"]) == 2
        assert main(["sources", "remove", "../jobimport", "--yes"]) == 2

    @pytest.mark.parametrize(("typed", "code"), [("a\n", 0), ("b\n", 1), ("", 1)])
    def test_remove_takes_the_name_for_an_answer(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
    ):
        import io

        class Keyboard(io.StringIO):
            def isatty(self) -> bool:
                return True

        file = source_file(folder, "a")
        monkeypatch.setattr("sys.stdin", Keyboard(typed))
        assert main(["sources", "remove", "a"]) == code
        assert file.exists() == bool(code)
        assert bool(DEEDS) == (code == 0)


class TestPreview:
    FEED = (
        '<?xml version="1.0"?><rss version="2.0" xmlns:job_listing="https://x"><channel>'
        "<item><guid>1</guid><title>A &amp; B</title><job_listing:company>C</job_listing:company>"
        "<link>https://x.example/1</link></item>"
        "<item><guid>2</guid><title></title><job_listing:company>C</job_listing:company>"
        "<link>https://x.example/2</link></item>{end}"
    )

    def test_a_line_a_job_and_a_line_a_reject(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        feed = folder / "feed.xml"
        feed.write_text(self.FEED.format(end="</channel></rss>"))
        assert main(["preview", str(feed), "--json"]) == 0
        told = capsys.readouterr()
        job, reject = map(json.loads, told.out.splitlines())
        assert (job["title"], job["company"], job["status"], job["quality"]) == ("A & B", "C", "open", 28)
        assert not job.keys() & {"raw_hash", "content_hash", "first_run", "changed_run"}
        assert reject["reject"]["field"] == "title"
        assert "1 listing, 1 reject" in told.err
        assert main(["preview", str(feed), "--limit", "1"]) == 0
        assert capsys.readouterr().out.split("\n\n")[0].count("\n") == 0

    def test_which_path_found_each_field_is_told(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        feed = folder / "feed.xml"
        feed.write_text(self.FEED.format(end="</channel></rss>"))
        assert main(["preview", str(feed), "--json"]) == 0
        job, reject = map(json.loads, capsys.readouterr().out.splitlines())
        assert job["matched"]["company"] == reject["matched"]["company"] == "job_listing:company"
        assert job["matched"]["title"] == "title"
        assert "title" not in reject["matched"]
        assert main(["preview", str(feed)]) == 0
        told = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert ["company", "job_listing:company", "2", "100%"] in told
        assert ["title", "title", "1", "50%"] in told
        assert ["title", "(nowhere)", "1", "50%"] in told
        assert ["locations", "(nowhere)", "2", "100%"] in told

    def test_a_feed_that_breaks_gives_what_came_and_one(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        feed = folder / "feed.xml"
        feed.write_text(self.FEED.format(end=""))
        assert main(["preview", str(feed)]) == 1
        told = capsys.readouterr()
        assert "A & B" in told.out
        assert "jobimport: the feed breaks here: " in told.err

    def test_what_is_no_feed_is_one_sentence(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        page = folder / "page.html"
        page.write_text("<!doctype html><html><body>Sign in</body></html>")
        assert main(["preview", str(page)]) == 1
        told = capsys.readouterr().err
        assert told.startswith("jobimport: ")
        assert "HTML" in told
        assert "unexpected" not in told
        assert main(["preview", str(folder / "none.xml")]) == 2
        assert main(["preview", str(page), "--source", "none"]) == 2


class TestImport:
    def test_what_is_to_be_imported_must_be_said(self, folder: Path):
        config = load(folder, environ={})
        for names, everything in (([], False), (["a"], True), ([], True)):
            with pytest.raises(ConfigError):
                imports.choose(config, names, everything=everything)

    def test_all_are_those_that_are_enabled_and_can_be_read(self, folder: Path):
        source_file(folder, "a")
        source_file(folder, "b", "enabled = false")
        source_file(folder, "c", "kind = 1")
        config = load(folder, environ={})
        chosen, broken = imports.choose(config, [], everything=True)
        assert [source.name for source in chosen] == ["a"]
        assert len(broken) == 1
        assert [source.name for source in imports.choose(config, ["b", "a", "b"], everything=False)[0]] == ["b", "a"]

    def test_answers(self):
        source = Source(name="jobicy", url="https://x.example")
        waiting = run_of(state="queued", active=True, requested_by="ann", finished_at=None)
        for asked, text in (
            (Requested(waiting, opened=True), "jobicy: run 12 opened"),
            (Requested(waiting, opened=True, rung=False), "jobicy: run 12 accepted"),
            (Requested(waiting), "jobicy: run 12 is active already (queued), requested by ann"),
            (
                Requested(None, not_before=QUEUED),
                "jobicy: not fetched again before 2026-03-01 10:00:00 UTC (min_interval; --force overrides)",
            ),
        ):
            assert imports.answer(source, asked) == text


class TestReport:
    @pytest.mark.parametrize(
        ("state", "dead", "code"),
        [
            *(("succeeded", 0, 0), ("unchanged", 0, 0), ("partial", 0, 0), ("partial", 1, 1)),
            *(("degraded", 0, 1), ("failed", 0, 1), ("cancelled", 0, 1), ("importing", 0, 1)),
        ],
    )
    def test_exit_codes_of_a_waited_import(self, state: Any, dead: int, code: int):
        assert exit_code(run_of(state=state, batches=BatchTotals(total=2, done=2 - dead, dead=dead))) == code

    def test_sentences(self):
        stats = Stats(total=1500, new=1200, unchanged=298, failed=2, duplicates=1)
        entry = LogEntry(at=QUEUED, level="error", code="x", text="the feed broke")
        assert sentence(
            run_of(stats=stats, state="partial", batches=BatchTotals(total=3, done=3), error_log=[entry])
        ) == (
            "jobicy: run 12 partial; 1,500 listings (1,200 new, 0 updated, 298 unchanged, 2 failed, 1 duplicate); "
            "in 3.2s; the feed broke"
        )
        assert sentence(run_of(state="unchanged")) == "jobicy: run 12 unchanged; in 3.2s"
        importing = run_of(state="importing", active=True, batches=BatchTotals(total=3, done=1), finished_at=None)
        assert sentence(importing) == (
            "jobicy: run 12 importing; 0 listings (0 new, 0 updated, 0 unchanged); batch 1 of 3"
        )

    def test_an_active_run_has_the_sums_of_its_rows(self):
        sums = RunTotals(total=3, pending=1, done=2, counts=Counts(new=5, unchanged=5))
        active = run_of(state="importing", active=True, batches=BatchTotals(total=3))
        assert with_totals(active, sums).stats == Stats(total=10, new=5, unchanged=5)
        assert with_totals(active, sums).batches == BatchTotals(total=3, done=2)
        assert with_totals(run_of(), sums) == run_of()

    def test_the_object_has_the_keys_of_the_design(self):
        keys = {"run_id", "source", "state", "stats", "batches", "error_log", "started_at", "finished_at"}
        assert keys <= report.as_object(run_of()).keys()

    def test_an_event_is_one_inert_line(self):
        event = Event(kind="dead", at=0.0, source="a", batch="1:0001", text="bad\x1b[2J\nthing")
        assert stack.event_line(event) == "dead a 1:0001: bad[2J thing"
        event = Event(kind="run", at=0.0, run=1, source="a", state="fetching", stats=Stats(), text="requested")
        assert stack.event_line(event) == "a: run 1 fetching: requested"


class TestWorker:
    def test_lanes(self):
        assert worker.lanes(None) == ("fetch", "upsert", "close")
        assert worker.lanes(" close, fetch") == ("fetch", "close")
        for text in ("", "fetch,", "high"):
            with pytest.raises(ConfigError, match="expected a list out of fetch, upsert, close"):
                worker.lanes(text)


class TestDoctor:
    INFO: ClassVar = {"redis_version": "7.2.4", "aof_enabled": 1, "maxmemory_policy": "noeviction"}

    def levels(self, **info: Any) -> list[str]:
        return [check.level for check in doctor.of_redis_info({**self.INFO, **info})]

    def test_redis_as_we_need_it(self):
        assert self.levels() == ["ok", "ok", "ok"]
        assert self.levels(redis_version="6.2.14") == ["ok", "ok", "ok"]
        assert self.levels(redis_version="6.0.16") == ["fail", "ok", "ok"]
        assert self.levels(redis_version="10.0.0") == ["ok", "ok", "ok"]
        assert self.levels(aof_enabled=0) == ["ok", "warn", "ok"]
        assert self.levels(maxmemory_policy="allkeys-lru") == ["ok", "ok", "fail"]

    def test_workers(self):
        alive = WorkerInfo(id="a", host="h", pid=1, lanes=[], slots=4, busy=1, beat_age_s=1)
        silent = WorkerInfo(id="b", host="h", pid=2, lanes=[], slots=4, busy=0, beat_age_s=90)
        assert [check.level for check in doctor.of_workers([alive])] == ["ok"]
        assert [check.level for check in doctor.of_workers([alive, silent])] == ["ok", "warn"]
        assert [check.level for check in doctor.of_workers([])] == ["fail"]

    def test_queues(self):
        old = LaneDepth(lane="fetch", waiting=1, running=0, oldest_ms=0, paused=False)
        depths = QueueDepths(lanes=(old,), delayed=0, dead=2, at_ms=3_600_000, paused=frozenset({"upsert"}))
        texts = [(check.level, check.text) for check in doctor.of_depths(depths)]
        assert texts == [
            ("ok", "1 waiting, 0 delayed"),
            ("warn", "the oldest of fetch is 1h old"),
            ("warn", "paused: upsert"),
            ("warn", "2 dead letters"),
        ]

    def test_files(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        (folder / "jobimport.toml").write_text('[fetch]\nuser_agent = "me (+mailto:me@x.example)"')
        source_file(folder, "a", '[headers]\nAuthorization = "env:JOBIMPORTER_TEST_TOKEN"')
        checks = doctor.of_files(load(folder, environ={}))
        assert [check.level for check in checks if check.name == "sources"] == ["ok", "warn"]
        monkeypatch.setenv("JOBIMPORTER_TEST_TOKEN", "x")
        checks = doctor.of_files(load(folder, environ={}))
        assert {check.level for check in checks} == {"ok"}
        source_file(folder, "b", "kind = 1")
        assert "fail" in {check.level for check in doctor.of_files(load(folder, environ={}))}
