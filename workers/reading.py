"""A feed from its first page to its last, by whoever wants its listings: the fetcher, a preview.

Here `fetching` and `feeds` meet; nothing is written. What goes wrong before the first listing is raised. Later a
page that cannot be read leaves the reading incomplete (`degraded` says why), or raises a Transient where trying the
whole feed again may help: what was handed over until then stays valid.
"""

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Protocol

import anyio
import msgspec

from workers.errors import BodyTruncated, MalformedFeed, Permanent, Transient
from workers.feeds.dialect import dialects
from workers.feeds.paging import Met, Pager
from workers.feeds.reader import FeedReader
from workers.fetching import Budget, FeedBody, Validators, fetch_feed, shown
from workers.model import FetchFacts, Page, Paging, RawItem, Source
from workers.settings import FetchSettings

PAGE_WAITS = (1.0, 4.0)  # seconds before a page that was not given is asked for again
PATIENCE = 120.0  # a Retry-After beyond it is for the queue to wait out

CHUNK = 65_536


class Bytes(Protocol):
    """A body that can be read twice, and where it is from."""

    url: str
    charset: str | None

    def chunks(self) -> AsyncGenerator[bytes]:
        """The bytes, from the start."""
        ...


class FileBytes:
    """A feed in a file."""

    charset: str | None = None

    def __init__(self, file: Path, url: str) -> None:
        """`url` is what relative addresses in it are relative to."""
        self._file, self.url = file, url

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The bytes, from the start."""
        async with await anyio.open_file(self._file, "rb") as file:
            while chunk := await file.read(CHUNK):
                yield chunk


class Reading:
    """One pass over a feed. `first` is the first page's body, `reader` the last page's reader.

    `outcome` is "ok", "not_modified" or "same_body"; `degraded` says why what was read is not the whole, "" if it is.
    """

    def __init__(
        self,
        source: Source,
        settings: FetchSettings,
        *,
        distinct: Callable[[], int],
        validators: Validators | None = None,
        body_hash: str | None = None,
        explain: bool = False,
        turn: Callable[[], Awaitable[None]] | None = None,
        moved_to: str | None = None,
        file: Path | None = None,
    ) -> None:
        """`distinct` counts the listings that were handed over and met for the first time.

        `validators` and `body_hash` are of a feed of one page that was read whole; `turn` waits until the source may
        be asked once more. `moved_to` is asked for in place of the source's address, which stays what listings are
        known by. A `file` is read in place of the source's address, and is its only page.
        """
        self._file, self._moved_to = file, moved_to
        self._source, self._settings = source, settings
        self._distinct, self._explain, self._turn = distinct, explain, turn
        self._validators, self._body_hash = validators, body_hash
        self._budget = Budget(source, settings)
        known = dialects().get(source.format)
        self._pager = Pager(source, known.paging if known else Paging())
        self._bodies: list[FeedBody] = []  # the first and the last
        self._past = FetchFacts()  # what the pages between them cost
        self.reader: FeedReader | None = None
        self.outcome = "ok"
        self.degraded = ""
        self._fresh = 0  # listings that the last page was the first to have

    @property
    def page(self) -> int:
        """The page that was asked for last, from 1."""
        return self._pager.page

    @property
    def first(self) -> FeedBody | None:
        """The first page's body, once its head has come."""
        return self._bodies[0] if self._bodies else None

    @property
    def bytes(self) -> int:
        """Inflated bytes read so far."""
        return self._past.bytes + sum(body.bytes for body in self._bodies)

    def facts(self, outcome: str) -> FetchFacts:
        """What the fetch met. Validators and the body's hash are those of a feed of one page, which they prove."""
        first, reader = self.first, self.reader
        if first is None:
            return FetchFacts(outcome=outcome, url=shown(self._source.url))
        proves = self.page == 1 and not self._pager.is_told_by_header
        return FetchFacts(
            status=first.status,
            bytes=self.bytes,
            wire_bytes=self._past.wire_bytes + sum(body.wire_bytes for body in self._bodies),
            etag=first.etag if proves else None,
            last_modified=first.last_modified if proves else None,
            sha256=first.sha256 if proves and outcome == "ok" else None,
            duration_ms=self._past.duration_ms + sum(body.duration_ms for body in self._bodies),
            url=first.url,
            redirects=first.redirects,
            asked_url=shown(self._source.url),
            permanent_url=(first.permanent_url or self._moved_to) if self.page == 1 else None,
            outcome=outcome,
            dialect=reader.dialect if reader else "",
            declared_total=self.declared_total,
            pages=self.page,
        )

    @property
    def declared_total(self) -> int | None:
        """How many listings the feed says it holds."""
        return self._pager.total

    async def items(self) -> AsyncGenerator[list[RawItem]]:
        """Hand over the listings as they come; an empty list is a sign of life."""
        if self._file is not None:
            async with aclosing(self._split(FileBytes(self._file, self._source.url))) as read:
                async for items in read:
                    yield items
            return
        page: Page | None = self._pager.first()
        while page is not None:
            try:
                async with self._opened(page) as body:
                    self._take(body)
                    async with aclosing(self._read(body)) as read:
                        async for items in read:
                            yield items
                        if self.outcome != "ok":
                            return
                page = await self._following(body)
            except Permanent as error:
                if self.page == 1:
                    raise
                self._degrade(f"page {self.page}: {error}")
                return
        self._degrade(self._pager.incomplete or self._short())

    def _take(self, body: FeedBody) -> None:
        """The bodies between the first and this one are done with: only what they cost is kept."""
        for past in self._bodies[1:]:
            self._past = msgspec.structs.replace(
                self._past,
                bytes=self._past.bytes + past.bytes,
                wire_bytes=self._past.wire_bytes + past.wire_bytes,
                duration_ms=self._past.duration_ms + past.duration_ms,
            )
        self._bodies = [*self._bodies[:1], body]

    @asynccontextmanager
    async def _opened(self, page: Page) -> AsyncGenerator[FeedBody]:
        """Ask for a page. Those behind the first are asked for again where they were not given at once."""
        if self._moved_to and self.page == 1:
            page = msgspec.structs.replace(page, url=self._moved_to)
        for wait in (*PAGE_WAITS, None):
            async with AsyncExitStack() as stack:
                fetching = fetch_feed(self._source, self._settings, self._validators, page=page, budget=self._budget)
                try:
                    body = await stack.enter_async_context(fetching)
                except Transient as error:
                    asked = error.retry_after or 0.0
                    if self.page == 1 or wait is None or asked > PATIENCE:
                        raise
                    await anyio.sleep(max(asked, wait))
                    continue
                yield body
                return

    async def _read(self, body: FeedBody) -> AsyncGenerator[list[RawItem]]:
        """One page, unless it is what is known already."""
        if body.status == 304:
            self.outcome = "not_modified"
            return
        if self._body_hash and self.page == 1:
            # The hash is known only at the end: read on to it before anything is handed over.
            async for _ in body.chunks():
                yield []
            if body.sha256 == self._body_hash:
                self.outcome = "same_body"
                return
        before = self._distinct()
        async with aclosing(self._split(body)) as split:
            async for items in split:
                yield items
        self._fresh = self._distinct() - before

    async def _following(self, body: FeedBody) -> Page | None:
        """Say which page comes next, when it may be asked for."""
        reader = self.reader
        if reader is None:
            return None
        if self.page == 1:
            self._pager.learn(reader.paging)
        met = Met(
            items=reader.met,
            fresh=self._fresh,
            facts=reader.facts,
            declared=reader.declared_total,
            link=body.next_page,
            location=body.location,
            digest=body.sha256 or "",
        )
        page = self._pager.next(met)
        if page is not None:
            self._validators = None
            await anyio.sleep(self._pager.interval)
            if self._turn is not None:
                await self._turn()
        return page

    async def _split(self, body: Bytes) -> AsyncGenerator[list[RawItem]]:
        """Strictly; where that fails, once more with repairs, leaving out what was handed over.

        A document that is cut may be broken before its end too, which is told there alone: it is repaired as well,
        and then raised, for another try may bring the whole.
        """
        before = self.reader
        reader = self.reader = FeedReader(
            self._source, base_url=body.url, charset=body.charset, explain=self._explain, after=before
        )
        given = bytearray()
        try:
            async with aclosing(body.chunks()) as chunks:
                async for chunk in chunks:
                    yield _noted(reader.feed(chunk), given)
        except MalformedFeed as error:
            failure = error
        else:
            try:
                yield _noted(reader.close(), given)
                return
            except (MalformedFeed, BodyTruncated) as error:
                failure = error
        mended = reader.mended(after=before)
        if mended is None:
            raise failure
        self.reader = mended
        count, added = 0, 0
        try:
            async with aclosing(body.chunks()) as chunks:
                async for chunk in chunks:
                    items = _unknown(mended.feed(chunk), given, count)
                    count, added = mended.position - reader.start, added + len(items)
                    yield items
            items = _unknown(mended.close(), given, count)
            added += len(items)
            yield items
        except Permanent as error:
            self._degrade(f"{failure}; repaired as far as {error}")
        if not given and mended.position == mended.start:
            raise failure
        if isinstance(failure, BodyTruncated):
            raise BodyTruncated(f"{failure}; {_added(added, mended.lost)}") if added else failure
        self._degrade(f"{failure}; {_added(added, mended.lost)}")

    def _degrade(self, reason: str) -> None:
        self.degraded = self.degraded or reason

    def _short(self) -> str:
        """Why a feed that was read to its end is still not the whole; "" if it is."""
        if self._pager.total is None or self._pager.is_enough or self.reader is None:
            return ""
        declared, read = self._pager.total, self.reader.position
        return "" if declared == read else f"the feed declares {declared} listings and holds {read}"


def _added(added: int, lost: int) -> str:
    """What the repaired pass brought."""
    unreadable = f", {lost} were unreadable even so" if lost else ""
    return f"a second, repaired pass added {added} listings{unreadable}"


def _noted(items: list[RawItem], given: bytearray) -> list[RawItem]:
    """Remember what is handed over, eight bytes an item."""
    for item in items:
        given += _digest(item)
    return items


def _unknown(items: list[RawItem], given: bytearray, start: int) -> list[RawItem]:
    """Leave out what stands where it stood in the first pass."""
    return [item for at, item in enumerate(items, start) if bytes(given[at * 8 : at * 8 + 8]) != _digest(item)]


def _digest(item: RawItem) -> bytes:
    return hashlib.blake2b(item.external_id.encode("utf-8", "replace") or item.raw_hash, digest_size=8).digest()
