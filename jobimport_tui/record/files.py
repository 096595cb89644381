"""A tape in a file: one line that says what it is, then packs, each after its length.

A file that is cut off at its end loses the last half minute and no more.
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

import msgspec

from jobimport_tui.record.tape import MOST_UNPACKED, Pack, Tape, unpack
from workers.errors import ConfigError

MAGIC = b"jobimport recording 1\n"
MOST_FILE = 256 * 2**20
"""Bytes after which nothing more is written: about a month of a console that is left open."""

_LENGTH = struct.Struct(">I")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Pack).decode


class Recorder:
    """Appends packs to a new file, for its owner alone. A disk that is full ends the recording, not the console."""

    def __init__(self, file: Path) -> None:
        self.file, self.problem = file, ""
        try:
            self._out: BinaryIO = open(file, "xb", opener=_private)  # noqa: SIM115 (open for as long as the console)
            self._out.write(MAGIC)
            self._out.flush()
        except OSError as error:
            raise ConfigError(
                "--record", "", str(file), f"a new file that can be written ({error.strerror})"
            ) from error
        self._size = len(MAGIC)

    def keep(self, packed: Pack) -> None:
        """Write a pack."""
        data = _encode(packed)
        if self.problem:
            return
        if self._size + len(data) > MOST_FILE:
            self.problem = f"the recording ends: {self.file} has {MOST_FILE >> 20} MiB"
            return
        try:
            self._out.write(_LENGTH.pack(len(data)) + data)
            self._out.flush()
        except OSError as error:
            self.problem = f"the recording ends: {error.strerror}"
        self._size += len(data) + _LENGTH.size

    def close(self) -> None:
        """Nothing more comes."""
        self._out.close()


def load(file: Path) -> Tape:
    """Read a recording. Raises ConfigError for what is none."""
    tape = Tape(seconds=float("inf"))
    try:
        with file.open("rb") as source:
            if source.read(len(MAGIC)) != MAGIC:
                raise ConfigError("--play", "", str(file), "a file that `jobimport --record` wrote")
            while len(head := source.read(_LENGTH.size)) == _LENGTH.size:
                (length,) = _LENGTH.unpack(head)
                data = source.read(length) if length <= MOST_UNPACKED else b""
                if len(data) < length or not data:
                    break  # the console was killed while it wrote
                tape.packs.append(_decode(data))
        if tape.packs:
            unpack(tape.packs[0])
    except OSError as error:
        raise ConfigError("--play", "", str(file), f"a file that can be read ({error.strerror})") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigError("--play", "", str(file), "a recording that is whole and of this version") from error
    if not tape.packs:
        raise ConfigError("--play", "", str(file), "a recording of at least half a minute")
    return tape


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
