"""Inflating under limits: what comes off the wire goes in, at most STEP bytes at a time come out. Pure."""

import zlib
from collections.abc import Iterator
from typing import Protocol

from workers.errors import BodyTruncated, NetworkFailure, NotAFeed, TooLarge

STEP = 64 * 1024
RATIO_FLOOR = 1024 * 1024  # bytes below which no ratio is suspicious

_MAGIC = b"\x1f\x8b"


class Member(Protocol):
    """What `zlib.decompressobj` makes: one gzip member being inflated. zlib names the class only in private."""

    @property
    def eof(self) -> bool:
        """Whether the member has come to its end."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What follows the member."""
        ...

    @property
    def unconsumed_tail(self) -> bytes:
        """What did not fit into the last step."""
        ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Inflate one step."""
        ...


def check_coding(url: str, header: str) -> None:
    """Refuse a Content-Encoding other than none or one gzip: stacked codings are how bombs are built."""
    codings = [part for token in header.split(",") if (part := token.strip().lower()) not in ("", "identity")]
    if len(codings) > 1 or any(coding not in ("gzip", "x-gzip") for coding in codings):
        got = ", ".join(codings).encode("unicode_escape").decode("ascii")[:60]
        raise NotAFeed(f"{url} is encoded as {got}: expected gzip once, or nothing")


class Inflater:
    """Passes a plain body on and inflates a gzip one, whatever the headers call it; the first bytes decide.

    So a feed.xml.gz without Content-Encoding is inflated too, and a plain body that a server labels gzip is
    read as it is. Raises TooLarge past `max_bytes`, read or inflated, or past `max_ratio` inflated bytes a
    byte read; NotAFeed for gzip in gzip; NetworkFailure for damaged data.
    """

    def __init__(self, url: str, *, max_bytes: int, max_ratio: int) -> None:
        self._url, self._max_bytes, self._max_ratio = url, max_bytes, max_ratio
        self._held = b""
        self._member: Member | None = None
        self._begun = self._plain = self._padding = False
        self.read = 0
        self.inflated = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give what these bytes of the wire inflate to; a caller that breathes between pieces stays responsive."""
        self.read += len(data)
        if self.read > self._max_bytes:
            raise TooLarge(f"{self._url} sends more than {self._max_bytes} bytes: the most that is read")
        while data and not self._padding:
            if self._plain:
                yield from self._cut(data)
                return
            if self._member is None:
                data, self._held = self._held + data, b""
                if data == _MAGIC[:1]:
                    self._held = data
                    return
                self._start(data)
            else:
                member = self._member
                yield from self._inflate(member, data)
                data = member.unused_data
                if member.eof:
                    self._member = None
                    yield b""  # a body of a million empty members must let the caller breathe too

    def close(self) -> Iterator[bytes]:
        """Give what was held back. Raises BodyTruncated where a gzip stream has not come to its end."""
        if self._member is not None:
            raise BodyTruncated(f"{self._url} ended inside its gzip data, {self.inflated} bytes in")
        if self._held and not self._begun:
            yield from self._cut(self._held)

    def _start(self, data: bytes) -> None:
        """Decide what a body is, or what follows a gzip member in it."""
        if data.startswith(_MAGIC):
            self._member = zlib.decompressobj(wbits=31)
        elif self._begun:
            self._padding = True  # after the last member; gzip ignores it too
        else:
            self._plain = True
        self._begun = True

    def _inflate(self, member: Member, data: bytes) -> Iterator[bytes]:
        while not member.eof:
            try:
                part = member.decompress(data, STEP)
            except zlib.error as error:
                text = f"{self._url} sent damaged gzip data, {self.inflated} bytes in"
                raise NetworkFailure(text) from error
            data = member.unconsumed_tail
            if part:
                yield self._count(part)
            if not data and len(part) < STEP:
                return

    def _cut(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), STEP):
            yield self._count(data[start : start + STEP])

    def _count(self, part: bytes) -> bytes:
        if not self.inflated and not self._plain and part.startswith(_MAGIC):
            raise NotAFeed(f"{self._url} is gzip inside gzip: expected a feed in gzip once, or plain")
        self.inflated += len(part)
        if self.inflated > self._max_bytes:
            text = f"{self._url} inflates to more than {self._max_bytes} bytes: the most that is read"
            raise TooLarge(text)
        if self.inflated > RATIO_FLOOR and self.inflated > self._max_ratio * self.read:
            text = f"{self._url} inflates to more than {self._max_ratio} times its size: not what a feed does"
            raise TooLarge(text)
        return part
