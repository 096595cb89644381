"""Whether a name that a table was asked for is a source's, or was."""

from workers.errors import UnknownSource
from workers.settings import Config
from workers.sources import find
from workers.store import runs
from workers.store.connect import Database


async def check_source(db: Database, config: Config, name: str | None) -> None:
    """Raise UnknownSource where a source has neither a file nor a history; one that was removed has its history."""
    if name is None:
        return
    try:
        find(config.sources, name)
    except UnknownSource:
        if not await runs.recent(db, limit=1, source=name) and not await db.import_daily.find_one({"source": name}):
            raise
