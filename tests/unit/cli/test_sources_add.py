"""`sources add|edit|test` against a real server of feeds: what is looked at, what is asked, what is written."""

import io
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from jobimport_tui.cli import sources_left, sources_look, sources_trail
from jobimport_tui.cli.main import main
from jobimport_tui.cli.sources_left import Left
from tests.feed_server import Call, FeedServer, Reply
from tests.unit.cli.test_verbs import QUEUED, run_of
from tests.unit.feeds.reading import SAMPLES
from workers.feeds.dialect import dialects
from workers.proposals import propose_company, propose_kind, propose_name, propose_schedule
from workers.schedule import is_schedule

DEEDS: list[str] = []
"""What was written down of who did what, without the name."""

BOARD = (SAMPLES / "lever.json").read_bytes()


class Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "jobimport.toml").write_text('[fetch]\nallow_hosts = ["127.0.0.1"]\n')
    monkeypatch.setenv("JOBIMPORT_CONFIG", str(tmp_path))
    monkeypatch.setattr(sources_left, "left_behind", lambda *_: Left(0, None, ""))
    monkeypatch.setattr(sources_trail, "write_down", lambda _, text, source: DEEDS.append(f"{text} {source}"))
    DEEDS.clear()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "sources").glob("*")) if (folder / "sources").is_dir() else []


