"""A body on disk while it comes in: one writer that never waits, readers that follow it.

The file has no name, so nothing is left behind however the process ends.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
from anyio.lowlevel import checkpoint

from workers.errors import JobImportError, Transient

STEP = 64 * 1024
RESERVE = 64 * 1024 * 1024  # bytes of free disk that are never used up
CHECK_EVERY = 16 * 1024 * 1024


class Spool:
    """Use as a context manager. `url` (as shown) names the body in failures.

    Raises Transient where the disk has no room.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._folder = folder()
        try:
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise self._trouble(error) from error
        self._grown = anyio.Event()
        self._checked = 0
        self.size = 0
        self.ended = False
        self.error: JobImportError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def need(self, size: int) -> None:
        """Check that the disk has room for `size` bytes more."""
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            raise self._trouble(error) from error
        if free < size + RESERVE:
            wanted = (size + RESERVE) // 2**20
            text = f"{self._url} cannot be kept in {self._folder}: {free // 2**20} MiB are free"
            raise Transient(f"{text}, expected {wanted} MiB")

    def write(self, data: bytes) -> None:
        """Append. A write of 64 KiB goes to the page cache; it is not worth a thread."""
        if self.size + len(data) > self._checked:
            self.need(0)
            self._checked = self.size + CHECK_EVERY
        view = memoryview(data)
        while view:
            try:
                view = view[self._file.write(view) :]
            except OSError as error:
                raise self._trouble(error) from error
        self.size += len(data)
        self._wake()

    def end(self, error: JobImportError | None) -> None:
        """Say that nothing more will come, and why if it should have."""
        self.ended, self.error = True, error
        self._wake()

    async def follow(self) -> AsyncIterator[bytes]:
        """Read from the start, at most STEP bytes at a time, waiting for the writer until it has ended."""
        at = 0
        while True:
            if at < self.size:
                data = os.pread(self._file.fileno(), STEP, at)
                at += len(data)
                yield data
                await checkpoint()
            elif self.ended:
                return
            else:
                await self._grown.wait()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = anyio.Event()

    def _trouble(self, error: OSError) -> Transient:
        reason = error.strerror or "the disk refused"
        return Transient(f"{self._url} cannot be kept in {self._folder}: {reason}")


def folder() -> Path:
    """Say where bodies are kept: TMPDIR, else /var/tmp, for /tmp is memory on many systems."""
    if not os.environ.get("TMPDIR") and os.access("/var/tmp", os.W_OK | os.X_OK):  # noqa: S108
        return Path("/var/tmp")  # noqa: S108
    return Path(tempfile.gettempdir())
