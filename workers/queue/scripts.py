"""lua/*.lua: what must happen at once happens in one script. All keys of a call share the hash tag."""

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from workers.queue.connect import Redis

Argument = str | bytes | int | float


class Script:
    """One Lua file. `source` is for pipelines, where the short way (EVALSHA) has no second try."""

    def __init__(self, name: str) -> None:
        self.source = files("workers.queue").joinpath("lua", f"{name}.lua").read_text("utf-8")
        self._sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, redis: Redis, keys: Sequence[str], args: Sequence[Argument] = ()) -> Any:
        """Run it; a server that does not know it yet (restarted, failed over) is told."""
        try:
            return await redis.evalsha(self._sha, len(keys), *keys, *args)  # pyright: ignore[reportGeneralTypeIssues]
        except NoScriptError:
            return await redis.eval(self.source, len(keys), *keys, *args)  # pyright: ignore[reportGeneralTypeIssues]


READ = Script("read")
TAKE = Script("take")
END = Script("end")
RENEW = Script("renew")
RELEASE = Script("release")
PRUNE = Script("prune")
PUMP = Script("pump")
REQUEUE = Script("requeue")
TALLY = Script("tally")
GCRA = Script("gcra")
SLOT = Script("slot")
