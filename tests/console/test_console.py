"""What an operator does, over a gateway that is told what to answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from jobimport_tui import registry
from jobimport_tui.app import ConsoleApp
from jobimport_tui.display.terminal import Terminal
from jobimport_tui.display.wire import Wire
from jobimport_tui.state import Snapshot, WatchLine, Workers
from jobimport_tui.widgets.chrome import Keys
from jobimport_tui.widgets.grid import Grid
from tests.console.fake import BUSY, EMPTY, NOW, STORED, Clock, FakeGateway, console, down, flying, link
from workers.model import BatchTotals
from workers.model.health import Health


class Desk:
    """A console under test: its gateway, its clock, and its screen as text."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[int], gateway: FakeGateway, clock: Clock) -> None:
        self.app, self.pilot, self.gateway, self.clock = app, pilot, gateway, clock

    @property
    def lines(self) -> list[str]:
        width, height = self.app.size
        strips = self.app.screen._compositor.render_strips()  # the cells as they are sent
        assert len(strips) == height
        assert all(strip.cell_length == width for strip in strips)
        return [strip.text.rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        await self.pilot.pause()
        if asking := [worker for worker in self.app.workers if worker.group != "gateway"]:
            with anyio.fail_after(20):
                await self.app.workers.wait_for_complete(asking)
        await self.pilot.pause()

    async def until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(100):
            if is_so():
                return
            await self.pilot.pause(0.02)
        raise AssertionError(self.text)

    async def later(self, seconds: float) -> None:
        self.clock.now += seconds
        self.app._tick()
        await self.settle()

    async def show_unpainted(self, snapshot: Snapshot) -> None:
        """A snapshot arrives; whether it is painted is the app's affair."""
        self.gateway.say(snapshot)
        await self.settle()

    async def show(self, snapshot: Snapshot) -> None:
        self.gateway.say(snapshot)
        await self.settle()
        self.app.paint()
        await self.pilot.pause()


@asynccontextmanager
async def desk(snapshot: Snapshot = BUSY, *, size: tuple[int, int] = (80, 24), **facts: Any) -> AsyncIterator[Desk]:
    gateway, clock = FakeGateway(snapshot), Clock()
    app = console(gateway=gateway, clock=clock, **facts)
    async with app.run_test(size=size) as pilot:
        it = Desk(app, pilot, gateway, clock)
        await it.until(lambda: app.session.snapshot is snapshot)
        await it.settle()
        yield it


async def test_the_overview_shows_lanes_flights_runs_and_events() -> None:
    async with desk() as it:
        assert "12,405" in it.text and "paused" in it.text and "grows" in it.text
        assert "globex-json" in it.text and " 37%" in it.text
        assert "✓ succeeded" in it.text
        assert "batch 1187:0003 is dead" in it.text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (100, 30), (60, 15), (40, 10), (200, 60)])
@pytest.mark.parametrize("section", ["queues", "runs", "failed", "listings", "workers", "sources"])
async def test_every_section_fits_every_size(section: str, size: tuple[int, int]) -> None:
    async with desk(section=section, size=size) as it:
        assert len(it.lines) == size[1]
        assert "JOBIMPORT" in it.lines[0]
        await it.show(down())
        assert "unreachable" in it.lines[1]
        await it.press("i", "escape", "question_mark", "escape")
        assert "JOBIMPORT" in it.lines[0]


async def test_numbers_switch_sections_and_q_quits() -> None:
    async with desk() as it:
        for key, section in zip("234561", ["Runs", "Failed", "Listings", "Workers", "Sources", "Queues"], strict=True):
            await it.press(key)
            assert f"[{key} {section}" in it.lines[1]
        await it.press("q")
    assert it.app.return_code == 0


async def test_what_is_read_seldom_where_all_is_quiet_is_not_shown_as_old_while_redis_answers() -> None:
    async with desk(section="failed") as it:
        await it.later(20)
        it.app.paint()
        assert not it.app.screen.query_one(Grid).is_stale
        await it.show(down())
        await it.later(20)
        it.app.paint()
        assert it.app.screen.query_one(Grid).is_stale


async def test_what_is_suspended_is_not_said_to_be_due() -> None:
    row = msgspec.structs.replace(BUSY.sources.rows[0], next_due=NOW + 3600, health=Health(state="suspended", text="5"))
    rest = msgspec.structs.replace(BUSY.sources, rows=(row,))
    async with desk(msgspec.structs.replace(BUSY, sources=rest), section="sources") as it:
        assert "1h" not in it.lines[3] and "suspended" in it.lines[3]
        await it.press("enter")
        assert "when it is no longer suspended" in it.text


