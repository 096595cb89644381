"""The whole fetch: a downloader that fills the spool, and the body that its readers hold."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import httpx
from anyio.abc import TaskStatus
from anyio.lowlevel import checkpoint

from workers.errors import BodyTruncated, ConfigError, JobImportError, StallTimeout, TooLarge
from workers.fetching.answers import Validators
from workers.fetching.asking import Answer, Question, ask
from workers.fetching.body import FeedBody
from workers.fetching.credentials import headers_of
from workers.fetching.inflating import Inflater, check_coding
from workers.fetching.spool import Spool
from workers.fetching.urls import parse, shown
from workers.model import Source
from workers.settings import FetchSettings


@asynccontextmanager
async def fetch_feed(
    source: Source, settings: FetchSettings, validators: Validators | None = None
) -> AsyncGenerator[FeedBody]:
    """Ask for a source's feed; hands over the body when its head is known, while its bytes still come.

    On leaving, however that happens, the download is cancelled and everything closed. Raises ConfigError for a
    header that cannot be looked up; on the way to the head BlockedAddress, HttpRefused, HttpUnavailable,
    NetworkFailure, StallTimeout, TooLarge, NotAFeed (an encoding nobody asked for), Deferred (the host has its
    connections already), Transient (no room on disk). What breaks later is raised by `FeedBody.chunks`. The total
    deadline covers the network alone.
    """
    question = _question(source, settings, validators or Validators())
    try:
        with Spool(shown(question.url)) as spool:
            async with anyio.create_task_group() as tasks:
                download = _Download(source, settings, question, spool)
                body: FeedBody = await tasks.start(download.run)
                yield body
                tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # The task group wraps what the caller's block raised; the caller is owed the bare failure.
        first, *others = group.exceptions
        if others:
            raise
        raise first from first.__cause__


def _question(source: Source, settings: FetchSettings, validators: Validators) -> Question:
    url = parse(source.url)
    where = f"{source.name or 'source'}.toml"
    if url is None:
        raise ConfigError(where, "url", shown(source.url), "an http:// or https:// URL")
    public, private = headers_of(source, url)
    return Question(url, {"user-agent": settings.user_agent, **public}, private, validators)


class _Download:
    """The downloader: one task, one deadline."""

    def __init__(self, source: Source, settings: FetchSettings, question: Question, spool: Spool) -> None:
        self._settings, self._question, self._spool = settings, question, spool
        self._url = shown(question.url)
        self._max_bytes = source.max_bytes or settings.max_bytes
        self._body: FeedBody | None = None

    async def run(self, *, task_status: TaskStatus[FeedBody]) -> None:
        """Download to the end. Before the body is handed over failures are raised, later they are left in it."""
        try:
            with anyio.move_on_after(self._settings.total_timeout):
                await self._converse(task_status)
                return
            raise StallTimeout(self._late())
        except JobImportError as error:
            if self._body is None:
                raise
            self._body.end(error)

    async def _converse(self, task_status: TaskStatus[FeedBody]) -> None:
        started = time.monotonic()
        async with ask(self._question, self._settings) as answer:
            length = answer.head.length
            if answer.head.status == 200:
                check_coding(answer.url, answer.head.headers.get("content-encoding", ""))
                if length is not None and length > self._max_bytes:
                    text = f"{answer.url} has {length} bytes: expected at most {self._max_bytes}"
                    raise TooLarge(text)
                self._spool.need(length or 0)
            body = self._body = FeedBody(answer, self._question.validators, self._spool, started)
            task_status.started(body)
            if body.status == 200:
                await self._receive(answer, body)
        body.end()

    async def _receive(self, answer: Answer, body: FeedBody) -> None:
        """Read, inflate and spool; breathes after every piece."""
        inflater = Inflater(answer.url, max_bytes=self._max_bytes, max_ratio=self._settings.max_ratio)
        try:
            async for data in answer.response.aiter_raw():
                body.wire_bytes += len(data)
                for part in inflater.feed(data):
                    body.append(part)
                    await checkpoint()
        except httpx.RemoteProtocolError as error:
            raise BodyTruncated(_cut_short(answer, body.wire_bytes)) from error
        for part in inflater.close():
            body.append(part)

    def _late(self) -> str:
        limit = f"{self._settings.total_timeout:g} s"
        if self._body is None:
            return f"{self._url} did not answer within {limit}"
        return f"{self._url} was not read to its end within {limit}: {self._body.wire_bytes} bytes came"


def _cut_short(answer: Answer, got: int) -> str:
    promised = answer.head.length
    expected = "its last chunk" if promised is None else f"{promised} bytes"
    return f"{answer.url} ended after {got} bytes: expected {expected}"
