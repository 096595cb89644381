"""Keys that arrive in one packet, as a slow link and a paste bring them, do what they do one by one."""

import os
import select
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

from tests.console.test_terminal import CODE, Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    console = Terminal(tmp_path, "default", CODE)
    console.read_until(b"mongodb unreachable since")
    yield console
    console.close()


def until_shown(terminal: Terminal, text: str, seconds: float = 30) -> None:
    """Read until a row of the screen holds a text."""
    end = time.monotonic() + seconds
    while True:
        screen = pyte.Screen(80, 24)
        pyte.ByteStream(screen).feed(terminal.said)
        if any(text in line for line in screen.display):
            return
        assert time.monotonic() < end, screen.display
        if select.select([terminal.fd], [], [], 0.1)[0]:
            terminal.said += os.read(terminal.fd, 65536)


def test_what_is_typed_after_a_slash_is_the_filter(terminal: Terminal) -> None:
    """`s` alone would sort, `e` would ask for a file, `q` would leave."""
    os.write(terminal.fd, b"4/senior engineer q\r")
    until_shown(terminal, '"senior engineer q"')


def test_a_verb_and_what_is_said_of_it(terminal: Terminal) -> None:
    os.write(terminal.fd, b":theme nonsense\r")
    until_shown(terminal, "theme 'nonsense': expected")


def test_a_screen_that_a_key_opens_hears_the_next(terminal: Terminal) -> None:
    os.write(terminal.fd, b"?q6")
    until_shown(terminal, "[6 Sources]")
    os.write(terminal.fd, b"qqq")
    assert terminal.ended() == 0
