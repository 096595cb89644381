"""Keys are heard at once, a lone escape soon, and nobody is woken while nobody types."""

import os
import threading
from collections.abc import Iterator
from queue import Empty, Queue

import pytest
from textual import events
from textual.message import Message

from jobimport_tui.display import keyboard
from jobimport_tui.display.keyboard import Bell, listen


class Desk:
    def __init__(self) -> None:
        self.keyboard, self._typing = os.pipe()
        self.end, self.heard = Bell(), Queue[Message]()
        self.thread = threading.Thread(target=listen, args=(self.keyboard, self.end, self.heard.put))
        self.thread.start()

    def type(self, data: bytes) -> list[str]:
        """Type; returns the keys that are heard until nothing comes for half a second."""
        os.write(self._typing, data)
        keys: list[str] = []
        try:
            while True:
                message = self.heard.get(timeout=0.5)
                assert isinstance(message, events.Key)
                keys.append(
                    message.key if message.character is None or message.character == "\x1b" else message.character
                )
        except Empty:
            return keys

    def close(self) -> None:
        self.end.set()
        self.thread.join(5)
        assert not self.thread.is_alive()


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"j", ["j"]),
        (b"\x1b[A\x1b[6~", ["up", "pagedown"]),
        (b"\x1b", ["escape"]),
        (b"j\x1b", ["j", "escape"]),
        ("é".encode(), ["é"]),
    ],
)
def test_keys_are_heard_also_a_lone_escape(desk: Desk, typed: bytes, keys: list[str]) -> None:
    assert desk.type(b"x") == ["x"]  # it has gone to sleep by now
    assert desk.type(typed) == keys


def test_half_a_character_waits_for_the_other_half(desk: Desk) -> None:
    assert desk.type(b"\xc3") == []
    assert len(desk.type(b"\xa9")) == 1


def test_who_waits_is_woken_by_the_end_and_by_nothing_else(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(keyboard.XTermParser, "tick", lambda _: looks.append(1) or ())
    assert desk.type(b"j") == ["j"]
    assert desk.type(b"") == []  # the last looks after the key
    assert len(looks) <= keyboard.LOOKS + 1
    seen = len(looks)
    assert desk.type(b"") == [] and len(looks) == seen
    desk.end.set()
    desk.thread.join(1)
    assert not desk.thread.is_alive()
    desk.end.clear()  # as Textual does when it goes on after a suspension
    assert not desk.end.is_set()
    again = threading.Thread(target=listen, args=(desk.keyboard, desk.end, desk.heard.put))
    again.start()
    assert desk.type(b"k") == ["k"]
    desk.end.set()
    again.join(1)
    assert not again.is_alive()
