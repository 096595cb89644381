"""From an exception to one sentence on stderr and an exit code; a fault of our own leaves its traceback in a file."""

import errno
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from jobimport_tui.cli.show import say
from workers.errors import ConfigError, JobImportError, UnknownSource, Unreachable

FAILED, USAGE, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130

OF_THE_PLACE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS))
"""A disk that is full, broken, or not to be written to: no fault of ours."""


def explain(error: BaseException, *, debug: bool) -> int:
    """Say what went wrong; returns the exit code."""
    cause = leaf(error)
    if isinstance(cause, KeyboardInterrupt):
        return INTERRUPTED
    if debug:
        traceback.print_exception(error)
    if isinstance(cause, JobImportError):
        say(f"jobimport: {cause}")
        return _code(cause)
    if isinstance(cause, OSError) and cause.errno in OF_THE_PLACE:
        where = f": {cause.filename}" if cause.filename else ""
        say(f"jobimport: not everything could be written: {os.strerror(cause.errno)}{where}")
        return FAILED
    kind = type(cause).__name__
    if debug:
        say(f"jobimport: unexpected {kind}: {cause}")
    elif file := keep_traceback(error):
        say(f"jobimport: unexpected {kind}: {cause}; the traceback is in {file}")
    else:
        say(f"jobimport: unexpected {kind}: {cause}; run it again with --debug for the traceback")
    return FAILED


def leaf(error: BaseException) -> BaseException:
    """The failure inside the groups that task groups raise; one of ours before any other."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [leaf(inner) for inner in error.exceptions]
    return next((inner for inner in leaves if isinstance(inner, JobImportError)), leaves[0])


def _code(error: JobImportError) -> int:
    if isinstance(error, (ConfigError, UnknownSource)):
        return USAGE
    return UNREACHABLE if isinstance(error, Unreachable) else FAILED


def keep_traceback(error: BaseException) -> Path | None:
    """Write the traceback to the user's log folder; None where that cannot be done."""
    import platformdirs

    moment = datetime.now(UTC)
    folder = platformdirs.user_log_path("jobimport")
    file = folder / f"error-{moment:%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
    text = f"{moment:%Y-%m-%dT%H:%M:%SZ} {Path(sys.argv[0]).name} {' '.join(sys.argv[1:2])}\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(file, "x", encoding="utf-8", opener=_private) as out:
            out.write(text + "".join(traceback.format_exception(error)))
    except OSError:
        return None
    return file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
