"""The dead letters: messages that nobody will try again unless an operator says so. Never trimmed.

MongoDB knows first (rule 2); this is the working copy, with what is needed to put a message back.
"""

from collections.abc import AsyncGenerator
from typing import Any, Literal

import msgspec

from workers.queue.connect import Redis, each, id_ms
from workers.queue.lanes import BY_NAME, Partition, Stage
from workers.queue.message import Message, Poison
from workers.queue.scripts import REQUEUE

PAGE = 200

Reason = Literal[
    "permanent",  # trying again cannot help
    "attempts",  # tried as often as the settings allow
    "max_deliveries",  # its workers died, too often for chance
    "poison",  # no worker can read it
]


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """Why and where a message died: the `meta` of its letter. `kind` is the error's class in snake case."""

    reason: Reason
    kind: str
    error: str
    attempts: int
    deliveries: int
    worker: str
    at_ms: int = 0


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One dead message. `id` is its entry in :failed, "" before it is there; `run` is 0 for poison.

    With several partitions an id ends with the number of its own, such as "1767225600000-0@2", but for the first.

    `at_ms` is Redis TIME. `payload` is the message as it was, for showing and for putting back.
    """

    id: str = ""
    lane: str
    stage: Stage
    run: int = 0
    source: str = ""
    batch: str = ""
    reason: Reason
    kind: str
    error: str
    attempts: int
    deliveries: int
    worker: str
    at_ms: int
    payload: bytes = b""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Death).decode


def encode_death(death: Death) -> bytes:
    """The letter's `meta`."""
    return _encode(death)


def letter_of(lane: str, payload: bytes, death: Death, entry_id: str = "") -> DeadLetter:
    """Put a letter together; what cannot be read of the payload stays empty."""
    try:
        message = Message.decode(payload)
    except Poison:
        message = None
    return DeadLetter(
        id=entry_id,
        lane=lane,
        stage=BY_NAME[lane].stage if lane in BY_NAME else "fetch",
        run=message.run if message else 0,
        source=message.source if message else "",
        batch=message.batch if message else "",
        reason=death.reason,
        kind=death.kind,
        error=death.error,
        attempts=death.attempts,
        deliveries=death.deliveries,
        worker=death.worker,
        at_ms=id_ms(entry_id) if entry_id else death.at_ms,
        payload=payload,
    )


def _read(partition: Partition, entry: tuple[bytes, dict[bytes, bytes]]) -> DeadLetter:
    entry_id, fields = entry
    try:
        death = _decode(fields.get(b"meta", b""))
    except msgspec.DecodeError:
        # Written by hand, or by another version: still a letter.
        death = Death(reason="poison", kind="unknown", error="no reason recorded", attempts=0, deliveries=0, worker="")
    name = entry_id.decode() + (f"@{partition.number}" if partition.number else "")
    return letter_of(fields.get(b"lane", b"").decode("ascii", "replace"), fields.get(b"data", b""), death, name)


def _place(letter_id: str) -> tuple[Partition, str]:
    """Where a letter lies: its partition, and its entry there."""
    entry_id, _, number = letter_id.partition("@")
    return Partition(int(number or 0)), entry_id


def _age(letter_id: str) -> tuple[int, int, int]:
    """What letters of all partitions are ordered by."""
    partition, entry_id = _place(letter_id)
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number or 0), partition.number


async def list_dead(
    redis: Redis, *, limit: int = PAGE, before: str | None = None, source: str | None = None
) -> list[DeadLetter]:
    """Newest first; `before` is the id of the last letter of the page before."""
    found: list[DeadLetter] = []
    for partition in each(redis):
        found += await _newest(redis, partition, limit, _top(partition, before), source)
    if redis.partitions > 1:
        found.sort(key=lambda letter: _age(letter.id), reverse=True)
    return found[:limit]


def _top(partition: Partition, before: str | None) -> str:
    """Where a partition's part of a page begins: what has the same id in a later one was on the page before."""
    if before is None:
        return "+"
    last, entry_id = _place(before)
    return entry_id if partition.number < last.number else f"({entry_id}"


async def _newest(redis: Redis, partition: Partition, limit: int, top: str, source: str | None) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    while len(found) < limit:
        page: Any = await redis.xrevrange(partition.failed, max=top, count=PAGE)
        for entry in page:
            letter = _read(partition, entry)
            if source is None or letter.source == source:
                found.append(letter)
        if len(page) < PAGE:
            break
        top = f"({page[-1][0].decode()}"
    return found[:limit]


async def letters(redis: Redis) -> AsyncGenerator[DeadLetter]:
    """Every letter, partition by partition, oldest first."""
    for partition in each(redis):
        bottom = "-"
        while True:
            page: Any = await redis.xrange(partition.failed, min=bottom, count=PAGE)
            for entry in page:
                yield _read(partition, entry)
            if len(page) < PAGE:
                break
            bottom = f"({page[-1][0].decode()}"


async def get(redis: Redis, letter_id: str) -> DeadLetter | None:
    """One letter, None where it is gone."""
    partition, entry_id = _place(letter_id)
    page: Any = await redis.xrange(partition.failed, min=entry_id, max=entry_id)
    return _read(partition, page[0]) if page else None


async def count(redis: Redis) -> int:
    """How many there are."""
    return sum([int(await redis.xlen(partition.failed)) for partition in each(redis)])


async def requeue(redis: Redis, letter_id: str) -> int | None:
    """Put a message back into its lane as its first attempt; Redis ms for `rung_at`, None where it is gone.

    Raises Poison where no worker could read it. Rule 6 (may this run become active again?) is the caller's.
    """
    letter = await get(redis, letter_id)
    if letter is None:
        return None
    message = msgspec.structs.replace(Message.decode(letter.payload), attempt=1)
    partition, entry_id = _place(letter_id)
    added = await REQUEUE(redis, [partition.failed, partition.lane(message.lane)], [entry_id, message.encode()])
    return id_ms(added) if added else None


async def discard(redis: Redis, letter_id: str) -> bool:
    """Forget a letter; False where it is gone already."""
    partition, entry_id = _place(letter_id)
    return bool(await redis.xdel(partition.failed, entry_id))
