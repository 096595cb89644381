"""What an import of a URL or file would give, and why not; reads, splits and normalises, and writes nothing."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import anyio
import msgspec

from workers.errors import ConfigError, JobImportError
from workers.feeds.normalise import normalise
from workers.feeds.reader import FeedReader
from workers.fetching import fetch_feed, shown
from workers.model import Job, RawItem, Reject, Source
from workers.settings import FetchSettings

CHUNK = 65_536


class Preview:
    """One look at a feed. After `items` has ended: what was recognised, how much was read, what broke it off.

    `item` is the item as the feed has it of what `items` yielded last; `is_whole` tells that the feed was read to
    its end.
    """

    def __init__(self, source: Source, settings: FetchSettings, file: Path | None = None) -> None:
        self._source, self._settings, self._file = source, settings, file
        self._reader: FeedReader | None = None
        self._met: set[str] = set()
        self._fills: Counter[str] = Counter()
        self.item: RawItem | None = None
        self.is_whole = False
        self.read = 0
        self.duplicates = 0
        self.broken: JobImportError | None = None

    @property
    def dialect(self) -> str:
        """The dialect recognised, "" before."""
        return self._reader.dialect if self._reader else ""

    @property
    def declared_total(self) -> int | None:
        """How many listings the feed says it holds, None where it does not say."""
        return self._reader.declared_total if self._reader else None

    @property
    def fill_rate(self) -> dict[str, float]:
        """Share of the items read that had each field, as a run has it."""
        return {name: round(n / self.read, 4) for name, n in sorted(self._fills.items())} if self.read else {}

    async def items(self, limit: int | None = None) -> AsyncGenerator[Job | Reject]:
        """Yield each listing as it would be imported, or its reject; stops after `limit` of them.

        A feed that breaks half-way yields what came before and says why in `broken`; one that gives nothing
        raises.
        """
        now = datetime.now(UTC)
        given = 0
        url = self._source.url
        try:
            async with aclosing(self._raw()) as raw:
                async for item in raw:
                    self.read += 1
                    self._fills.update(item.fields.keys())
                    if item.external_id and item.external_id in self._met:
                        self.duplicates += 1
                        continue
                    self._met.add(item.external_id)
                    self.item = item
                    yield normalise(item, self._source, feed_url=url, source_url=shown(url), run_date=now)
                    given += 1
                    if limit is not None and given >= limit:
                        return
            self.is_whole = True
        except JobImportError as error:
            if not self.read:
                raise
            self.broken = error

    async def _raw(self) -> AsyncGenerator[RawItem]:
        if self._file is None:
            async with fetch_feed(self._source, self._settings) as body:
                reader = self._reader = FeedReader(self._source, base_url=body.url, charset=body.charset)
                async for chunk in body.chunks():
                    for item in reader.feed(chunk):
                        yield item
        else:
            reader = self._reader = FeedReader(self._source, base_url=self._source.url, charset=None)
            async with await anyio.open_file(self._file, "rb") as file:
                while chunk := await file.read(CHUNK):
                    for item in reader.feed(chunk):
                        yield item
        for item in reader.close():
            yield item


def preview_of(target: str, *, source: Source | None, feed_format: str | None, settings: FetchSettings) -> Preview:
    """A preview of a URL or a file, with a source's settings if one is given.

    Raises ConfigError when the target is neither a URL nor a readable file.
    """
    is_url = target.startswith(("http://", "https://"))
    file = None if is_url else Path(target).expanduser()
    if file is not None and not file.is_file():
        raise ConfigError("preview", "URL|FILE", target, "an http(s) URL or a file that can be read")
    url = target if is_url else (source.url if source else f"http://localhost/{Path(target).name}")
    base = source or Source(name="preview", url=url)
    chosen = msgspec.structs.replace(base, url=url, format=feed_format or base.format)
    return Preview(chosen, settings, file)
