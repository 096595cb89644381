"""What an operator likes survives the console; a file that cannot be used is one sentence and stays as it is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobimport_tui import registry
from jobimport_tui.app import ConsoleApp
from jobimport_tui.display.capabilities import Capabilities
from jobimport_tui.display.glyphs import Glyphs
from jobimport_tui.opening import Opened, Opening
from jobimport_tui.preferences import Preferences, Section, load, save
from jobimport_tui.session import Session
from jobimport_tui.widgets.grid import Grid
from tests.console.fake import Clock, FakeGateway
from tests.console.test_console import desk
from workers.errors import ConfigError
from workers.settings import Config, Settings


def test_no_file_is_no_preference(tmp_path: Path) -> None:
    assert load(tmp_path / "console.toml") == Preferences()


@given(
    filter=st.text(max_size=20),
    sort=st.sampled_from(["", "TOTAL"]),
    columns=st.lists(st.sampled_from(["SOURCE", "RUN"])),
    at=st.floats(0, 2e9),
)
def test_what_is_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, filter: str, sort: str, columns: list[str], at: float
) -> None:
    file = tmp_path_factory.mktemp("home") / "deep" / "console.toml"
    said = Preferences(
        keys={"freeze": "f9 ctrl+f"},
        sections={"runs": Section(filter=filter, sort=sort, columns=columns)},
        seen={"failed": at},
    )
    save(file, said)
    found = load(file)
    assert (found.keys, found.of("runs"), found.seen) == (said.keys, said.of("runs"), said.seen)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[keys]\nfreze = 'F'", "keys.freze"),
        ("[keys]\nfreeze = ''", "one or more keys"),
        ("[keys]\nfreeze = 'j'", "keys that are free: j is down"),
        ("[sections.bananas]\nsort = 'X'", "sections.bananas"),
        ("[sections.runs]\nsort = 3", "sections.runs: expected text"),
        ("colour = 'red'", "colour"),
        ("theme = 'pink'", "theme"),
        ("= = =", "TOML"),
    ],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "console.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert says in str(caught.value) and "console.toml" in str(caught.value) and "\n" not in str(caught.value)
    assert file.read_text() == text


def test_keys_may_be_exchanged(tmp_path: Path) -> None:
    file = tmp_path / "console.toml"
    file.write_text("[keys]\nfreeze = 'r'\nrefresh = 'p'\n")
    assert load(file).keys == {"freeze": "r", "refresh": "p"}


async def test_filter_sort_and_columns_are_remembered_and_own_keys_are_everywhere() -> None:
    gateway = FakeGateway()
    said = Preferences(sections={"workers": Section(filter="host-1", sort="DONE", columns=["WORKER", "DONE"])})
    session = Session(gateway, clock=Clock(), glyphs=Glyphs(), preferences=said)
    registry.use_keys({"freeze": "f9"})
    try:
        app = ConsoleApp(session, section="workers")
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            grid = app.screen.query(Grid).first()
            assert [column.title for column in grid.columns] == ["WORKER", "DONE"]
            assert (grid.filter, grid.sorted_by) == ("host-1", 1)
            await pilot.press("f9")
            assert session.frozen_at is not None
            await pilot.press("p")
            assert session.frozen_at is not None  # p is free now
            assert [
                registry.shown_keys(a) for a in registry.of_place("workers", read_only=False) if a.name == "freeze"
            ] == ["f9"]
            await pilot.press("escape", "s")
            await pilot.press("colon", *"columns worker memory", "enter")
            assert said.of("workers") == Section(filter="", sort="", columns=["WORKER", "MEMORY"])
            await pilot.press("colon", *"columns bananas", "enter")
            assert session.notice is not None and "no column BANANAS" in session.notice.text
    finally:
        registry.use_keys({})


def test_a_console_keeps_what_was_changed_and_leaves_a_broken_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "console.toml"
    opened = Opened(Config(tmp_path, Settings()), Opening(section="runs", filter="state:failed"), None, file)
    assert opened.close() == ""
    assert load(file).of("runs").filter == "state:failed"
    file.write_text("colour = 'red'")
    opened = Opened(Config(tmp_path, Settings()), Opening(), None, file)
    assert "colour" in opened.close() and file.read_text() == "colour = 'red'"


async def test_a_theme_is_put_on_kept_and_a_terminal_of_few_colours_keeps_its_own() -> None:
    async with desk() as it:
        await it.press("colon", *"theme light", "enter")
        assert (it.app.theme, it.app.native_ansi_color) == ("jobimport-light", False)
        assert it.app.session.preferences.theme == "light"
        await it.press("colon", *"theme terminal", "enter")
        assert (it.app.theme, it.app.native_ansi_color) == ("jobimport-terminal", True)
        await it.press("colon", *"theme pink", "enter")
        assert "expected dark, light or terminal" in it.lines[0]
        assert it.app.session.preferences.theme == "terminal"
    async with desk(can=Capabilities(own_colours=True)) as it:
        await it.press("colon", *"theme light", "enter")
        assert it.app.theme == "jobimport-terminal"