async def test_what_stands_in_tabs_and_footer_can_be_clicked_but_not_past_a_question() -> None:
    async with desk() as it:

        async def click(word: str, line: int) -> None:
            await it.pilot.click(offset=(it.lines[line].index(word), line))
            await it.settle()

        for word in ("2 Runs", "6 Sources", "1 Queues"):
            await click(word, 1)
            assert f"[{word}" in it.lines[1]
        await click("? help", 1)
        assert "HELP" in it.text
        await click("q back", 23)
        assert "HELP" not in it.text
        await click(": command", 23)
        await click("2 Runs", 1)
        assert "[1 Queues" in it.lines[1]


@pytest.mark.parametrize("section", [name for name, _ in registry.SECTIONS])
async def test_the_open_section_is_named_on_the_narrowest_screen(section: str) -> None:
    async with desk(section=section, size=(40, 10)) as it:
        number, title = next((n, t) for n, (name, t) in enumerate(registry.SECTIONS, 1) if name == section)
        assert f"[{number} {title}" in it.lines[1] and it.lines[1].endswith("? help")


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("place", sorted(registry.EVERYWHERE))
def test_the_way_to_every_command_and_the_way_out_stand_in_every_footer(place: str, width: int) -> None:
    keys = Keys(console().session, place)
    line = "".join(text for text, _ in keys.line_at(0, width))
    assert cell_len(line) <= width
    assert line.rstrip().endswith(": command  q back" if place in registry.DETAILS else ": command  q quit")


async def test_import_picks_asks_and_tells() -> None:
    async with desk() as it:
        await it.press("i")
        assert "IMPORT WHICH SOURCE?" in it.text
        await it.press(*"green")
        assert "xml-family-demo" not in "\n".join(it.lines[14:])
        await it.press("enter")
        assert "Import greenhouse-demo now?" in it.lines[-1]
        assert not [asked for asked in it.gateway.asked if asked[0] == "import"]
        await it.press("y")
        assert ("import", "greenhouse-demo") in it.gateway.asked
        assert "run 1204 of greenhouse-demo was opened" in it.lines[0]


@pytest.mark.parametrize("answer", ["n", "escape", "enter", "q"])
async def test_any_other_key_is_no(answer: str) -> None:
    async with desk() as it:
        await it.press("i", "enter", answer)
        assert not [asked for asked in it.gateway.asked if asked[0] == "import"]
        assert it.app.is_running
        await it.press("j")  # the keys work again
        assert "left as it was" in it.lines[0]


async def test_the_picker_begins_with_the_selected_source_and_escape_leaves_it() -> None:
    async with desk(section="sources") as it:
        await it.press("j", "j", "I", "enter")
        assert "Import greenhouse-demo now?" in it.lines[-1]
        await it.press("n", "i", "escape")
        assert "IMPORT WHICH" not in it.text


async def test_import_by_verb() -> None:
    async with desk() as it:
        await it.press("colon", *"import jobicy", "enter")
        assert "Import jobicy now?" in it.lines[-1]
        await it.press("y")
        assert ("import", "jobicy") in it.gateway.asked
        await it.press("colon", *"import nosuch", "enter")
        assert "no source 'nosuch'" in it.lines[0]


async def test_a_refusal_is_a_notice() -> None:
    async with desk() as it:
        it.gateway.refusal = "jobicy.toml: url: expected an http:// or https:// URL"
        await it.press("colon", *"import jobicy", "enter", "y")
        assert "jobicy.toml: url" in it.lines[0]
        it.clock.now += 10
        it.app.paint()
        await it.pilot.pause()
        assert "redis ✓ ok" in it.lines[0]


async def test_a_read_only_console_changes_nothing() -> None:
    async with desk(read_only=True) as it:
        assert "read-only" in it.lines[0] and "import" not in it.lines[-1]
        await it.press("i")
        assert "IMPORT WHICH" not in it.text and "refused" in it.lines[0]
        await it.press("colon", *"import jobicy", "enter")
        assert "no command" in it.lines[0]
        await it.press("question_mark")
        assert "ACT" not in it.text
        assert not [asked for asked in it.gateway.asked if asked[0] in ("import", "cancel")]


