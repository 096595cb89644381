# ruff: noqa: E501  (a case a line or two: it is a table)
"""Every hostile feed that we know of: what its server sends, and what an operator is to read of it.

Served by `tests.feed_server`, imported by `tests.hostile.importing`; `bench.hostile` prints what each costs.
"""

import gzip
import json
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.feed_server import Call, FeedServer, Reply

MIB = 2**20
PASSWD = "file:///etc/passwd"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One of them. `answers` scripts the server and returns the URL to import; `error` is found in the sentence.

    `listings`, `rejects` and `duplicates` are what comes out before the feed breaks, or as well; -1 for some. `said`
    are texts that its listings then hold, `unsaid` such that they may not. `seconds` and `mib` bound what its import
    may take on a busy machine. `requests` is how many the server may get.
    """

    name: str
    answers: Callable[[FeedServer], str]
    code: str = ""
    error: str = ""
    listings: int = 0
    rejects: int = 0
    duplicates: int = 0
    said: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()
    seconds: float = 10.0
    mib: float = 48.0
    requests: int | None = None
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    names: dict[str, list[list[str]]] = field(default_factory=dict[str, list[list[str]]])
    source: dict[str, Any] = field(default_factory=dict[str, Any])


def body(data: bytes | Iterable[bytes], **how: Any) -> Callable[[FeedServer], str]:
    """A feed of these bytes."""
    return lambda server: server.on("/feed", Reply(data, **how))


def leads_to(place: str) -> Callable[[FeedServer], str]:
    """A feed that sends elsewhere."""
    return lambda server: server.on("/feed", Reply.redirect(place))


def rss(*items: str) -> bytes:
    inside = "".join(f"<item>{item}</item>" for item in items)
    return f"<rss><channel><title>B</title>{inside}</channel></rss>".encode()


def jobs(*items: str) -> bytes:
    """A board of Greenhouse's; each item is what stands beside the least that a listing needs."""
    whole = ",".join(f'{{"id":{n},"title":"T","absolute_url":"/j/{n}"{item}}}' for n, item in enumerate(items, 1))
    return f'{{"jobs":[{whole}]}}'.encode("utf-8", "surrogatepass")


GOOD = "<title>Cook</title><guid>1</guid><link>https://x.example/1</link>"
REFUSED = "declares its own entities: refused as unsafe"


def long(start: bytes, piece: bytes, count: int, end: bytes = b"") -> Callable[[FeedServer], str]:
    """A body made while it is sent, of any length."""

    def pieces() -> Iterator[bytes]:
        yield start
        for _ in range(count):
            yield piece
        yield end

    # A generator is spent after one request.
    return lambda server: server.on("/feed", lambda call: call.reply(Reply(pieces())))


def declares(*declarations: str, uses: str = "") -> Callable[[FeedServer], str]:
    """A feed with entities of its own; {server} is where one may try to fetch from."""

    def answers(server: FeedServer) -> str:
        inside = "".join(declarations).replace("{server}", server.url("/stolen"))
        data = f"<?xml version='1.0'?><!DOCTYPE rss [{inside}]><rss><item><title>{uses}</title>{GOOD}</item></rss>"
        return server.on("/feed", Reply(data.encode()))

    return answers


def external(server: FeedServer) -> str:
    return server.on("/feed", Reply(f'<!DOCTYPE rss SYSTEM "{server.url("/stolen")}">'.encode() + rss(GOOD)))


LAUGHS = ['<!ENTITY a0 "lol">', *(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))]

