"""What a failure means for its message. Pure: no taskiq, no Redis."""

import random

import msgspec

from workers.errors import ConfigError, Deferred, JobImportError, Permanent, Transient
from workers.queue.dead import Reason
from workers.settings import QueueSettings

MAX_WAIT = 3600.0
"""No Retry-After keeps a message longer: what a feed's server says is not to be trusted with a run."""

ERROR_LIMIT = 500


class Done(msgspec.Struct, frozen=True):
    """It ran to its end."""


class Later(msgspec.Struct, frozen=True):
    """Again in `delay` seconds, as attempt number `attempt`."""

    delay: float
    attempt: int


class Dead(msgspec.Struct, frozen=True):
    """To the dead letters."""

    reason: Reason
    kind: str
    error: str


class Leave(msgspec.Struct, frozen=True):
    """Neither done nor failed: the worker is going away. It stays pending, and no attempt is used."""


Verdict = Done | Later | Dead | Leave


def judge(error: BaseException, attempt: int, settings: QueueSettings) -> Verdict:
    """Permanent, or a broken source file: dead at once. Deferred: later, no attempt used. Else `attempts` times."""
    if not isinstance(error, Exception):
        return Leave()  # CancelledError, KeyboardInterrupt, SystemExit: the process ends, the message does not
    if isinstance(error, Deferred):
        return Later(max(0.1, min(error.delay, MAX_WAIT)) * random.uniform(1.0, 1.1), attempt)
    if isinstance(error, (Permanent, ConfigError)):
        return Dead("permanent", kind_of(error), sentence(error))
    if attempt >= settings.attempts:
        return Dead("attempts", kind_of(error), sentence(error))
    return Later(_back_off(error, attempt, settings), attempt + 1)


def _back_off(error: Exception, attempt: int, settings: QueueSettings) -> float:
    """Full jitter over an exponentially growing span; never before the time that the other side asked for."""
    span = min(settings.backoff_max, settings.backoff_base * 2 ** (attempt - 1))
    return asked_wait(error) + random.uniform(min(0.1, span), span)


def asked_wait(error: Exception) -> float:
    """Seconds that the other side asked to be left alone, as far as that is heeded; 0 where it asked for nothing."""
    asked = error.retry_after if isinstance(error, Transient) else None
    return min(MAX_WAIT, max(0.0, asked or 0.0))


def kind_of(error: BaseException) -> str:
    """Stable name of an error's class, such as `http_unavailable`, for grouping."""
    if isinstance(error, JobImportError):
        return error.code
    name = type(error).__name__
    return "".join(
        f"_{c.lower()}" if c.isupper() and i and not name[i - 1].isupper() else c.lower() for i, c in enumerate(name)
    )


def sentence(error: BaseException) -> str:
    """What went wrong, on one bounded line that no terminal will obey."""
    text = " ".join(str(error).split())
    shown = "".join(c if c.isprintable() else "?" for c in text[:ERROR_LIMIT])
    if isinstance(error, JobImportError):
        return shown or error.code
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__
