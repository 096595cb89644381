"""How long work lay after a kill, and the longest time in which nothing at all went on."""

import itertools
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from redis.exceptions import ResponseError

from tests.soak.site import Site
from tests.soak.waiting import patiently, until
from workers.queue import registry
from workers.queue.connect import Trouble, is_no_group
from workers.queue.lanes import GROUP, LANES, Lane

Held = dict[tuple[Lane, bytes], int]
"""Entries in the hands of workers, with how often each was delivered."""

GIVEN_UP = 180.0


async def consumers_of(site: Site, pids: Sequence[int]) -> list[str]:
    """Consumer names of worker processes, as far as they have been heard of."""
    try:
        return [worker.id for worker in await registry.workers(site.plant.redis) if worker.pid in pids]
    except Trouble:
        return []


async def in_hand(site: Site, consumers: Sequence[str]) -> Held:
    """What these consumers have in hand now."""
    held: Held = {}
    try:
        for lane in LANES:
            for consumer in consumers:
                rows = await _pending(site, lane, "-", "+", 100, consumer)
                held |= {(lane, row["message_id"]): int(row["times_delivered"]) for row in rows}
    except Trouble:
        return {}
    return held


async def _pending(site: Site, lane: Lane, *span: Any) -> Any:
    """XPENDING's rows; none where a flush took the group, and no worker has made it again yet."""
    try:
        return await site.plant.redis.xpending_range(lane.key, GROUP, *span)
    except ResponseError as error:
        if not is_no_group(error):
            raise
        return []


async def taken_up(site: Site, kind: str, held: Held, killed_at: float) -> None:
    """Wait until all that a dead worker held is ended or delivered again, and note how long that took."""

    async def taken() -> bool:
        return not any([await _lies(site, *entry, delivered) for entry, delivered in held.items()])

    if not await until(taken, GIVEN_UP, every=0.05):
        site.violated(f"{kind}: of {len(held)} messages some lay for {GIVEN_UP:.0f} s after their worker's death")
    elif held:
        site.resumed.setdefault(kind, []).append(time.time() - killed_at)


async def _lies(site: Site, lane: Lane, entry: bytes, delivered: int) -> bool:
    async def look() -> bool:
        rows = await _pending(site, lane, entry, entry, 1)
        return bool(rows) and int(rows[0]["times_delivered"]) <= delivered

    return await patiently(look)


async def moments(site: Site) -> list[float]:
    """Every moment at which something went on, in order: runs asked for, begun and ended, rows settled."""
    found: list[float] = []
    db = site.plant.db
    async for row in db.import_logs.find({}, {"queued_at": 1, "started_at": 1, "finished_at": 1}):
        found += [row[name].timestamp() for name in ("queued_at", "started_at", "finished_at") if row.get(name)]
    found += await settled(site)
    return sorted(found)


async def settled(site: Site) -> list[float]:
    """The moments at which rows were settled, in order."""
    rows = site.plant.db.import_batches.find({"done_at": {"$ne": None}}, {"_id": 0, "done_at": 1})
    whens: list[datetime] = [row["done_at"] async for row in rows]
    return sorted(when.timestamp() for when in whens)


def longest_gap(times: Sequence[float], began: float, ended: float) -> tuple[float, float]:
    """The longest time between two moments, and when it began."""
    within = [began, *(t for t in times if began < t < ended), ended]
    return max((later - earlier, earlier) for earlier, later in itertools.pairwise(within))


def note_resumed(site: Site, times: Sequence[float]) -> None:
    """For each server that was killed: from then to the first row settled once it was back."""
    for kind, killed, back in site.up_after:
        first = next((t for t in times if t >= back), None)
        if first is not None:
            site.resumed.setdefault(kind, []).append(first - killed)
