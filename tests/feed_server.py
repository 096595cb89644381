"""A small real HTTP/1.1 server on a free loopback port, for tests that need a feed's server to (mis)behave.

    with FeedServer() as server:
        server.on("/feed.xml", Reply(body, gzip=True, etag='"1"'))  # 304 where its validator matches
        server.on("/busy", Reply(status=503, headers={"Retry-After": "7"}), Reply(body))  # 503 once, then 200
        server.on("/moved", Reply.redirect("/feed.xml", 301))
        server.on("/short", Reply(body, length=len(body) + 10))  # promises more than it sends
        server.on("/slow", Reply(pieces(server)))  # an iterable of bytes, sent as it yields
        server.on("/raw", lambda call: call.send(b"HTTP/1.1 200 OK\\r\\n\\r\\nanything"))
        server.url("/feed.xml"); server.requests[-1].headers["if-none-match"]

It runs in threads, so it serves the test's own event loop, sync tests and other processes alike. To wait for
a condition inside a reply use `call.wait(event)` or `server.wait(event)`: both end when the server closes, so
no test hangs on a reply. `server.connections` counts what is open; `until(condition)` waits for anything.
"""

import gzip
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Self
from urllib.parse import urlsplit

LIMIT = 10.0


def until(condition: Callable[[], bool], limit: float = LIMIT) -> None:
    """Wait until `condition()` is true; AssertionError after `limit` seconds. Blocks its thread."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        threading.Event().wait(0.005)


@dataclass(frozen=True)
class Request:
    """What a client sent. Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    at: float
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """One scripted answer.

    `body` may be an iterable of bytes: it is sent piece by piece as HTTP chunks (or, with `chunked=False`, up
    to the closing of the connection). `length` overrides Content-Length. `gzip=True` compresses and labels
    the body; to send compressed bytes unlabelled, compress them yourself. `cut` sends only so many bytes of
    the body, then closes.
    """

    body: bytes | Iterable[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    content_type: str = "application/xml"
    gzip: bool = False
    etag: str | None = None
    last_modified: str | None = None
    length: int | None = None
    chunked: bool | None = None
    cut: int | None = None

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> "Reply":
        """Send the client elsewhere."""
        return cls(status=status, headers={"Location": location})


class Call:
    """One request being answered."""

    def __init__(self, server: "FeedServer", request: Request, connection: socket.socket) -> None:
        self.server, self.request, self._connection = server, request, connection

    def send(self, data: bytes) -> None:
        """Send bytes as they are; raises OSError once the client has gone."""
        self._connection.sendall(data)

    def wait(self, event: threading.Event, limit: float = LIMIT) -> bool:
        """Wait for an event, the end of the server, or the limit; True when the event came."""
        return self.server.wait(event, limit)

    def reset(self) -> None:
        """Break the connection: the client gets a reset, not an end."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()

    def gone(self) -> bool:
        """Wait up to LIMIT seconds for the client to close its side; True when it has."""
        self._connection.settimeout(LIMIT)
        try:
            return self._connection.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def reply(self, reply: Reply) -> None:
        """Send one scripted answer."""
        head, pieces = _prepare(reply, self.request)
        self.send(head)
        if self.request.method != "HEAD":
            for piece in pieces:
                self.send(piece)


Script = Callable[[Call], None]


class FeedServer:
    """Use as a context manager; every connection is closed when it ends."""

    def __init__(self, *, host: str = "127.0.0.1", certificate: Path | None = None) -> None:
        """`certificate` is a PEM file of key and certificate: the server then speaks HTTPS."""
        self.requests: list[Request] = []
        self._scripts: dict[str, list[Reply | Script]] = {}
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._scheme = "https" if certificate else "http"
        self._listener = (_Listener6 if ":" in host else _Listener)((host, 0), self, certificate)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._listener.shutdown()
        self._listener.server_close()
        with self._lock:
            for connection in self._open:
                _shut(connection)
        self._thread.join(LIMIT)

    def on(self, path: str, *answers: Reply | Script) -> str:
        """Script a path: one answer a request, the last one for ever after. Returns the path's URL."""
        self._scripts[path] = list(answers)
        return self.url(path)

    def url(self, path: str = "/", *, host: str | None = None) -> str:
        """The URL of a path, by address or by another name for it."""
        address, port = self._listener.server_address[:2]
        name = host or (f"[{address}]" if ":" in str(address) else str(address))
        return f"{self._scheme}://{name}:{port}{path}"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._listener.server_address[1])

    @property
    def connections(self) -> int:
        """How many connections are open."""
        with self._lock:
            return len(self._open)

    def seen(self, path: str) -> list[Request]:
        """The requests for a path, oldest first."""
        return [request for request in self.requests if urlsplit(request.path).path == path]

    def wait(self, event: threading.Event, limit: float = LIMIT) -> bool:
        """Wait for an event, the end of the server, or the limit; True when the event came."""
        deadline = time.monotonic() + limit
        while not event.wait(0.01):
            if self._closing.is_set() or time.monotonic() > deadline:
                return False
        return True

    def answer(self, call: Call) -> None:
        """Answer one request as scripted; for the handler."""
        path = urlsplit(call.request.path).path
        with self._lock:
            self.requests.append(call.request)
            answers = self._scripts.get(path)
            answer = Reply(status=404) if not answers else answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Reply):
            call.reply(answer)
        else:
            answer(call)

    def track(self, connection: socket.socket, *, is_open: bool) -> None:
        """Count a connection in or out; for the handler."""
        with self._lock:
            (self._open.add if is_open else self._open.discard)(connection)