class TestAdd:
    def test_with_flags_alone_it_writes_what_was_looked_at(
        self, folder: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
    ):
        url = server.on("/b", Reply(BOARD))
        flags = ["--name", "acme", "--schedule", "5 * * * *", "--company", "Acme", "--header", "X-Key=env:HOME"]
        assert main(["sources", "add", url, *flags, "--yes", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["written"] == str(folder / "sources" / "acme.toml")
        assert (told["dialect"], told["listings"], told["source"]["kind"]) == ("lever", 2, "snapshot")
        assert [job["title"] for job in told["jobs"]] == ["Backend Engineer", "Intern"]
        assert told["missing"] == []
        assert DEEDS == ["added the source acme"]
        assert tomllib.loads((folder / "sources" / "acme.toml").read_text()) == {
            "url": url,
            "format": "lever",
            "kind": "snapshot",
            "schedule": "5 * * * *",
            "company": "Acme",
            "headers": {"X-Key": "env:HOME"},
        }
        assert files(folder) == ["acme.toml"]

    def test_what_is_missing_and_what_cannot_be_read_is_shown(
        self, folder: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
    ):
        feed = b'[{"id":"1","text":"Cook","hostedUrl":"https://x.example/1","createdAt":"03/04/2026"}]'
        assert main(["sources", "add", server.on("/b", Reply(feed)), "--yes"]) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert "company 0% 0% missing" in told
        assert "posted_at 100% 0% cannot be read: '03/04/2026'" in told
        assert "127-0-0-1.toml written" in told

    def test_all_pages_of_a_paged_format_are_looked_at_and_the_file_reads_them_too(
        self, folder: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
    ):
        sample = json.loads((SAMPLES / "arbeitnow.json").read_bytes())

        def page(call: Call) -> None:
            number = int(parse_qs(urlsplit(call.request.path).query).get("page", ["1"])[0])
            rows = [{**sample["data"][0], "slug": f"p{number}-{n}"} for n in range(10)] if number <= 3 else []
            call.reply(Reply(json.dumps({"data": rows}).encode(), content_type="application/json"))

        url = server.on("/b", page)
        assert main(["sources", "add", url, "--name", "paged", "--yes"]) == 0
        assert capsys.readouterr().out.startswith("arbeitnow: 30 listings, 4 pages\n")
        assert main(["preview", "paged", "--json"]) == 0
        assert capsys.readouterr().out.count("\n") == 30
        assert main(["sources", "test", "paged", "--json", "--limit", "15"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["pages"], told["read"], told["is_whole"], told["problems"]) == (2, 15, False, [])

    def test_a_page_that_is_refused_is_told_and_nothing_is_written(
        self, folder: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
    ):
        first = (SAMPLES / "arbeitnow.json").read_bytes()
        url = server.on("/b", Reply(first, content_type="application/json"), Reply(status=403))
        assert main(["sources", "add", url, "--name", "paged", "--yes"]) == 1
        told = capsys.readouterr()
        assert told.out.startswith("arbeitnow: 2 listings, 2 pages\n")
        assert "jobimport: page 2: " in told.err
        assert files(folder) == []

    def test_ten_listings_are_shown_of_a_feed_of_thousands(
        self, folder: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
    ):
        items = b"".join(b"<item><guid>%d</guid><title>Cook %d</title></item>" % (n, n) for n in range(3000))
        url = server.on("/b", Reply(b"<rss><channel>" + items + b"</channel></rss>"))
        assert main(["sources", "add", url, "--name", "many", "--yes"]) == 0
        told = capsys.readouterr().out
        assert told.startswith("rss: 1,000 listings; the first 1,000 items were read")
        assert told.count("Cook ") == 10

    @pytest.mark.parametrize(
        ("typed", "written"),
        [
            ("\n\n\n\n\n", {"schedule": propose_schedule("127-0-0-1", "snapshot"), "kind": "snapshot"}),
            (
                "taken\nAcme!\nacme\nno kind\nwindow\nhourly\nnever\nAcme\nwhat\ny\n",
                {"schedule": "", "company": "Acme"},
            ),
            ("acme\n\n\n\nno\n", None),
            ("acme\n\n", None),
        ],
    )
    def test_what_no_flag_says_is_asked_until_it_can_be_used(
        self,
        folder: Path,
        server: FeedServer,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        typed: str,
        written: dict[str, str] | None,
    ):
        (folder / "sources").mkdir()
        taken = folder / "sources" / "taken.toml"
        taken.write_text('# theirs\nurl = "https://x.example/1"\n')
        monkeypatch.setattr("sys.stdin", Keyboard(typed))
        url = server.on("/b", Reply(BOARD))
        assert main(["sources", "add", url]) == int(written is None)
        assert taken.read_text().startswith("# theirs\n")
        if written is None:
            assert "nothing written" in capsys.readouterr().err
            assert files(folder) == ["taken.toml"]
        else:
            [new] = set(files(folder)) - {"taken.toml"}
            assert tomllib.loads((folder / "sources" / new).read_text()) == {"url": url, "format": "lever", **written}

    @pytest.mark.parametrize(
        ("args", "sentence"),
        [
            (["ftp://x.example/", "--yes"], "url is 'ftp://x.example/': expected an http:// or https:// URL"),
            (["{url}"], "expected --yes, where nobody can be asked"),
            (["{url}", "--yes", "--name", "Acme"], "name is 'Acme': expected 1 to 64 characters a-z, 0-9 and -"),
            (["{url}", "--yes", "--name", "taken"], "expected a name that is free"),
            (["{url}", "--yes", "--schedule", "hourly"], "schedule is 'hourly': expected five cron fields"),
            (["{url}", "--yes", "--format", "levver"], "format is 'levver': expected auto or one of adzuna"),
            (["{url}", "--yes", "--header", "Authorization=hunter2"], "a source file holds no secrets"),
            (["{url}", "--yes", "--header", "X-Auth=hunter2"], "a source file holds no secrets"),
            (["{url}", "--yes", "--header", "X"], "expected NAME=env:VARIABLE"),
        ],
    )
    def test_what_cannot_be_is_told_before_anything_is_fetched(
        self, folder: Path, server: FeedServer, capsys: pytest.CaptureFixture[str], args: list[str], sentence: str
    ):
        (folder / "sources").mkdir()
        (folder / "sources" / "taken.toml").write_text("broken =")
        url = server.on("/b", Reply(BOARD))
        assert main(["sources", "add", *(arg.format(url=url) for arg in args)]) == 2
        told = capsys.readouterr().err
        assert sentence in told
        assert "hunter2" not in told
        assert not server.requests
        assert files(folder) == ["taken.toml"]

    @pytest.mark.parametrize(
        ("reply", "sentence"),
        [
            (Reply(status=404), "answered 404: expected 200"),
            (Reply(b"<!doctype html><html>Sign in</html>"), "HTML page"),
            (Reply(b'{"jobs":[],"meta":{"total":0}}'), "the feed holds no listing"),
            (Reply(b"<rss><channel><item><guid>1</guid></item></channel></rss>"), "can be imported: no_title"),
            (Reply(BOARD[:-20]), "the feed breaks after item"),
            (Reply(b'{"jobs":[{"id":1,"title":"A","absolute_url":"/1"}],"meta":{"total":9}}'), "declares 9 listings"),
        ],
    )
    def test_a_feed_that_is_not_right_writes_nothing_and_is_one(
        self, folder: Path, server: FeedServer, capsys: pytest.CaptureFixture[str], reply: Reply, sentence: str
    ):
        assert main(["sources", "add", server.on("/b", reply), "--yes"]) == 1
        told = capsys.readouterr().err
        assert sentence in told
        assert "unexpected" not in told
        assert files(folder) == []


class TestEdit:
    TEXT = '# why\nurl = "https://x.example/1"\n'

    @pytest.fixture
    def edit(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """A source, and an editor that appends what stands beside it in `addition`."""
        (folder / "sources").mkdir()
        file = folder / "sources" / "a.toml"
        file.write_text(self.TEXT)
        script = folder / "editor.py"
        script.write_text(
            "import sys, pathlib as p\nf = p.Path(sys.argv[2])\nf.write_text(f.read_text() + sys.argv[1])"
        )
        monkeypatch.setenv("VISUAL", "")
        monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
        monkeypatch.setattr("tempfile.tempdir", None)
        (folder / "tmp").mkdir()
        self.editor = f"'{sys.executable}' '{script}' "
        yield file
        monkeypatch.undo()

    def run(self, monkeypatch: pytest.MonkeyPatch, addition: str) -> int:
        monkeypatch.setenv("EDITOR", self.editor + f"'{addition}'")
        return main(["sources", "edit", "a"])

    def test_a_good_text_is_put_in_place_with_its_comments(self, edit: Path, monkeypatch: pytest.MonkeyPatch):
        assert self.run(monkeypatch, 'company = "A"  # new\n') == 0
        assert edit.read_text() == self.TEXT + 'company = "A"  # new\n'
        assert self.run(monkeypatch, "") == 0
        assert DEEDS == ["edited the source's file: company a"]
        assert files(edit.parents[1]) == ["a.toml"]
        assert list((edit.parents[1] / "tmp").iterdir()) == []

    @pytest.mark.parametrize(
        ("addition", "sentence"),
        [
            ("kind = 1\n", "a.toml: kind is 1: expected one of"),
            ("company = \n", "a.toml: expected TOML, but"),
            ('[fields]\ncompany = "a//b{"\n', "a.toml:4: fields.company is 'a//b{': expected a path"),
            ('format = "nosuch"\n', "format is 'nosuch': expected auto or one of"),
        ],
    )
    def test_a_text_that_cannot_be_used_is_kept_and_not_put_in_place(
        self,
        edit: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        addition: str,
        sentence: str,
    ):
        assert self.run(monkeypatch, addition) == 2
        told = capsys.readouterr().err
        assert sentence in told
        assert edit.read_text() == self.TEXT
        kept = Path(told.partition("your text is in ")[2].splitlines()[0])
        assert kept.read_text() == self.TEXT + addition

    def test_who_is_there_may_mend_it(self, edit: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("sys.stdin", Keyboard("y\nno\n"))
        assert self.run(monkeypatch, "kind = 1\n") == 2
        assert edit.read_text() == self.TEXT

    def test_a_file_that_changed_meanwhile_is_not_overwritten(
        self, edit: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        monkeypatch.setenv("EDITOR", f'sh -c \'echo "# theirs" >> {edit}; echo "# mine" >> $0\'')
        assert main(["sources", "edit", "a"]) == 2
        assert edit.read_text() == self.TEXT + "# theirs\n"
        assert "it has changed, and yours is in" in capsys.readouterr().err

    def test_an_editor_that_fails_or_is_not_there(
        self, edit: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        for editor in ("false", "nosuch-editor", "'"):
            monkeypatch.setenv("EDITOR", editor)
            assert main(["sources", "edit", "a"]) == 2
        assert edit.read_text() == self.TEXT
        assert main(["sources", "edit", "none"]) == 2
        assert "unexpected" not in capsys.readouterr().err


class TestTest:
    def test_a_field_that_went_missing_since_the_last_run_is_told(
        self,
        folder: Path,
        server: FeedServer,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ):
        url = server.on("/b", Reply(BOARD))
        assert main(["sources", "add", url, "--name", "acme", "--yes"]) == 0
        before = run_of(fill_rate={"title": 1.0, "company": 1.0, "salary_min": 0.6})
        monkeypatch.setattr(sources_look, "_last_run", lambda *_: before)
        capsys.readouterr()
        assert main(["sources", "test", "acme"]) == 1
        told = capsys.readouterr()
        assert "company is filled in 0% of the items, in the last run in 100%" in told.err
        assert "salary 50% 50% 60%" in " ".join(told.out.split())
        assert main(["sources", "test", "acme", "--json"]) == 1
        object_ = json.loads(capsys.readouterr().out)
        assert (object_["compared_with_run"], len(object_["problems"])) == (12, 1)
        monkeypatch.setattr(sources_look, "_last_run", lambda *_: None)
        assert main(["sources", "test", "acme"]) == 0
        server.on("/b", Reply(status=500))
        assert main(["sources", "test", "acme"]) == 1
        assert main(["sources", "test", "none"]) == 2
        assert QUEUED  # the run it is compared with is one of test_verbs'


class TestProposals:
    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("https://jobicy.com/?feed=job_feed", "jobicy"),
            ("https://www.jobs.acme.co.uk/rss", "acme"),
            ("https://api.adzuna.com/v1/api/jobs/gb/search/1", "adzuna"),
            ("https://boards-api.greenhouse.io/v1/boards/gitlab/jobs?content=true", "gitlab"),
            ("https://api.eu.lever.co/v0/postings/Big%20Co?mode=json", "big-co"),
            ("https://acme-labs.jobs.personio.de/xml", "acme-labs"),
            ("https://acme.recruitee.com/api/offers", "acme"),
            ("http://127.0.0.1:80/", "127-0-0-1"),
            ("http://feeds/", "feeds"),
            ("http://[::1]/", "1"),
            ("https://例え.jp/", "feed"),
        ],
    )
    def test_names(self, url: str, name: str):
        assert propose_name(url, ()) == name
        assert propose_name(url, (name, f"{name}-2")) == f"{name}-3"

    def test_kinds_and_schedules(self):
        assert propose_kind("greenhouse") == propose_kind("indeed") == "snapshot"
        assert propose_kind("jobicy") == propose_kind("rss") == propose_kind("custom-xml") == "window"
        assert propose_kind("adzuna") == "query"
        assert all(is_schedule(propose_schedule(name, propose_kind(name))) for name in dialects())
        assert len({propose_schedule(name, "window") for name in dialects()}) > 20

    def test_only_a_board_of_one_company_names_it(self):
        assert propose_company("https://api.lever.co/v0/postings/big-co", "big-co") == "Big Co"
        assert propose_company("https://jobicy.com/", "jobicy") == ""