ENTITIES = [
    Case(
        name="XXE: a file", answers=declares(f'<!ENTITY x SYSTEM "{PASSWD}">', uses="&x;"), code="malformed_feed",
        error=REFUSED, requests=1,
    ),
    Case(
        name="XXE: the network", answers=declares('<!ENTITY x SYSTEM "{server}">', uses="&x;"), code="malformed_feed",
        error=REFUSED, requests=1,
    ),
    Case(
        name="XXE: parameter entities",
        answers=declares(f'<!ENTITY % f SYSTEM "{PASSWD}">', '<!ENTITY % e SYSTEM "{server}">', "%e;"),
        code="malformed_feed", error=REFUSED, requests=1,
    ),
    Case(name="XXE: an external subset is not loaded", answers=external, listings=1, requests=1),
    Case(name="billion laughs", answers=declares(*LAUGHS, uses="&a9;"), code="malformed_feed", error=REFUSED),
    Case(
        name="quadratic blow-up", answers=declares(f'<!ENTITY a "{"x" * 100_000}">', uses="&a;" * 10_000),
        code="malformed_feed", error=REFUSED,
    ),
]  # fmt: skip

ATTRIBUTES = b" ".join(b'a%d="1"' % n for n in range(12_000))

SHAPES = [
    Case(
        name="XML 100,000 deep", answers=body(b"<rss>" + b"<a>" * 100_000), code="too_large", error="elements nested over"
    ),
    Case(
        name="XML 100,000 deep in an item", answers=body(b"<rss><item>" + b"<a>" * 100_000), code="too_large",
        error="elements nested over 256 deep",
    ),
    Case(
        name="12,000 attributes", answers=body(b"<rss><item " + ATTRIBUTES + b"/></rss>"), code="too_large",
        error="over 1000 attributes in a tag",
    ),
    Case(
        name="60,000 open tags", answers=body(b"<rss><item>" + b"<b><i>" * 30_000), code="too_large",
        error="elements nested over 256 deep",
    ),
    Case(
        name="200,000 empty elements in an item", answers=body(b"<rss><item>" + b"<b/>" * 200_000), code="too_large",
        error="over 50000 elements in one item",
    ),
    Case(
        name="a text of 100 MB", answers=long(b"<rss><item><title>", b"x" * MIB, 100), code="too_large",
        error="Text node too long", mib=64,
    ),
    Case(
        name="a CDATA section of 100 MB", answers=long(b"<rss><item><title><![CDATA[", b"x" * MIB, 100),
        code="too_large", error="one item is over", mib=96,
    ),
    Case(
        name="a tag of 100 MB", answers=long(b"<rss><item><title a='", b"x" * MIB, 100), code="too_large",
        error="one tag is over",
    ),
    Case(
        name="a comment of 100 MB", answers=long(b"<rss><!-- ", b"x" * MIB, 100), code="too_large", error="one tag is",
    ),
    Case(
        name="a JSON text of 100 MB", answers=long(b'{"jobs":[{"id":1,"title":"', b"x" * MIB, 100), code="too_large",
        error="one JSON value is over", mib=96,
    ),
    Case(
        name="JSON 100,000 deep", answers=body(b'{"jobs":[{"id":' + b"[" * 100_000), code="too_large",
        error="nested over 200 deep",
    ),
    Case(
        name="JSON 100,000 deep, outside items", answers=body(b"[" * 100_000), code="too_large",
        error="nested over 200 deep",
    ),
]  # fmt: skip


def board(*pieces: tuple[bytes, int]) -> Callable[[FeedServer], str]:
    """A board of Greenhouse's with a good listing, and then pieces, each so many times."""
    return body(jobs("")[:-2] + b"," + b"".join(piece * count for piece, count in pieces))


def broken(piece: bytes, count: int, then: bytes = b"") -> Callable[[FeedServer], str]:
    """RSS with a good listing, one that only a second, repaired pass can read, and in that a piece so many times."""
    start = rss(GOOD)[: -len("</channel></rss>")] + b"<item><guid>2</guid><title>A & B</title>"
    return body(start + piece * count + then + b"</item></channel></rss>")


