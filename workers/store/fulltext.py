"""The index over the words of descriptions: only where settings ask for it, because it costs more than all others.

Without a language of its own: no word is left out and none is cut to its stem.
"""

import pymongo
from pymongo.errors import OperationFailure

from workers.store.connect import Database
from workers.store.indexes import BUILD_SECONDS

NAME = "descriptions"
_NOT_FOUND = 27


async def want(db: Database, is_wanted: bool) -> None:
    """Build the index, or drop it; may run any number of times, anywhere."""
    is_there = NAME in {info["name"] async for info in await db.jobs.list_indexes()}
    if is_wanted and not is_there:
        with pymongo.timeout(BUILD_SECONDS):
            await db.jobs.create_index([("description", pymongo.TEXT)], name=NAME, default_language="none")
    elif is_there and not is_wanted:
        try:
            await db.jobs.drop_index(NAME)
        except OperationFailure as error:  # another process was faster
            if error.code != _NOT_FOUND:
                raise
