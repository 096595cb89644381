"""Peak memory of a fetcher for feeds of any size: `python -m bench.memory [--sizes 100,1000] [--kinds xml,json]`.

A server on this machine makes the feed while it sends it, items of 2 KB (bench.parse's), each its own listing. A
process of its own fetches, spools, splits, maps, tells repeats and packs batches, as a fetcher does, and throws the
batches away in place of MongoDB. `MiB` is the most that it ever held (VmHWM), all that a worker loads included; what
stays of a listing is its identity, 8 bytes and a bit. Exits 1 over --limit, or where the largest feed takes more than
--growth beyond the smallest.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import anyio
import msgspec

from bench.parse import DESCRIPTION, JOB_ITEM, greenhouse
from tests.feed_server import Call, FeedServer, Reply
from workers.feeds.identities import Identities
from workers.feeds.identity import identity_hash
from workers.model import RawItem, Source
from workers.model.source import Size
from workers.reading import Reading
from workers.settings import FetchSettings
from workers.store.batches import pack

MB = 10**6
BATCH = 500
ITEMS_A_PIECE = 200


class Seen(NamedTuple):
    """What the child tells."""

    items: int
    seconds: float
    before: float
    peak: float


def pieces(kind: str, size: int) -> Iterator[bytes]:
    """A feed of `size` bytes or a little more."""
    n = 0
    if kind == "xml":
        yield b"<source>"
        while n * len(JOB_ITEM.format(n=10**5, d=DESCRIPTION)) < size:
            yield "".join(JOB_ITEM.format(n=each, d=DESCRIPTION) for each in range(n, n + ITEMS_A_PIECE)).encode()
            n += ITEMS_A_PIECE
        yield b"</source>"
        return
    start, _, end = greenhouse(1).partition(b"4400000")
    item = start.partition(b'{"jobs": [')[2] + b"%d" + end.rpartition(b'], "meta"')[0]
    item = item.replace(b"%", b"%%").replace(b"%%d", b"%d")
    yield b'{"jobs": ['
    while n * len(item) < size:
        yield b"," * (n > 0) + b",".join(item % each for each in range(n, n + ITEMS_A_PIECE))
        n += ITEMS_A_PIECE
    yield b"]}"


async def fetch(url: str) -> Seen:
    """All that a fetcher does but for writing its rows."""
    before, started = memory("VmRSS"), time.monotonic()
    met, waiting, items = Identities(), list[RawItem](), 0
    settings = FetchSettings(allow_hosts=["127.0.0.1"], max_bytes=Size(8 * 2**30))
    reading = Reading(Source(name="bench", url=url), settings, distinct=lambda: len(met))
    async for found in reading.items():
        for item in found:
            items += met.add(identity_hash(item.external_id))
            waiting.append(item)
            if len(waiting) >= BATCH:
                pack(waiting)
                waiting = []
    assert not reading.degraded, reading.degraded
    return Seen(items, time.monotonic() - started, before, memory("VmHWM"))


def memory(name: str) -> float:
    """MiB resident: "VmRSS" now, "VmHWM" at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def measured(kind: str, size: int) -> Seen:
    """Serve a feed and have it fetched."""
    with FeedServer() as server:
        url = server.on("/feed", partial(answer, kind, size))
        command = [sys.executable, "-m", "bench.memory", "--child", url]
        told = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ).stdout
    return msgspec.json.decode(told, type=Seen)


def answer(kind: str, size: int, call: Call) -> None:
    call.reply(Reply(pieces(kind, size), content_type=f"application/{kind}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="100,1000", help="MB of each feed, the smallest first")
    parser.add_argument("--kinds", default="xml,json")
    parser.add_argument("--limit", type=float, default=150.0, help="MiB a process may hold")
    parser.add_argument(
        "--growth", type=float, default=12.0, help="MiB that the largest feed may take beyond the smallest"
    )
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(msgspec.json.encode(anyio.run(fetch, args.child)).decode())
        return
    is_within = True
    for kind in args.kinds.split(","):
        peaks: list[float] = []
        for size in map(int, args.sizes.split(",")):
            seen = measured(kind, size * MB)
            peaks.append(seen.peak)
            print(
                f"{kind:5} {size:6,} MB {seen.items:9,} listings  peak {seen.peak:6.1f} MiB"
                f" ({seen.before:.1f} before the first byte)  {seen.seconds:6.1f} s  {size / seen.seconds:5.1f} MB/s",
                flush=True,
            )
        is_within = is_within and max(peaks) < args.limit and peaks[-1] - peaks[0] < args.growth
    sys.exit(not is_within)


if __name__ == "__main__":
    main()
