"""The demo's feed server: HTTP/1.1 on loopback, with ETag, Last-Modified, gzip, and a bad day now and then.

    python -m workers.service.demo_server FOLDER PORT

/remote-board.rss, /city-jobs.xml and /wingtip.json change every 30 seconds and are stable in between. Every fifth
request for city-jobs is answered 503. The generation reached is kept in FOLDER/generation, so that the next demo
goes on where this one ended, and its feeds look to the importer like feeds that were watched all the time.
"""

import gzip
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import anyio
import msgspec
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from workers.service.demo_feeds import MOVING, STEP, render

PATHS = {
    "/remote-board.rss": ("remote-board", "application/rss+xml; charset=UTF-8"),
    "/city-jobs.xml": ("city-jobs", "application/xml"),
    "/wingtip.json": ("wingtip", "application/json; charset=utf-8"),
}
_SICK, _SICK_EVERY = "city-jobs", 5
_HEAD_LIMIT = 16_384
_IDLE_SECONDS = 30


class Clock(msgspec.Struct):
    """The demo's time: the generation at `started`, and since then one more each step."""

    born: datetime
    generation: int
    started: datetime

    @property
    def now(self) -> int:
        """Generation that is served now."""
        return self.generation + (datetime.now(UTC) - self.started) // STEP

    @classmethod
    def wound(cls, file: Path) -> "Clock":
        """The clock a demo left in a file, going on; a new one where there is none that can be read.

        The break is not made up for: feeds with half their listings gone would hold the importer's closing.
        """
        now = datetime.now(UTC)
        try:
            old = msgspec.json.decode(file.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError):
            return cls(now.replace(microsecond=0), 0, now)
        return cls(old.born, max(old.generation, 0), now)

    def save(self, file: Path) -> None:
        """Write down the generation reached."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(Clock(self.born, self.now, datetime.now(UTC))))


class Answer(NamedTuple):
    """One response."""

    status: str
    headers: dict[str, str]
    body: bytes = b""


class DemoServer:
    """The feeds of one clock over HTTP."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: Counter[str] = Counter()

    async def serve(self, stream: SocketStream) -> None:
        """One connection: requests until it closes or is idle too long."""
        async with stream:
            receive = BufferedByteReceiveStream(stream)
            try:
                while True:
                    with anyio.fail_after(_IDLE_SECONDS):
                        head = await receive.receive_until(b"\r\n\r\n", _HEAD_LIMIT)
                    method, target, headers = _parse(head)
                    answer = self.answer(method, target, headers)
                    await stream.send(_encode(answer, with_body=method != "HEAD"))
                    if headers.get("connection", "").lower() == "close":
                        return
            except (TimeoutError, OSError, anyio.IncompleteRead, anyio.DelimiterNotFound):
                return
            except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError):
                return

    def answer(self, method: str, target: str, headers: dict[str, str]) -> Answer:
        """What a request gets; `headers` by lower-case name."""
        if method not in ("GET", "HEAD"):
            return Answer("405 Method Not Allowed", {"Allow": "GET, HEAD"})
        path = target.partition("?")[0]
        if path == "/":
            return Answer("200 OK", {"Content-Type": "text/html; charset=utf-8"}, _index())
        if path not in PATHS:
            return Answer("404 Not Found", {"Content-Type": "text/plain"}, b"no such feed\n")
        name, kind = PATHS[path]
        self._asked[name] += method == "GET"
        if name == _SICK and method == "GET" and self._asked[name] % _SICK_EVERY == 0:
            return Answer("503 Service Unavailable", {"Retry-After": "2"}, b"overloaded, come back later\n")
        return self._feed(name, kind, headers)

    def _feed(self, name: str, kind: str, headers: dict[str, str]) -> Answer:
        generation = self._clock.now
        body, packed, tag = _rendered(name, generation, self._clock.born)
        modified = self._clock.born + generation * STEP
        zipped = "gzip" in headers.get("accept-encoding", "")
        told = {
            "ETag": f'W/"{tag}"' if zipped else f'"{tag}"',
            "Last-Modified": format_datetime(modified, usegmt=True),
            "Cache-Control": f"max-age={STEP.seconds}",
            "Vary": "Accept-Encoding",
        }
        if _is_fresh(headers, tag, modified):
            return Answer("304 Not Modified", told)
        coding = {"Content-Encoding": "gzip"} if zipped else {}
        return Answer("200 OK", {"Content-Type": kind, **told, **coding}, packed if zipped else body)


def _is_fresh(headers: dict[str, str], tag: str, modified: datetime) -> bool:
    if "if-none-match" in headers:  # RFC 9110, 13.1.3: it makes If-Modified-Since moot
        return any(tag in known for known in headers["if-none-match"].split(","))
    try:
        return parsedate_to_datetime(headers.get("if-modified-since", "")) >= modified
    except (ValueError, TypeError):
        return False


@lru_cache(maxsize=2 * len(MOVING))
def _rendered(name: str, generation: int, born: datetime) -> tuple[bytes, bytes, str]:
    body = render(name, generation, born)
    return body, gzip.compress(body, 6, mtime=0), blake2b(body, digest_size=10).hexdigest()


def _index() -> bytes:
    links = "".join(f'<li><a href="{path}">{name}</a>' for path, (name, _) in PATHS.items())
    return f"<!doctype html><title>Demo feeds</title><h1>Demo feeds</h1><ul>{links}</ul>\n".encode()


def _parse(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    method, _, target = first.partition(" ")
    pairs = (line.partition(":") for line in rest)
    return method, target.partition(" ")[0], {name.strip().lower(): text.strip() for name, _, text in pairs}


def _encode(answer: Answer, *, with_body: bool) -> bytes:
    length = {} if answer.status.startswith("304") else {"Content-Length": str(len(answer.body))}
    lines = {**answer.headers, **length, "Date": format_datetime(datetime.now(UTC), usegmt=True), "Server": "demo"}
    head = "".join(f"{name}: {text}\r\n" for name, text in lines.items())
    return f"HTTP/1.1 {answer.status}\r\n{head}\r\n".encode("latin-1") + (answer.body if with_body else b"")


async def run(folder: Path, port: int) -> None:
    """Serve until the process is ended; the generation is written down each step."""
    file = folder / "generation"
    clock = Clock.wound(file)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, DemoServer(clock).serve)
        while True:
            clock.save(file)
            await anyio.sleep(STEP / timedelta(seconds=1))


if __name__ == "__main__":
    anyio.run(run, Path(sys.argv[1]), int(sys.argv[2]))
