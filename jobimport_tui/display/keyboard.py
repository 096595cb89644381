"""What is typed, as messages: read in a thread that sleeps while nobody types.

Textual looks ten times a second whether a lone escape is a key by itself; here it is looked for only after input.
"""

import os
import selectors
import threading
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import suppress

from textual._xterm_parser import XTermParser
from textual.message import Message

LOOK_SECONDS = 0.1
LOOKS = 5
"""After input it is looked so often whether an escape stays alone; ESCDELAY is 100 ms."""


class Bell(threading.Event):
    """An event that is also heard by who waits for a file."""

    def __init__(self) -> None:
        super().__init__()
        self.heard, self._rung = os.pipe()
        os.set_blocking(self._rung, False)

    def set(self) -> None:
        """Set it, and wake who waits."""
        super().set()
        with suppress(OSError):  # full of rings that nobody took: awake already
            os.write(self._rung, b"!")

    def clear(self) -> None:
        """Be quiet again."""
        super().clear()
        os.set_blocking(self.heard, False)
        with suppress(OSError):
            while os.read(self.heard, 1024):
                pass


def listen(keyboard: int, end: Bell, heard: Callable[[Message], None], *, debug: bool = False) -> None:
    """Hand over what is typed until `end` is rung. Blocking; raises OSError where the terminal is gone."""
    parser = XTermParser(debug)
    decode = getincrementaldecoder("utf-8")("replace").decode
    looks = LOOKS
    with selectors.DefaultSelector() as selector:
        selector.register(keyboard, selectors.EVENT_READ)
        selector.register(end.heard, selectors.EVENT_READ)
        while not end.is_set():
            ready = selector.select(LOOK_SECONDS if looks else None)
            looks = max(0, looks - 1)
            if any(key.fd == keyboard for key, _ in ready):
                looks = LOOKS
                text = decode(os.read(keyboard, 4096))
                if not text and not end.wait(LOOK_SECONDS):  # closed, or the first half of a character
                    continue
                for message in parser.feed(text):
                    heard(message)
            for message in parser.tick():
                heard(message)
