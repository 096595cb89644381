"""The cell diff shows what Textual would have shown: every frame, cell by cell, in two terminal emulators."""

import random
import re
from collections.abc import Iterator
from typing import Any

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import CompositorUpdate
from textual.screen import Screen

from jobimport_tui.app import ConsoleApp
from jobimport_tui.display.cells import Cells
from jobimport_tui.display.wire import Wire
from tests.console.fake import BUSY, EMPTY, FakeGateway, console, down

Seen = tuple[str, str, str, bool, bool, bool]


def seen(screen: pyte.Screen) -> list[list[Seen]]:
    """The cells as an eye sees them: ink that is not used does not count."""
    rows: list[list[Seen]] = []
    for y in range(screen.lines):
        row: list[Seen] = []
        for x in range(screen.columns):
            c = screen.buffer[y][x]
            is_ink = c.data != " " or c.underscore or c.reverse
            row.append((c.data, c.fg if is_ink else "", c.bg, c.bold and is_ink, c.reverse, c.underscore))
        rows.append(row)
    return rows


class Twins:
    """Two terminals of one size: one is painted by Textual, the other over our wire."""

    def __init__(self, colours: ColorSystem = ColorSystem.TRUECOLOR, *, erases: bool = True) -> None:
        self.plain, self.ours = pyte.Screen(80, 24), pyte.Screen(80, 24)
        for screen in (self.plain, self.ours):
            screen.reset_mode(7, private=True)  # as the driver does: no wrapping at the edge
        self._plain, self._ours = pyte.Stream(self.plain), pyte.Stream(self.ours)
        self.sent, self.stock, self.frames = 0, 0, 0
        self.wire = Wire(self.write, lambda: False, colours, erases=erases)

    def write(self, text: str) -> None:
        self.sent += len(text.encode())
        self._ours.feed(text)

    def take(self, update: CompositorUpdate, app: ConsoleApp) -> None:
        width, height = app.size
        if (height, width) != (self.ours.lines, self.ours.columns):
            for screen in (self.plain, self.ours):
                screen.resize(height, width)
        text = update.render_segments(app.console)
        self.stock += len(text.encode())
        self._plain.feed(text)
        assert self.wire.take(update, (width, height), (0, 0))
        self.frames += 1
        assert seen(self.plain) == seen(self.ours)


@pytest.fixture(params=[True, False], ids=["erases", "writes-blanks"])
def twins(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Twins:
    twins = Twins(erases=request.param)
    stock = ConsoleApp._display

    def display(self: ConsoleApp, screen: Screen[Any], update: Any) -> None:
        if isinstance(update, CompositorUpdate) and not self._batch_count:
            self.console._color_system = ColorSystem.TRUECOLOR
            twins.take(update, self)
        stock(self, screen, update)

    monkeypatch.setattr(ConsoleApp, "_display", display)
    return twins


STEPS = (
    *("j", "j", "k", "tab", "tab", "down", "pagedown", "pageup", "G", "g"),
    *("question_mark", "pagedown", "escape", "i", "j", "x", "escape", "colon", "r", "u", "n", "escape"),
    *("2", "pagedown", "enter", "j", "escape", "slash", "s", "t", "a", "escape"),
    *("3", "enter", "escape", "4", "j", "enter", "escape", "5", "6", "s", "s", "p", "p", "ctrl+l", "1", "r"),
)


async def test_every_frame_is_what_textual_would_paint(twins: Twins) -> None:
    gateway = FakeGateway(BUSY)
    async with console(gateway=gateway).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert seen(twins.ours)[0][1][0] == "J"
        for key in STEPS:
            await pilot.press(key)
            await pilot.pause()
        for snapshot in (down(), EMPTY, BUSY, down(), BUSY):
            gateway.say(snapshot)
            await pilot.pause()
        for size in ((120, 40), (40, 10), (80, 24)):
            await pilot.press("i")  # a dialog is open while the size changes
            await pilot.resize_terminal(*size)
            await pilot.pause()
            await pilot.press("escape")
            await pilot.pause()
    assert twins.frames > len(STEPS) / 2
    assert twins.sent * 4 < twins.stock


async def test_what_is_not_changed_is_not_sent(twins: Twins) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.pause()
        before = twins.sent
        app.screen.refresh()
        await pilot.pause()
        assert twins.sent == before
        twins.wire.forget()
        app.screen.refresh()
        await pilot.pause()
        assert twins.sent > before + (1000 if twins.wire.cells._erases else 80 * 24)  # blanks need no bytes


# --- the grid alone, on any text

WORDS = st.sampled_from(
    [
        "plain",
        " ",
        "   ",
        " " * 14,
        "東京",
        "データ",
        "é",
        "e\u0301",
        "👩‍💻",
        "🇩🇪",
        "ﷺ",
        "א",
        "─│█",
        "✓",
        "\x1b[2J",
        "\x07",
        "\u202e",
        "a\u200bb",
    ]
)
STYLES = st.sampled_from(
    [
        None,
        Style.parse("red on black"),
        Style.parse("bold #ff0000 on #101010"),
        Style.parse("underline green"),
        Style.parse("reverse"),
        Style.parse("on #101010"),
        Style.parse("dim italic strike blue"),
    ]
)
PIECES = st.lists(st.tuples(WORDS, STYLES), min_size=1, max_size=6)
PUTS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 3), PIECES), min_size=1, max_size=8)
CERTAIN = re.compile("[ -~東京データé─│█✓]*")