class _Listener(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], owner: FeedServer, certificate: Path | None) -> None:
        self.owner = owner
        self.context: ssl.SSLContext | None = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is what many tests are about."""


class _Listener6(_Listener):
    address_family = socket.AF_INET6


class _Handler(StreamRequestHandler):
    """One request a connection: every answer ends with closing."""

    @property
    def listener(self) -> _Listener:
        assert isinstance(self.server, _Listener)
        return self.server

    def setup(self) -> None:
        if self.listener.context:
            self.request = self.listener.context.wrap_socket(self.request, server_side=True)
        self.listener.owner.track(self.request, is_open=True)
        super().setup()

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.listener.owner.track(self.request, is_open=False)
            _shut(self.request)

    def handle(self) -> None:
        request = self._read()
        if request:
            self.listener.owner.answer(Call(self.listener.owner, request, self.request))

    def _read(self) -> Request | None:
        if not self.listener.context and self.request.recv(1, socket.MSG_PEEK) == b"\x16":
            # A TLS greeting to a plain server. It holds no line to wait for; servers answer it in plain text.
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            self.rfile.read()
            return None
        line = self.rfile.readline(65536).decode("latin-1").split()
        if len(line) != 3:
            return None
        headers: dict[str, str] = {}
        while raw := self.rfile.readline(65536).strip():
            name, _, value = raw.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", "0")))
        return Request(line[0], line[1], headers, time.monotonic(), body)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was first
    finally:
        connection.close()


def _prepare(reply: Reply, request: Request) -> tuple[bytes, Iterable[bytes]]:
    """The head of the answer as bytes, and its body as pieces."""
    headers = {"Connection": "close", "Content-Type": reply.content_type}
    if reply.etag:
        headers["ETag"] = reply.etag
    if reply.last_modified:
        headers["Last-Modified"] = reply.last_modified
    if _not_modified(reply, request):
        return _head(304, {**headers, **reply.headers}), []
    pieces = reply.body
    chunked = False
    if isinstance(pieces, bytes):
        data = gzip.compress(pieces, 6, mtime=0) if reply.gzip else pieces
        headers["Content-Length"] = str(len(data) if reply.length is None else reply.length)
        pieces = [data if reply.cut is None else data[: reply.cut]]
    else:
        chunked = reply.chunked is not False
        pieces = _gzipped(pieces) if reply.gzip else pieces
    if reply.gzip:
        headers["Content-Encoding"] = "gzip"
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
        pieces = _chunks(pieces)
    return _head(reply.status, {**headers, **reply.headers}), pieces


def _not_modified(reply: Reply, request: Request) -> bool:
    tag, since = request.headers.get("if-none-match"), request.headers.get("if-modified-since")
    if reply.status != 200:
        return False
    if tag is not None:
        return tag == reply.etag
    return since is not None and since == reply.last_modified


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(6, wbits=31)
    for piece in pieces:
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        if piece:
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"
