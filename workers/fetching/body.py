"""A fetched feed, from the moment its head is known."""

import builtins
import hashlib
import time
from collections.abc import AsyncGenerator

from workers.errors import JobImportError
from workers.fetching.answers import Validators
from workers.fetching.asking import Answer
from workers.fetching.spool import Spool


class FeedBody:
    """What came, and the bytes as they come.

    status          200, or 304: not modified, and no bytes
    url             where it was found in the end, without user and password and with secret query values masked
    location        the same with all that is in it: never to be shown; next_page: what its Link header says
    etag, last_modified     this answer's validators (of a 304: the ones asked with, where it names none)
    charset, content_type   what the Content-Type says, in lower case
    redirects       how many there were; permanent_url: where 301 and 308 alone led, or None
    wire_bytes, bytes       read off the network, and inflated, so far
    sha256          hex, of the inflated body; None until it has come whole
    error           why the download failed; None while it runs or when it has not
    """

    def __init__(self, answer: Answer, asked: Validators, spool: Spool, started: float) -> None:
        sent = answer.head.validators
        self.status = answer.head.status
        self.url, self.location = answer.url, answer.location
        self.next_page = answer.head.next_page
        held = asked if self.status == 304 else Validators()
        self.etag = sent.etag or held.etag
        self.last_modified = sent.last_modified or held.last_modified
        self.charset = answer.head.charset
        self.content_type = answer.head.content_type
        self.redirects = answer.redirects
        self.permanent_url = answer.permanent_url
        self.wire_bytes = 0
        self.sha256: str | None = None
        self._started, self._ended = started, 0.0
        self._hash = hashlib.sha256()
        self._spool = spool

    @property
    def bytes(self) -> int:
        """Inflated bytes that have come so far."""
        return self._spool.size

    @property
    def error(self) -> JobImportError | None:
        """Why the download failed."""
        return self._spool.error

    @property
    def duration_ms(self) -> int:
        """Milliseconds on the network: to the end of the download, or so far."""
        return round(1000 * ((self._ended or time.monotonic()) - self._started))

    async def chunks(self) -> AsyncGenerator[builtins.bytes]:
        """Give the inflated bytes, at most 64 KiB at a time, as they come; then raise why they are not all.

        However slowly this is read, the download goes on at its own pace (rule 12).
        """
        async for chunk in self._spool.follow():
            yield chunk
        if self._spool.error:
            raise self._spool.error

    async def again(self) -> AsyncGenerator[builtins.bytes]:
        """Give the bytes from the start once more: what there is of them, without complaint."""
        async for chunk in self._spool.follow():
            yield chunk

    def append(self, data: builtins.bytes) -> None:
        """Take inflated bytes; for the downloader."""
        self._spool.write(data)
        self._hash.update(data)

    def end(self, error: JobImportError | None = None) -> None:
        """Take the end; for the downloader."""
        self._ended = time.monotonic()
        if error is None and self.status == 200:
            self.sha256 = self._hash.hexdigest()
        self._spool.end(error)