async def test_cancel_asks_and_cancels_the_selected_flight() -> None:
    async with desk() as it:
        it.app.screen.query_one("#flights").focus()
        await it.press("j", "K")
        assert "Cancel run 1202?" in it.lines[-1]
        await it.press("y")
        await it.later(11)
        assert ("cancel", 1202) in it.gateway.asked


async def test_servers_going_away_and_coming_back() -> None:
    async with desk() as it:
        await it.show(down())
        assert "redis unreachable since 14:31:27Z (40s): connection refused; next try in 1s" in it.lines[1]
        assert "mongodb unreachable" in it.lines[2]
        assert "redis ✗ DOWN 40s" in it.lines[0] and "41s old" in it.lines[0]
        assert "41s OLD" in it.text and "12,405" in it.text  # the numbers stay
        await it.press("i")
        assert "refused: redis is down (connection refused)" in it.lines[0]
        assert "IMPORT WHICH" not in it.text
        await it.show(BUSY)
        assert "unreachable" not in it.text and "OLD  " not in it.text
        assert it.lines[1].startswith("[1 Queues]")


async def test_connecting_at_first() -> None:
    starting = Snapshot(redis=link("redis", state="connecting"), mongodb=link("mongodb", state="connecting"))
    async with desk(starting) as it:
        assert "redis connecting" in it.lines[0] and "no data yet" in it.lines[0]
        assert "waiting for redis" in it.text and "waiting for mongodb" in it.text


async def test_an_empty_system_says_what_to_do() -> None:
    async with desk(EMPTY) as it:
        assert "i imports a source" in it.text
        for key, says in (
            ("3", "no dead letters"),
            ("4", "no listings yet"),
            ("5", "`jobimport worker`"),
            ("6", "A looks at a feed"),
        ):
            await it.press(key)
            assert says in it.text


async def test_freeze_holds_the_numbers_and_not_the_links() -> None:
    async with desk() as it:
        await it.press("p")
        assert "FROZEN 14:32:07" in it.lines[0]
        await it.show(down(EMPTY))
        assert "12,405" in it.text and "unreachable" in it.lines[1]
        await it.press("p")
        assert "12,405" not in it.text


async def test_a_run_in_detail() -> None:
    async with desk() as it:
        await it.press("enter")
        assert "run 1200  wpjobs-demo" in it.text and "duplicates" in it.text
        assert "REJECTED LISTINGS 10, the first 3" in it.text or "more lines below" in it.text
        await it.press("G")
        assert "title = ''" in it.text
        await it.press("escape")
        assert "LAST RUNS" in it.text


async def test_what_a_run_brought_is_a_search() -> None:
    async with desk() as it:
        for keys, query in ((("v",), "new:run:"), (("colon", *"brought closed", "enter"), "closed:run:")):
            await it.press("1", "enter")
            number = it.app.screen.run_shown()  # type: ignore[attr-defined]
            await it.press(*keys)
            await it.until(lambda query=query, number=number: f"{query}{number}" in it.text)
            assert "[4 Listings]" in it.lines[1]
            await it.press("enter")  # a listing is open when the next search comes
        await it.press("1", "colon", *"brought bananas", "enter")
        assert "expected new, changed, closed" in it.lines[0]


async def test_a_run_in_flight_moves_in_its_detail() -> None:
    async with desk() as it:
        await it.press("colon", *"run 1201", "enter")
        assert " 37%" in it.text
        flight = flying(1201, "globex-json", "importing", BatchTotals(total=24, done=18), 9000, 900)
        runs = msgspec.structs.replace(BUSY.runs, flights=(flight, *BUSY.runs.flights[1:]))
        await it.show(msgspec.structs.replace(BUSY, runs=runs))
        assert " 75%" in it.text and "9,000" in it.text
        await it.press("colon", *"run 9999", "enter")
        assert "there is no run 9999" in it.text
        await it.press("colon", *"run twelve", "enter")
        assert "expected a number" in it.lines[0]


async def test_searching_listings() -> None:
    async with desk(section="listings") as it:
        assert "1-50+ of 450" in it.text
        await it.press("slash", *"support globex", "enter")
        query = [asked[1] for asked in it.gateway.asked if asked[0] == "listings"][-1]
        assert query.text == "support globex"
        assert "Senior Data" not in it.text
        await it.press("f", *"jobicy", "enter")
        query = [asked[1] for asked in it.gateway.asked if asked[0] == "listings"][-1]
        assert query.text == "source:jobicy support globex"
        await it.press("escape")
        assert "1-50+ of 450" in it.text


