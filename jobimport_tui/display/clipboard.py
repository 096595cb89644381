"""Copying over any number of hops: the terminal is asked to take the text into its clipboard (OSC 52).

tmux and screen keep such sequences to themselves unless they are wrapped; terminals drop what is longer than they like.
"""

from base64 import b64encode
from typing import Literal

MOST = 74_994
"""Bytes of text: what xterm, and tmux behind it, take at most (100,000 encoded)."""

_SCREEN_CHUNK = 240
"""screen takes 256 bytes of a string at a time."""


def osc52(text: str, wrap: Literal["", "tmux", "screen"] = "") -> str | None:
    """The sequence that copies a text; None where the text is too long to be copied in whole."""
    data = text.encode("utf-8", "replace")
    if len(data) > MOST:
        return None
    sequence = f"\x1b]52;c;{b64encode(data).decode()}\a"
    if wrap == "tmux":
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if wrap == "screen":
        pieces = (sequence[i : i + _SCREEN_CHUNK] for i in range(0, len(sequence), _SCREEN_CHUNK))
        return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    return sequence
