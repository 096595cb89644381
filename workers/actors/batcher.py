"""Items of one fetch into rows of import_batches: no identity twice, none lost, none faster than the upserters.

A row is accepted when it is committed in MongoDB; only then the upsert lane is rung. A ring that Redis does not hear
is made good by the reconciler, so a fetch goes on while Redis is away.
"""

from collections import Counter
from collections.abc import Iterable

import anyio
from msgspec.structs import replace

from workers.actors.desk import Desk, is_high, ring_patiently
from workers.feeds.identities import Identities
from workers.feeds.identity import identity_hash
from workers.model import Batch, RawItem, Run
from workers.model.batch import batch_id
from workers.queue.connect import Trouble as RedisTrouble
from workers.queue.connect import now_ms
from workers.queue.depth import backlog
from workers.queue.lanes import Lane
from workers.queue.message import Message
from workers.store import batches, runs
from workers.store.connect import unhung

MAX_ORIGINALS = 64 * 2**20
"""Bytes of originals that one delivery keeps; rejects after that can only be imported again."""

MAX_CHARACTERS = 8_000_000
"""A row is full at this many characters of description too: 500 listings of a hostile feed are 200 MB."""


class Superseded(Exception):
    """Another delivery of this fetch has taken over, or the run was cancelled: stop, and leave all as it is."""


class Batcher:
    """The sorting table of one delivery of a fetch.

    `held` are the identities that rows of earlier deliveries hold: they are skipped, and are no duplicates.
    `duplicates` counts repeats inside this delivery. `fills` counts the items that had each field.
    """

    def __init__(self, desk: Desk, run: Run, epoch: int, size: int) -> None:
        self._desk, self._run, self._epoch, self._size = desk, run, epoch, size
        self._held = Identities()
        self._met = Identities()
        self._nameless: Counter[bytes] = Counter()
        self._items: list[RawItem] = []
        self._hashes: list[bytes] = []
        self._characters = 0
        self._originals = 0
        self._next = 0
        self._rows = 0
        self.duplicates = 0
        self.read = 0
        self.fills: Counter[str] = Counter()

    async def load_held(self) -> None:
        """Learn what the rows of earlier deliveries hold, and which row number is next (rule 4)."""
        with unhung():
            seen = await batches.seen(self._desk.db, self._run.id)
            self._next = await batches.next_number(self._desk.db, self._run.id)
            self._rows = (await batches.totals(self._desk.db, self._run.id)).total
            # The earlier fetcher may have died between its last row and the ring; only the last can be without one.
            last = await batches.load(self._desk.db, batch_id(self._run.id, self._next - 1)) if self._next else None
        self._held = Identities(seen)
        if last is not None and last.state == "pending":
            await self._ring(last.id)

    @property
    def rows(self) -> int:
        """Rows of the run so far, those of earlier deliveries included."""
        return self._rows

    @property
    def distinct(self) -> int:
        """Identities met by this delivery."""
        return len(self._met)

    @property
    def fill_rate(self) -> dict[str, float]:
        """Share of this delivery's items that had each field."""
        return {name: round(n / self.read, 4) for name, n in sorted(self.fills.items())} if self.read else {}

    async def take(self, items: Iterable[RawItem]) -> None:
        """Sort items in; writes a row for each full batch. Raises Superseded when this delivery is to stop."""
        for item in items:
            self.read += 1
            self.fills.update(item.fields.keys())
            key = self._key(item)
            if not self._met.add(key):
                self.duplicates += 1
                continue
            if key in self._held:
                continue
            self._items.append(self._bounded(item) if item.original else item)
            self._hashes.append(key)
            self._characters += sum(map(len, item.fields.get("description", ())), len(item.original))
            if len(self._items) >= self._size or self._characters >= MAX_CHARACTERS:
                await self.flush()

    def _bounded(self, item: RawItem) -> RawItem:
        self._originals += len(item.original)
        return item if self._originals <= MAX_ORIGINALS else replace(item, original=b"")

    def _key(self, item: RawItem) -> bytes:
        if item.external_id:
            return identity_hash(item.external_id)
        self._nameless[item.raw_hash] += 1
        return identity_hash(f"\0{item.raw_hash.hex()}:{self._nameless[item.raw_hash]}")

    async def flush(self) -> None:
        """Write what is gathered as one row and ring its lane."""
        while self._items:
            await self._room()
            try:
                await self._write()
            except batches.BatchExists:
                # Ours is the newest delivery, or _room had raised: an older one has slipped this row in.
                await self._yield_to_held()

    async def seal(self) -> None:
        """Take the next row key, so that an older delivery that wakes after the end of the fetch stops on it."""
        with unhung():
            key = await batches.fence(self._desk.db, self._run.id, self._run.source)
        if key != batch_id(self._run.id, self._next):
            await self.load_held()  # it has slipped a last row in, which counts

    async def _yield_to_held(self) -> None:
        """Leave out what a row of an older delivery holds by now."""
        await self.load_held()
        left = [(item, key) for item, key in zip(self._items, self._hashes, strict=True) if key not in self._held]
        self._items, self._hashes = [item for item, _ in left], [key for _, key in left]

    async def _write(self) -> None:
        run = self._run
        row = Batch(
            id=batch_id(run.id, self._next),
            run=run.id,
            source=run.source,
            size=len(self._items),
            rung_at=await self._clock(),
            items=batches.pack(self._items),
            seen=b"".join(self._hashes),
        )
        with unhung():
            await batches.add(self._desk.db, row)
        self._next += 1
        self._rows += 1
        self._items, self._hashes, self._characters = [], [], 0
        self._desk.progress.mark(run.id)
        await self._ring(row.id)

    async def _ring(self, row: str) -> None:
        run = self._run
        message = Message(stage="upsert", run=run.id, source=run.source, batch=row, high=is_high(run))
        if not await ring_patiently(self._desk, message):
            with unhung():
                await batches.set_rung(self._desk.db, [row], 0)

    async def _room(self) -> None:
        """Wait while the lane is full; entries are never trimmed. Notices a takeover or a cancel meanwhile."""
        lane = Lane("upsert", is_high(self._run))
        while True:
            with unhung():
                run = await runs.get(self._desk.db, self._run.id)
            if run is None or run.fetch_epoch != self._epoch or run.state != "fetching" or run.cancel_requested:
                raise Superseded
            try:
                waiting = await backlog(self._desk.redis, lane, self._run.source)
            except RedisTrouble:
                return
            if waiting < self._desk.config.settings.imports.max_queued_batches:
                return
            await anyio.sleep(0.5)

    async def _clock(self) -> int:
        try:
            return await now_ms(self._desk.redis)
        except RedisTrouble:
            return 0  # older than any head: the reconciler rings it as soon as Redis is back
