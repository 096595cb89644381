"""What an import of a URL or file would give, and why not; reads, splits and normalises, and writes nothing."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from workers.errors import ConfigError, JobImportError
from workers.feeds.dialect import FIELDS
from workers.feeds.identities import Identities
from workers.feeds.identity import identity_hash
from workers.feeds.normalise import normalise
from workers.fetching import shown
from workers.model import Job, RawItem, Reject, Source
from workers.reading import Reading
from workers.settings import FetchSettings


class Preview:
    """One look at a feed. After `items` has ended: what was recognised, how much was read, what broke it off.

    `item` is the item as the feed has it of what `items` yielded last; `is_whole` tells that the feed was read to
    its end.
    """

    def __init__(self, source: Source, settings: FetchSettings, file: Path | None = None) -> None:
        self._source = source
        self._met = Identities()
        self._nameless = 0
        self._reading = Reading(
            source, settings, distinct=lambda: len(self._met) + self._nameless, explain=True, file=file
        )
        self._fills: Counter[str] = Counter()
        self.item: RawItem | None = None
        self.is_whole = False
        self.read = 0
        self.duplicates = 0
        self.broken: JobImportError | None = None

    @property
    def dialect(self) -> str:
        """The dialect recognised, "" before."""
        return self._reading.reader.dialect if self._reading.reader else ""

    @property
    def pages(self) -> int:
        """How many pages were asked for."""
        return self._reading.page

    @property
    def degraded(self) -> str:
        """Why what was read is not the whole feed, "" if it is."""
        return self._reading.degraded

    @property
    def matched(self) -> dict[int, dict[str, str]]:
        """For each of the first 1,000 listings, by position: which path found each of its fields."""
        return self._reading.reader.matched if self._reading.reader else {}

    def found_at(self) -> dict[str, dict[str, int]]:
        """For each field, in their usual order: the paths that found it, and in how many of those first items."""
        paths = {name: Counter[str]() for name in FIELDS}
        for each in self.matched.values():
            for name, path in each.items():
                paths[name][path] += 1
        return {name: dict(counts.most_common()) for name, counts in paths.items()}

    @property
    def declared_total(self) -> int | None:
        """How many listings the feed says it holds, None where it does not say."""
        return self._reading.reader.declared_total if self._reading.reader else None

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
            async with aclosing(self._reading.items()) as read:
                async for items in read:
                    for item in items:
                        self._fills.update(item.fields.keys())
                        if self._is_repeated(item):
                            continue
                        self.item = item
                        yield normalise(item, self._source, feed_url=url, source_url=shown(url), run_date=now)
                        given += 1
                        if limit is not None and given >= limit:
                            return
            self.is_whole = not self.degraded
        except JobImportError as error:
            if not self.read:
                raise
            self.broken = error

    def _is_repeated(self, item: RawItem) -> bool:
        """Count a listing in."""
        self.read += 1
        if not item.external_id:
            self._nameless += 1
        elif not self._met.add(identity_hash(item.external_id)):
            self.duplicates += 1
            return True
        return False


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
