"""What a terminal says of itself decides what it is sent; a setting has the last word."""

from base64 import b64decode
from typing import Any

import pytest

from jobimport_tui.display.capabilities import capabilities
from jobimport_tui.display.clipboard import MOST, osc52
from workers.settings import ConsoleSettings

AUTO = ConsoleSettings()


def of(encoding: str | None = "utf-8", asked: ConsoleSettings = AUTO, **environ: str) -> Any:
    return capabilities({"TERM": "xterm-256color", **environ}, encoding, asked)


def test_glyphs_follow_encoding_and_terminal() -> None:
    assert not of("UTF-8").ascii_only
    assert of("ANSI_X3.4-1968").ascii_only and of(None).ascii_only
    assert of(TERM="linux").ascii_only
    assert of(asked=ConsoleSettings(ascii=True)).ascii_only


@pytest.mark.parametrize(
    ("environ", "own"),
    [
        ({}, False),
        ({"TERM": "tmux-256color"}, False),
        ({"TERM": "xterm-kitty"}, False),
        ({"TERM": "screen"}, True),
        ({"TERM": "linux"}, True),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, False),
        ({"NO_COLOR": "1"}, True),
        ({"NO_COLOR": ""}, False),
    ],
)
def test_few_colours_are_the_terminals_own(environ: dict[str, str], own: bool) -> None:
    assert of(**environ).own_colours is own
    assert of(asked=ConsoleSettings(theme="terminal"), **environ).own_colours
    assert not of(asked=ConsoleSettings(theme="dark"), **environ).own_colours


def test_only_terminals_that_fill_what_they_erase_are_told_to_erase() -> None:
    assert of().erases and of(TERM="linux").erases and of(TERM="xterm-kitty").erases
    assert not of(TERM="screen-256color").erases and not of(TERM="vt220").erases and not of(TERM="").erases
    assert not of(STY="1234.pts").erases


def test_no_mouse_over_ssh_unless_asked() -> None:
    assert of().mouse
    assert not of(SSH_CONNECTION="1").mouse and not of(SSH_TTY="/dev/pts/1").mouse
    assert of(asked=ConsoleSettings(mouse="on"), SSH_TTY="/dev/pts/1").mouse
    assert not of(asked=ConsoleSettings(mouse="off")).mouse


def test_no_diff_where_asked_or_where_nothing_moves_the_cursor() -> None:
    assert of().diff
    assert not of(TERM="dumb").diff and not of(asked=ConsoleSettings(diff=False)).diff


def test_copying_is_wrapped_for_what_lies_between() -> None:
    text = "id\x1b[31m 東京"
    plain = osc52(text) or ""
    assert plain.startswith("\x1b]52;c;") and plain.endswith("\a")
    assert b64decode(plain[7:-1]).decode() == text
    assert of(TMUX="/tmp/x,1,0").wrap == "tmux" and of(STY="1.pts").wrap == "screen"
    assert osc52(text, "tmux") == "\x1bPtmux;\x1b" + plain + "\x1b\\"
    long = osc52("x" * 1000, "screen") or ""
    assert long.count("\x1bP") == long.count("\x1b\\") > 4
    assert long.replace("\x1bP", "").replace("\x1b\\", "") == osc52("x" * 1000)


def test_what_is_too_long_is_not_copied_in_part() -> None:
    assert osc52("x" * MOST) and osc52("x" * (MOST + 1)) is None