async def test_all_that_a_query_finds_is_exported_or_the_marked_rows_alone(tmp_path: Path) -> None:
    async with desk(section="listings") as it:
        await it.press("slash", *"globex", "enter", "colon", *"export all.csv", "enter")
        query, path = next(asked[1:] for asked in it.gateway.asked if asked[0] == "export")
        assert (query.text, path) == ("globex", "all.csv")
        assert "450 listings are in all.csv" in it.text
        await it.press("space", "space", "colon", *f"export {tmp_path}/two.csv", "enter")
        assert len([asked for asked in it.gateway.asked if asked[0] == "export"]) == 1
        assert len((tmp_path / "two.csv").read_text().splitlines()) == 3


WATCH = WatchLine(name="py", query="python", asks="new:>=2026-11-01T00:00:00Z python", looked_at=NOW - 3600, new=12)


async def test_what_is_new_in_a_watch_is_told_everywhere_and_shown_on_request() -> None:
    async with desk() as it:
        assert "4 Listings  5" in it.text
        await it.show(msgspec.structs.replace(BUSY, watches=(WATCH,)))
        assert "4 Listings +12" in it.text
        await it.press("w")
        assert "YOUR WATCHES" in it.text and "python" in it.text
        await it.press("enter")
        await it.settle()
        asked = [asked[1].text for asked in it.gateway.asked if asked[0] == "listings"]
        assert asked[-1] == WATCH.asks
        assert ("looked", "py") in it.gateway.asked


async def test_a_search_is_watched_and_forgotten() -> None:
    async with desk(section="listings") as it:
        await it.show(msgspec.structs.replace(BUSY, watches=(WATCH,)))
        await it.press("W")
        assert "nothing to watch" in it.text
        await it.press("slash", *"globex", "enter", "W", *"gx", "enter")
        assert ("watch", "gx", "globex") in it.gateway.asked
        await it.press("colon", *"unwatch none", "enter")
        assert "no watch 'none'" in it.text
        await it.press("colon", *"unwatch py", "enter", "y")
        assert ("unwatch", "py") in it.gateway.asked


async def test_pages_go_by_key_in_both_directions() -> None:
    async with desk(section="listings") as it:
        it.gateway.jobs = it.gateway.jobs[:130]
        await it.press("G", "j")
        assert "LISTINGS 51-100+" in it.text
        await it.press("G", "j")
        assert "LISTINGS 101-130" in it.text
        await it.press("G", "j")
        assert "LISTINGS 101-130" in it.text
        await it.press("g")
        assert "LISTINGS 1-50+" in it.text
        await it.press("G", "j", "k")
        assert "LISTINGS 1-50+" in it.text


async def test_a_search_that_cannot_be_answered_says_why() -> None:
    async with desk(section="listings") as it:
        it.gateway.refusal = "mongodb: no answer in time"
        await it.press("slash", *"nurse", "enter")
        assert "mongodb: no answer in time" in it.text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
async def test_a_query_that_is_refused_is_told_to_the_end_and_where_it_is_wrong(width: int) -> None:
    reason = "column 8: posted: expected an age, days or a moment: <7d, 2026-10-01 or >=2026-10-01T12:00Z"
    async with desk(section="listings", size=(width, 24)) as it:
        rows = len([line for line in it.lines if "Engineer" in line])
        it.gateway.refusal = f"query, {reason}"
        await it.press("slash", *"posted:<7x senior engineer in a city with a long name", "enter")
        assert reason in " ".join(" ".join(it.lines[2:7]).split())
        assert "posted:<7x" in it.lines[2]
        it.gateway.refusal = ""
        await it.press("escape")
        assert "expected" not in it.text
        assert len([line for line in it.lines if "Engineer" in line]) == rows


async def test_a_listing_in_detail_is_inert() -> None:
    async with desk(section="listings", size=(120, 40)) as it:
        assert "\x1b" not in it.text and "[b]Team" in it.text
        await it.press("enter")
        assert "65,000 - 80,000 EUR YEAR" in it.text
        await it.press("G")
        assert "Long text." in it.text


