"""Snapshots by moment. Half a minute of them is packed together: what does not change costs next to nothing."""

from bisect import bisect_right
from collections.abc import Callable

import msgspec

from jobimport_tui.state import Snapshot

EVERY_SECONDS = 2.0
PACK_SECONDS = 30.0
HOUR = 3600.0
MOST_BYTES = 16 * 2**20
LETTERS_KEPT = 200
RUNS_KEPT = 100
MOST_UNPACKED = 256 * 2**20
"""A pack that is larger was not written by us."""


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """A snapshot at its moment."""

    at: float
    snapshot: Snapshot


class Pack(msgspec.Struct, frozen=True, array_like=True):
    """Half a minute: frames as zstd-compressed JSON."""

    first: float
    last: float
    data: bytes


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Frame])


def pack(frames: list[Frame]) -> Pack:
    """Pack frames, which are in order and not none."""
    import zstandard

    data = zstandard.ZstdCompressor(level=3).compress(_encoder.encode(frames))
    return Pack(frames[0].at, frames[-1].at, data)


def unpack(packed: Pack) -> list[Frame]:
    """The frames of a pack. Raises ValueError for what is none."""
    import zstandard

    try:
        size = zstandard.frame_content_size(packed.data)
        if not 0 <= size <= MOST_UNPACKED:
            raise ValueError("a pack of an impossible size")
        return _decoder.decode(zstandard.ZstdDecompressor().decompress(packed.data))
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from error


class Tape:
    """Snapshots of the last hour. `on_pack` is given each pack as it is complete."""

    def __init__(self, *, seconds: float = HOUR, on_pack: Callable[[Pack], None] | None = None) -> None:
        self.packs: list[Pack] = []
        self._seconds, self._on_pack = seconds, on_pack
        self._open: list[Frame] = []
        self._cache: tuple[int, list[Frame]] = (-1, [])

    def add(self, at: float, snapshot: Snapshot) -> bool:
        """Keep a snapshot, at most one in two seconds; a clock that was put back is passed over."""
        if self._open and at - self._open[-1].at < EVERY_SECONDS:
            return False
        if self.packs and at <= self.packs[-1].last:
            return False
        if self._open and at - self._open[0].at >= PACK_SECONDS:
            self.close()
        self._open.append(Frame(at, _bounded(snapshot)))
        return True

    def close(self) -> None:
        """Pack what is not packed yet, and forget what is too old."""
        if not self._open:
            return
        self.packs.append(pack(self._open))
        self._open = []
        if self._on_pack is not None:
            self._on_pack(self.packs[-1])
        newest = self.packs[-1].last
        while len(self.packs) > 1 and (newest - self.packs[0].last > self._seconds or self._bytes() > MOST_BYTES):
            self.packs.pop(0)
        self._cache = (-1, [])

    def _bytes(self) -> int:
        return sum(len(packed.data) for packed in self.packs)

    @property
    def first(self) -> float | None:
        """The oldest moment; None of an empty tape."""
        return self.packs[0].first if self.packs else self._open[0].at if self._open else None

    @property
    def last(self) -> float | None:
        """The newest moment."""
        return self._open[-1].at if self._open else self.packs[-1].last if self.packs else None

    def at(self, moment: float) -> Frame | None:
        """What was shown at a moment: the newest frame that is not later; the first, where all are later."""
        if self._open and moment >= self._open[0].at:
            return _newest(self._open, moment)
        number = bisect_right([packed.first for packed in self.packs], moment) - 1
        if not self.packs:
            return self._open[0] if self._open else None
        number = max(0, number)
        if self._cache[0] != number:
            self._cache = (number, unpack(self.packs[number]))
        return _newest(self._cache[1], moment)


def _newest(frames: list[Frame], moment: float) -> Frame:
    return frames[max(0, bisect_right([frame.at for frame in frames], moment) - 1)]


def _bounded(snapshot: Snapshot) -> Snapshot:
    failed = msgspec.structs.replace(snapshot.failed, rows=snapshot.failed.rows[:LETTERS_KEPT])
    runs = msgspec.structs.replace(snapshot.runs, recent=snapshot.runs.recent[:RUNS_KEPT])
    return msgspec.structs.replace(snapshot, failed=failed, runs=runs)