def fed(text: str, screen: pyte.Screen) -> None:
    pyte.Stream(screen).feed(text)


def segments(pieces: list[tuple[str, Style | None]]) -> Iterator[Segment]:
    return (Segment(text, style) for text, style in pieces)


@settings(max_examples=150, deadline=None)
@given(st.lists(PUTS, min_size=1, max_size=6), st.booleans())
def test_step_by_step_is_the_same_as_all_at_once(
    frames: list[list[tuple[int, int, list[tuple[str, Any]]]]], erases: bool
) -> None:
    stepwise, at_once = Cells(erases=erases), Cells()
    screen, fresh = pyte.Screen(30, 4), pyte.Screen(30, 4)
    for each in (screen, fresh):
        each.reset_mode(7, private=True)
    for cells in (stepwise, at_once):
        cells.resize(30, 4)
    for puts in frames:
        for x, y, pieces in puts:
            stepwise.put(x, y, segments(pieces))
            at_once.put(x, y, segments(pieces))
        fed(stepwise.changes(), screen)
    fed(at_once.changes(), fresh)
    # Where terminals differ on a width, the emulator may show the rest of the row as it likes.
    for y in range(4):
        row = "".join(cell for cell, _ in stepwise._wanted[y])
        if CERTAIN.fullmatch(row) and all(
            CERTAIN.fullmatch(text) for p in frames for _, at, q in p if at == y for text, _ in q
        ):
            assert seen(screen)[y] == seen(fresh)[y]
    assert stepwise.changes() == ""


@given(PUTS)
def test_no_segment_steers_the_terminal(puts: list[tuple[int, int, list[tuple[str, Any]]]]) -> None:
    cells = Cells()
    cells.resize(12, 4)
    for x, y, pieces in puts:
        cells.put(x, y, segments(pieces))
    sent = re.sub(r"\x1b\[[0-9;]*[mHGCKX]|\r\n", "", cells.changes())
    assert sent == re.sub("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", "", sent)


def test_half_a_wide_character_is_never_left() -> None:
    cells, screen = Cells(), pyte.Screen(10, 1)
    cells.resize(10, 1)
    for text in ("東京東京東", "x東京東京x", "東x京東京 ", "abcdefghij", "東京東京東"):
        cells.put(0, 0, [Segment(text)])
        fed(cells.changes(), screen)
        assert screen.display[0] == text
    cells.put(9, 0, [Segment("東")])  # neither has room for both halves
    fed(cells.changes(), screen)
    assert screen.display[0] == "東京東京  "


def test_few_bytes() -> None:
    cells = Cells()
    cells.resize(80, 24)
    ink = Style.parse("#d4d4cf on #14161b")
    for y in range(24):
        cells.put(0, y, [Segment("x" * 80, ink)])
    whole = cells.changes()
    assert len(whole) < 80 * 24 + 24 * 4 + 60
    cells.put(30, 7, [Segment("y", ink)])
    assert cells.changes() == "\x1b[8;31H\x1b[38;2;212;212;207;48;2;20;22;27my\x1b[m"
    rng = random.Random(1)
    for _ in range(3):
        cells.put(rng.randrange(60), 3, [Segment(str(rng.randrange(10)) * 3, ink)])
    assert 0 < len(cells.changes()) < 120


def test_blanks_are_erased_where_the_terminal_fills_them_and_written_where_it_does_not() -> None:
    ink = Style.parse("#d4d4cf on #14161b")
    for erases in (True, False):
        cells = Cells(erases=erases)
        cells.resize(80, 1)
        cells.put(0, 0, [Segment("a" + " " * 40 + "b" + " " * 38, ink)])
        assert cells.changes().count(" ") == (0 if erases else 78)
    own = Cells()  # the terminal's own background is what every terminal erases with
    own.resize(80, 1)
    own.put(0, 0, [Segment("a" + " " * 79)])
    assert own.changes() == "\x1b[1Ha\x1b[K"


def test_bold_ends_without_a_word_about_what_goes_on() -> None:
    cells = Cells()
    cells.resize(2, 1)
    cells.put(
        0, 0, [Segment("a", Style.parse("bold #d4d4cf on #14161b")), Segment("b", Style.parse("#8a8f98 on #14161b"))]
    )
    assert "a\x1b[22;38;2;138;143;152mb" in cells.changes()