async def test_a_listing_begins_with_what_people_look_for_and_ends_with_its_stamps() -> None:
    async with desk(section="listings", size=(80, 60)) as it:
        await it.press("enter")
        names = [line[1:20].strip() for line in it.lines[3:] if line[1:2].strip()]
        looked_for = ["locations", "remote", "employment types", "salary", "posted", "valid through", "url", "tags"]
        assert [name for name in names if name in looked_for] == looked_for
        assert names.index("tags") < names.index("quality") < names.index("CHANGES") < names.index("DESCRIPTION")
        internal = ["key", "raw hash", "content hash", "hash version", "first run"]
        assert all(names.index(name) > names.index("STAMPS") for name in internal)


async def test_an_address_is_shown_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://boards.example/jobs/" + "-".join(f"part{i}" for i in range(30))

    async def long(*_: object) -> dict[str, Any]:
        return {**STORED, "url": url}

    monkeypatch.setattr(FakeGateway, "listing", long)
    async with desk(section="listings") as it:
        await it.press("enter")
        begun = next(i for i, line in enumerate(it.lines) if line.startswith(" url"))
        assert url in "".join(line[20:].strip() for line in it.lines[begun : begun + 6])


async def test_filter_while_typing_and_sort() -> None:
    async with desk(section="failed") as it:
        await it.press("slash", *"remotive")
        assert "xml-family-demo" not in it.text and "remotive" in it.text
        await it.press("escape")
        assert "wpjobs-demo" in it.text
        await it.press("slash", *"!remotive", "enter")
        assert "remotive" not in "\n".join(it.lines[3:-1])
        await it.press("s", "s")
        assert "sorted by SOURCE" in it.lines[0]
        rows = [group.source for group in it.app.screen.query(Grid).first().rows]
        assert rows == sorted(rows) and len(rows) > 3


async def test_a_dead_letter_in_detail() -> None:
    async with desk(section="failed") as it:
        await it.press("enter")
        assert "OF wpjobs-demo: not_a_feed" in it.text
        await it.press("enter")
        assert "the body is an HTML page" in it.text and "job-import.fetch" in it.text
        await it.press("slash", *"worker", "enter", "escape", "escape")
        assert "[3 Failed" in it.lines[1] and "DEAD LETTERS 12" in it.text


async def test_help_is_the_registry() -> None:
    async with desk(size=(120, 60)) as it:
        await it.press("question_mark")
        assert "jobimport import SOURCE" in it.text
        assert "import a source now" in it.text and ":import SOURCE" in it.text
        await it.press("question_mark")
        assert "LAST RUNS" in it.text


async def test_commands_are_completed_and_unknown_ones_are_named() -> None:
    async with desk() as it:
        await it.press("colon", *"sour", "tab", "enter")
        assert "[6 Sources]" in it.lines[1]
        await it.press("colon", *"frobnicate", "enter")
        assert "no command 'frobnicate'" in it.lines[0]
        await it.press("colon", "escape", "1")
        assert "[1 Queues]" in it.lines[1]


async def test_a_verb_that_may_be_two_is_asked_about() -> None:
    async with desk(section="listings") as it:
        await it.press("colon", *"wat", "enter")
        assert ":wat may be :watch or :watches" in it.lines[0]
        await it.press("colon", "w", "enter")
        assert "YOUR WATCHES" in it.text


async def test_the_cursor_stays_on_its_row() -> None:
    async with desk() as it:
        await it.press("j", "j")
        selected = it.app.screen.query_one("#recent").selected
        older = BUSY.runs.recent
        newest = msgspec.structs.replace(older[0], id=1300)
        await it.show(msgspec.structs.replace(BUSY, runs=msgspec.structs.replace(BUSY.runs, recent=(newest, *older))))
        assert it.app.screen.query_one("#recent").selected == selected
        await it.press("enter")
        assert f"run {selected.id}" in it.text


async def test_nothing_is_painted_when_nothing_changes() -> None:
    async with desk() as it:
        painted: list[object] = []
        it.app._display = lambda screen, renderable: painted.append(renderable)  # type: ignore[method-assign]
        for _ in range(3):
            it.clock.now += 1  # within the minute, and nothing is stale yet
            await it.show(BUSY)
        assert painted == []


async def test_a_burst_of_snapshots_shows_the_last() -> None:
    async with desk() as it:
        for done in range(1, 500):
            flight = flying(1201, "globex-json", "importing", BatchTotals(total=500, done=done), done * 500, 900)
            it.gateway.say(msgspec.structs.replace(BUSY, runs=msgspec.structs.replace(BUSY.runs, flights=(flight,))))
        await it.settle()
        assert " 99%" in it.text