OWN_KEYS = ["".join(f',"{n}-{m}":1' for m in range(49_000)) for n in range(8)]
CROWDED = [
    Case(
        name="JSON keys of 1 MB", answers=board((b'{"' + b"k" * MIB + b'":1},', 60)), code="too_large",
        error="a JSON key of over 500 characters", listings=1,
    ),
    Case(
        name="JSON keys of 1 MB, outside items", answers=body((b'{"' + b"k" * MIB + b'":') * 60), code="too_large",
        error="a JSON key of over 500 characters",
    ),
    Case(name="49,000 keys of its own in each item", answers=body(jobs(*OWN_KEYS)), listings=8, mib=24),
    Case(
        name="repairs: 100,000 objects without an end", answers=board((b'{"id":2,"title":"T","n":NaN},', 1), (b'{"id":1,', 100_000)),
        code="degraded", error="too many objects without an end", listings=2, seconds=20,
    ),
    Case(
        name="repairs: 5,000,000 values in an object", answers=board((b'{"id":NaN,"a":[0', 1), (b",{}", 5_000_000), (b"]}]}", 1)),
        code="degraded", error="expected well-formed JSON", listings=1, seconds=20,
    ),
    Case(
        name="repairs: a text without an end behind the list", code="degraded", error="a text of over 2097152 bytes",
        answers=board((b'{"id":2,"title":"T","n":NaN}],"x":"', 1), (b"x" * MIB, 60)), listings=2, seconds=20,
    ),
    Case(
        name="repairs: 100,000 brackets behind the list", code="degraded", error="JSON values nested over 200 deep",
        answers=board((b'{"id":2,"title":"T","n":NaN}],"x":', 1), (b"[", 100_000)), listings=2,
    ),
    Case(
        name="repairs: 60 MB behind the document", code="degraded", error="added 1 listings", listings=2,
        answers=board((b'{"id":2,"title":"T","n":NaN}]}', 1), (b"x" * MIB, 60)), seconds=20,
    ),
    Case(
        name="repairs: 1,000,000 tags in an item", answers=broken(b"<b/>", 10**6), code="degraded", listings=1,
        error="1 were unreadable even so",
    ),
    Case(
        name="repairs: 5,000,000 ampersands in an item", answers=broken(b"&", 5 * 10**6), code="degraded", listings=1,
        error="1 were unreadable even so",
    ),
    Case(
        name="repairs: 90,000 open tags, 90,000 stray ends", answers=broken(b"<b>", 90_000, b"</i>" * 90_000), code="degraded",
        listings=1, error="1 were unreadable even so",
    ),
    Case(
        name="JSON-LD of 1,000,000 values", code="too_large", error="over 200000 brackets and commas",
        answers=body(b'<!doctype html><html><script type="application/ld+json">[0' + b",{}" * 10**6 + b"]</script></html>"),
    ),
]  # fmt: skip

REPEATED = b"<item><guid>one</guid><title>Cook</title></item>" * 10_000
PADDED = (b"<item><guid>one</guid><title>Cook</title><d>" + b" " * 100_000 + b"</d></item>") * 10


