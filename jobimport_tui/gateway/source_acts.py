"""What an operator does to the source files: looks at feeds, adds, edits, switches, removes; each is written down."""

from typing import TYPE_CHECKING, Any, TypeVar

import anyio.to_thread
import msgspec

from jobimport_tui.gateway.looks import Draft, Look, SourceFile
from workers.settings import Config
from workers.user import user

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jobimport_tui.gateway.drivers import Drivers
    from jobimport_tui.gateway.mongo_side import MongoSide

T = TypeVar("T")


class SourceActs:
    """The part of the live gateway that knows source files; the rest gives drivers, clients and `_told`."""

    config: Config
    _mongo: "MongoSide | None"

    def _ready(self) -> "Drivers":
        raise NotImplementedError

    def _both(self) -> tuple[Any, Any]:
        raise NotImplementedError

    async def _told(self, answer: "Awaitable[T]") -> T:
        raise NotImplementedError

    async def look(self, url: str) -> Look:
        """Look at an address."""
        feeds = await anyio.to_thread.run_sync(_load_feeds)
        return await self._told(feeds.look(self.config, url))

    async def test_source(self, name: str) -> Look:
        """Read a source's feed and compare it; without MongoDB it is compared with nothing."""
        feeds = await anyio.to_thread.run_sync(_load_feeds)
        return await self._told(feeds.look_again(self.config, self._mongo.db if self._mongo else None, name))

    async def create_source(self, draft: Draft) -> str:
        """Write a new source's file."""
        (db, redis), drivers = self._both(), self._ready()
        feeds = await anyio.to_thread.run_sync(_load_feeds)
        told = await self._told(anyio.to_thread.run_sync(feeds.write, self.config, draft))
        await self._told(drivers.tell(db, redis, user(), "added the source", draft.name))
        return told

    async def source_file(self, name: str) -> SourceFile:
        """Read the keys of a source's file."""
        return await self._told(anyio.to_thread.run_sync(_file_of, self.config, name))

    async def check_key(self, name: str, key: str, text: str) -> None:
        """Say what is wrong with a key's new value, by refusing it."""
        await self._told(anyio.to_thread.run_sync(_checked, self.config, name, key, text))

    async def set_key(self, name: str, key: str, text: str) -> str:
        """Give a key of a source's file another value."""
        from workers.source_edits import edited, set_key

        (db, redis), drivers, folder = self._both(), self._ready(), self.config.sources
        changed = await self._told(anyio.to_thread.run_sync(set_key, folder, name, key, text))
        if not changed:
            return f"{name}: {key} was so already"
        await self._told(drivers.tell(db, redis, user(), edited([key]), name))
        return f"{name}: {key} is {text or 'as by default'}; the next run reads it so"

    async def set_enabled(self, source: str, enabled: bool) -> str:
        """Switch a source on or off, in its file; the other consoles hear of it."""
        from workers.source_edits import set_enabled

        (db, redis), drivers, folder = self._both(), self._ready(), self.config.sources
        changed = await self._told(anyio.to_thread.run_sync(set_enabled, folder, source, enabled))
        word = "enabled" if enabled else "disabled"
        if changed:
            await self._told(drivers.tell(db, redis, user(), f"{word} the source", source))
        return f"{source}: {word}" + ("" if changed else " already")

    async def remove_source(self, source: str) -> str:
        """Delete a source's file."""
        from workers.sources import remove

        (db, redis), drivers = self._both(), self._ready()
        file = await self._told(anyio.to_thread.run_sync(remove, self.config.sources, source))
        await self._told(drivers.tell(db, redis, user(), "removed the source", source))
        return f"{file} removed"


def _load_feeds() -> Any:
    """Fetcher and parsers, which no console loads before it is asked to look. In a thread."""
    from jobimport_tui.gateway import feeds

    return feeds


def _file_of(config: Config, name: str) -> SourceFile:
    from workers.model import Source
    from workers.source_edits import KEYS, NEVER
    from workers.sources import find, load_one, plain
    from workers.toml import mask

    source = load_one(config.sources, name)
    said = plain(source)
    defaults = msgspec.structs.asdict(Source(url="https://a.example/"))
    keys: list[tuple[str, str, bool]] = []
    for key in KEYS:
        value = said.get(key, defaults[key])
        text = NEVER if (key, value) == ("schedule", "") else str(value).lower() if isinstance(value, bool) else value
        text = f"{text:g}" if isinstance(text, float) else text
        keys.append((key, "" if text is None else str(mask(text)), key not in said))
    return SourceFile(file=str(find(config.sources, name)), keys=tuple(keys))


def _checked(config: Config, name: str, key: str, text: str) -> None:
    from workers.source_edits import changed
    from workers.sources import load_one

    changed(load_one(config.sources, name), key, text, name)