async def test_a_failing_gateway_does_not_end_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: FakeGateway, __: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(FakeGateway, "run", broken)
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("2", "1")
        assert app.is_running
        assert app.session.notice is not None
        assert app.session.notice.text.startswith("the gateway failed (RuntimeError: boom)")


async def test_a_lost_terminal_ends_the_console() -> None:
    async with desk() as it:
        it.app.terminal = Terminal()
        it.app.terminal.exit_code = 129
        it.app._tick()
        await it.pilot.pause()
    assert it.app.return_value == 129


@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
async def test_trouble_never_pushes_the_keys_off_the_screen(size: tuple[int, int]) -> None:
    for snapshot in (down(), msgspec.structs.replace(BUSY, workers=Workers(at=NOW))):
        async with desk(snapshot, size=size) as it:
            assert "panel" in it.lines[-1] and "JOBIMPORT" in it.lines[0]
            assert not it.app.screen.show_vertical_scrollbar


async def test_how_far_the_terminal_is_stands_in_the_status_row_without_flicker() -> None:
    async with desk() as it:
        shown: list[str] = []
        for rtt in (None, 0.001, 0.084, 0.09, 0.08, 0.7):
            it.app.session.rtt = rtt
            it.app.paint()
            await it.pilot.pause()
            shown.append(it.lines[0].partition("live")[0].rpartition("  ")[0].rpartition("  ")[2].strip())
        assert shown[2:] == ["rtt 84ms", "rtt 84ms", "rtt 84ms", "rtt 700ms"]
        assert "rtt" not in shown[0] + shown[1]


async def test_a_far_terminal_is_painted_less_often_and_keys_at_once() -> None:
    async with desk() as it:
        it.app.wire = Wire(lambda _: None, lambda: False, None)
        it.app.wire.link.rtt = 30.0
        await it.later(1)
        await it.show_unpainted(EMPTY)
        assert "12,405" in it.text
        await it.press("question_mark")
        assert "OLDEST" not in it.text
        await it.press("escape")
        assert "12,405" not in it.text  # a key shows what is owed
        await it.show_unpainted(BUSY)
        assert "12,405" not in it.text
        it.app.wire.link.rtt = 0.001
        await it.later(1)
        assert "12,405" in it.text  # and so does a link that is fast again


async def test_ascii_terminals_get_ascii() -> None:
    async with desk(ascii_only=True) as it:
        assert it.text.replace("…", "").isascii()


async def test_work_that_waits_with_no_worker_alive_is_an_alarm() -> None:
    async with desk() as it:
        assert not any("no worker is running" in line for line in it.lines)
        await it.show(msgspec.structs.replace(BUSY, workers=Workers(rows=(), at=BUSY.workers.at)))
        assert any("no worker is running" in line and "`jobimport worker`" in line for line in it.lines)


async def test_a_worker_is_not_called_silent_for_what_redis_kept_from_us() -> None:
    def states(it: Desk) -> dict[str, list[str]]:
        words = [line.replace("▸", " ").replace("·", " ").replace("!", " ").split() for line in it.lines]
        return {row[0]: row[1:3] for row in words if row and row[0].startswith("host-")}

    async with desk(section="workers") as it:
        assert states(it)["host-0:4700"] == ["idle", "now"]
        assert states(it)["host-3:4703"] == ["silent", "48s"]
        it.clock.now += 60
        await it.show(msgspec.structs.replace(BUSY, redis=link("redis", state="down", reason="connection refused")))
        assert states(it)["host-0:4700"] == ["idle", "?"]  # as it was; what became of it nobody knows
        assert states(it)["host-3:4703"] == ["silent", "48s"]  # so it was when redis was last heard of
        assert "1m00s OLD" in it.text
        back = msgspec.structs.replace(BUSY.workers, at=it.clock.now)
        returned = link("redis", back_at=it.clock.now)
        await it.show(msgspec.structs.replace(BUSY, redis=returned, workers=back))
        assert states(it)["host-0:4700"] == ["idle", "?"]  # its next beat may be on the way
        assert "OLD" not in it.text and "no worker is running" not in it.text
        it.clock.now += 16
        later = msgspec.structs.replace(BUSY.workers, at=it.clock.now)
        await it.show(msgspec.structs.replace(BUSY, redis=returned, workers=later))
        assert states(it)["host-0:4700"] == ["silent", "1m17s"]
        assert "no worker is running" in it.text