def bomb(mib: int, piece: bytes = bytes(MIB)) -> bytes:
    """Gzip of about so many MiB, a thousandth of that on the wire; it has no end, for nobody may get there."""
    packer = zlib.compressobj(9, wbits=31)
    start = packer.compress(b"<rss><channel>") + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the same bytes are packed the same way: once is enough.
    packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + packed * (mib * MIB // len(piece))


# Brotli's own: a window of zeros, repeated; nobody inflates it, so any bytes would do.
BROTLI = b"\x5b\xff\xff\x8f\x0f\x02\x24\x1a" * 200
GZIP = {"Content-Encoding": "gzip"}
MANY = rss(*(f"<title>Cook {n}</title><guid>{n}</guid><d>{n * 7919 % 10**9:x}</d>" for n in range(20_000)))
CODED = [
    Case(
        name="gzip bomb: 1 GB of listings", answers=body(bomb(1024, PADDED), headers=GZIP), code="too_large",
        error="inflates to more than 200 times its size", listings=1, duplicates=-1,
    ),
    Case(
        name="gzip bomb that no header names", answers=body(bomb(1024, PADDED)), code="too_large",
        error="inflates to more than 200 times its size", listings=1, duplicates=-1,
    ),
    Case(
        name="gzip bomb of NUL", answers=body(bomb(1024), headers=GZIP), code="malformed_feed", error="a NUL byte",
    ),
    Case(
        name="brotli bomb", answers=body(BROTLI, headers={"Content-Encoding": "br"}), code="not_a_feed",
        error="is encoded as br: expected gzip once, or nothing",
    ),
    Case(
        name="stacked codings", answers=body(gzip.compress(bomb(64)), headers={"Content-Encoding": "gzip, gzip"}),
        code="not_a_feed", error="is encoded as gzip, gzip: expected gzip once, or nothing",
    ),
    Case(
        name="a bomb inside a bomb", answers=body(gzip.compress(bomb(64)), headers=GZIP), code="not_a_feed",
        error="is gzip inside gzip",
    ),
    Case(
        name="gzip cut in half", answers=body(gzip.compress(MANY)[:60_000], headers=GZIP), code="body_truncated",
        error="ended inside its gzip data", listings=-1, mib=64,
    ),
    Case(
        name="gzip damaged", code="network_failure|malformed_feed|body_truncated|degraded", listings=-1,
        error="sent damaged gzip data|well-formed XML|inside its gzip data", mib=64,
        answers=body(gzip.compress(MANY)[:30_000] + b"\xff" * 30_000, headers=GZIP),
    ),
]  # fmt: skip


def drip(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<rss>")
    while not call.wait(threading.Event(), 0.3):
        call.send(b" ")


def without_end(head: bytes, piece: bytes) -> Callable[[FeedServer], str]:
    """Bytes for as long as the client stays."""

    def script(call: Call) -> None:
        call.send(head)
        while True:
            call.send(piece)

    return lambda server: server.on("/feed", script)


def around(server: FeedServer) -> str:
    """10,000 redirects, each to another address."""

    def script(call: Call) -> None:
        at = int(call.request.path.rpartition("=")[2])
        call.reply(Reply.redirect(f"/feed?n={at + 1}") if at < 10_000 else Reply(rss(GOOD)))

    return f"{server.on('/feed', script)}?n=0"


SLOW = [
    Case(
        name="a body without end", code="too_large", error="sends more than 33554432 bytes",
        answers=long(b"<rss>", (b"<item><title>Cook</title><guid>1</guid><d>" + b"x" * 60_000 + b"</d></item>") * 16, 10**6, b""),
        settings={"max_bytes": 32 * MIB}, listings=1, duplicates=-1, seconds=40,
    ),
    Case(
        name="one byte every 0.3 s", answers=lambda server: server.on("/feed", drip), code="stall_timeout",
        error="was not read to its end within 1.5 s", settings={"total_timeout": 1.5},
    ),
    Case(
        name="silence after the head", code="stall_timeout", error="sent nothing for 0.5 s",
        answers=lambda server: server.on("/feed", lambda call: (call.send(b"HTTP/1.1 200 OK\r\n\r\n<rss>"), call.gone())),
        settings={"stall_timeout": 0.5},
    ),
    Case(
        name="100 Continue without end", answers=without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99),
        code="stall_timeout", error="did not answer within 1.5 s", settings={"total_timeout": 1.5},
    ),
    Case(
        name="headers without end", answers=without_end(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 60_000),
        code="network_failure", error="does not speak HTTP",
    ),
    Case(
        name="escapes in every header", listings=1,
        answers=body(rss(GOOD), content_type="text/xml; charset=\x1b[2J\x9b", headers={"ETag": '"\x1b[2J"', "Link": "<\x1b[2J>; rel=next"}),
    ),
    Case(
        name="10,000 redirects", answers=around, code="http_refused", error="after at most 5 redirects", requests=6
    ),
]  # fmt: skip

INSIDE = ["127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]"]
BLOCKED = "expected a public address, or the host in fetch.allow_hosts"


def named(name: str, place: str, names: dict[str, list[list[str]]]) -> Case:
    """A feed on a host that is let through; it leads to `place`, on the same port."""

    def answers(server: FeedServer) -> str:
        server.on("/stolen", Reply(rss(GOOD)))
        server.on("/feed", Reply.redirect(place.replace("{port}", str(server.port))))
        return server.url("/feed", host="feeds.example")

    return Case(
        name=name,
        answers=answers,
        code="blocked_address",
        error=BLOCKED,
        requests=1,
        settings={"allow_hosts": ["feeds.example"]},
        names={"feeds.example": [["127.0.0.1"]], **names},
    )


def rebound(server: FeedServer) -> str:
    server.on("/feed", Reply(rss(GOOD)))
    return server.url("/feed", host="rebind.example")


PLACES = [
    *(named(f"redirect to {place}", f"http://{place}:{{port}}/stolen", {}) for place in INSIDE),
    *(
        named(f"redirect to a name of {place}", "http://evil.example:{port}/stolen", {"evil.example": [[place.strip("[]")]]})
        for place in INSIDE
    ),
    Case(
        name="DNS rebinding", answers=rebound, code="network_failure", error="no connection", requests=0,
        settings={"allow_hosts": [], "connect_timeout": 0.3},
        names={"rebind.example": [["203.0.114.1"], ["127.0.0.1"]]},
    ),
    Case(
        name="redirect to file://", answers=leads_to(PASSWD), code="blocked_address", requests=1,
        error="redirects to file:/+etc/passwd: expected an http or https URL",
    ),
    Case(
        name="redirect to gopher://", answers=leads_to("gopher://127.0.0.1:70/1"), code="blocked_address", requests=1,
        error="redirects to gopher://127.0.0.1:70/1: expected an http or https URL",
    ),
    Case(
        name="a source at file://", answers=lambda _: PASSWD, code="config_error", requests=0,
        error="url is 'file:///etc/passwd': expected an http:// or https:// URL",
    ),
    Case(
        name="a source at gopher://", answers=lambda _: "gopher://127.0.0.1/", code="config_error", requests=0,
        error="expected an http:// or https:// URL",
    ),
]  # fmt: skip

EVIL = "\x1b]0;pwned\x07\x1b[2J\x9b31m\u202egnp.exe\u200b<script>alert(1)</script><b>B</b>&lt;img src=x onerror=a()&gt;"
EVERYWHERE = {
    "id": 7,
    "title": f"Cook {EVIL}",
    "company_name": f"Acme {EVIL}",
    "absolute_url": "javascript:alert(1)",
    "location": {"name": f"Berlin {EVIL}"},
    "first_published": f"2026-03-01{EVIL}",
    "application_deadline": EVIL,
    "content": f"<p>Hi</p>{EVIL}<a href='javascript:alert(1)'>x</a><a href='data:text/html,x'>y</a>",
    "departments": [{"name": f"Kitchen {EVIL}"}],
    "offices": [{"name": EVIL}],
    "metadata": [{"name": "Employment Type", "value": EVIL}],
}
XML_EVIL = "\x9b31m\u202e&lt;script>alert(1)&lt;/script>&amp;lt;img src=x onerror=a()&gt;<b onclick='a()'>B</b>"
UNWANTED = ("\x1b", "\x9b", "javascript:")
TEXTS = [
    Case(
        name="an HTML page with 200", code="not_a_feed", error="the body is an HTML page",
        answers=body(b"<!doctype html><html><title>Just a moment...</title></html>"),
    ),
    Case(name="NaN", answers=body(jobs("", ',"n":NaN')), code="degraded", error="expected well-formed JSON", listings=2),
    Case(
        name="Infinity", answers=body(jobs("", ',"n":-Infinity')), code="degraded",
        error="expected well-formed JSON", listings=2,
    ),
    Case(
        name="a number of 10,000 digits", answers=body(jobs("", f',"n":{"9" * 10_000}')), code="malformed_feed",
        error="a number of over 600 digits",
    ),
    Case(
        name="duplicate keys", answers=body(jobs(',"title":"Second","id":9')), listings=1, said=("9", "Second"),
    ),
    Case(
        name="lone surrogates", answers=body(jobs(',"content":"a\\ud800b","company_name":"\\uDFFFAcme"', "")), listings=2,
        said=("a\ufffdb", "\ufffdAcme"),
    ),
    Case(name="escaped NUL", answers=body(jobs(',"company_name":"a\\u0000b","content":"\\u0000"')), listings=1),
    Case(name="NUL in XML", answers=body(rss(GOOD) + b"\0"), code="degraded", error="a NUL byte", listings=1),
    Case(name="NUL in JSON", answers=body(jobs("", ',"a":"\0"')), code="degraded", listings=2, error="well-formed"),
    Case(name="invalid UTF-8, undeclared", answers=body(rss(GOOD + "<d>").replace(b"<d>", b"<d>\xff\xfe</d>")), listings=1),
    Case(
        name="invalid UTF-8, declared", code="degraded", error="Invalid bytes in character encoding", listings=2,
        answers=body(b"<?xml version='1.0' encoding='utf-8'?>" + rss(GOOD, "<title>B~cker</title><guid>2</guid>").replace(b"~", b"\xe4")),
        said=("Bäcker",),
    ),
    Case(
        name="a charset that it is not", answers=body(rss("<title>B\xe4cker</title>").decode().encode("latin-1"), content_type="text/xml; charset=gb2312"),
        code="malformed_feed", error="the body is not gb2312 as it says",
    ),
    Case(name="a charset that does not exist", answers=body(rss(GOOD), content_type="text/xml; charset=x-evil"), listings=1),
    Case(
        name="escapes and markup in every field", answers=body(json.dumps({"jobs": [EVERYWHERE, EVERYWHERE | {"id": EVIL}]}).encode()),
        listings=2, unsaid=UNWANTED,
    ),
    Case(
        name="C1 escapes and markup in XML", answers=body(rss(*(f"<{name}>{XML_EVIL}</{name}>{GOOD}" for name in ("title", "company", "description", "category")))),
        listings=1, duplicates=3, unsaid=(*UNWANTED, "<script", "<img"),
    ),
    Case(
        name="javascript: links", listings=2, unsaid=("javascript", "JaVaScRiPt"),
        answers=body(
            rss(
                "<title>A</title><guid>1</guid><link>javascript:alert(1)</link>",
                "<title>B</title><guid>2</guid><link>JaVaScRiPt&#58;alert(1)</link>",
            )
        ),
    ),
    Case(
        name="titles of 1 MB", unsaid=("x" * 501,), answers=body(rss(*(f"<title>{'x' * MIB}</title><guid>{n}</guid>" for n in range(8)))),
        listings=8, mib=64,
    ),
    Case(
        name="ids that differ in case or blanks", listings=3, duplicates=2,
        answers=body(rss(*(f"<title>T</title><guid>{each}</guid>" for each in ("A-1", "a-1", " A-1 ", "A-1\t", "A -1")))),
    ),
    Case(
        name="200,000 items with one id", answers=long(b"<rss><channel>", REPEATED, 20, b"</channel></rss>"),
        listings=1, duplicates=199_999, seconds=60,
    ),
]  # fmt: skip

CASES = [*ENTITIES, *SHAPES, *CROWDED, *CODED, *SLOW, *PLACES, *TEXTS]
