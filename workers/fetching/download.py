"""The whole fetch: a downloader that fills the spool, and the body that its readers hold."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import httpx
from anyio.abc import TaskStatus
from anyio.lowlevel import checkpoint

from workers.errors import BlockedAddress, BodyTruncated, ConfigError, JobImportError, StallTimeout, TooLarge
from workers.fetching.answers import Validators
from workers.fetching.asking import Answer, Question, ask
from workers.fetching.body import FeedBody
from workers.fetching.credentials import credentials_of
from workers.fetching.inflating import Inflater, check_coding
from workers.fetching.spool import Spool
from workers.fetching.urls import hiding, is_upgrade, origin, parse, shown, with_query
from workers.model import Page, Source
from workers.settings import FetchSettings


class Budget:
    """What all pages of one feed may cost together: inflated bytes, and seconds on the network."""

    def __init__(self, source: Source, settings: FetchSettings) -> None:
        self.bytes: int = source.max_bytes or settings.max_bytes
        self.seconds: float = settings.total_timeout

    def spend(self, body: FeedBody) -> None:
        """Take off what a page has cost."""
        self.bytes -= body.bytes
        self.seconds -= body.duration_ms / 1000


@asynccontextmanager
async def fetch_feed(
    source: Source,
    settings: FetchSettings,
    validators: Validators | None = None,
    *,
    page: Page | None = None,
    budget: Budget | None = None,
) -> AsyncGenerator[FeedBody]:
    """Ask for a source's feed, or a page of it; hands over the body when its head is known, while its bytes still come.

    On leaving, however that happens, the download is cancelled and everything closed. Raises ConfigError for a
    header that cannot be looked up; on the way to the head BlockedAddress, HttpRefused, HttpUnavailable,
    NetworkFailure, StallTimeout, TooLarge, NotAFeed (an encoding nobody asked for), Deferred (the host has its
    connections already), Transient (no room on disk). What breaks later is raised by `FeedBody.chunks`. The total
    deadline covers the network alone.
    """
    question, secrets = _question(source, settings, validators or Validators(), page or Page(source.url))
    left = budget or Budget(source, settings)
    try:
        # Not around the yield: a generator that is closed elsewhere could not take it back.
        with hiding(secrets):
            spool = Spool(shown(question.url))
            download = _Download(left, settings, question, spool, secrets)
        with spool:
            async with anyio.create_task_group() as tasks:
                body: FeedBody = await tasks.start(download.run)
                yield body
                left.spend(body)
                tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # The task group wraps what the caller's block raised; the caller is owed the bare failure.
        first, *others = group.exceptions
        if others:
            raise
        raise first from first.__cause__


def _question(
    source: Source, settings: FetchSettings, validators: Validators, page: Page
) -> tuple[Question, list[str]]:
    """What to ask, and what must never be shown of it."""
    home = parse(source.url)
    where = f"{source.name or 'source'}.toml"
    if home is None:
        raise ConfigError(where, "url", shown(source.url), "an http:// or https:// URL")
    known = credentials_of(source, home)
    url = parse(page.url)
    if url is None or (home.scheme == "https" and url.scheme == "http"):
        expected = "an http or https URL" if url is None else "https to stay https"
        with hiding(known.secrets):
            raise BlockedAddress(f"the next page is at {shown(page.url)}: expected {expected}")
    is_home = origin(url) == origin(home) or is_upgrade(home, url)
    private = known.private if is_home else {}
    if is_home:
        url = with_query(url, known.query.items())
    headers = {"user-agent": settings.user_agent, **known.public}
    return Question(url, headers, private, validators, page.body.encode()), known.secrets


class _Download:
    """The downloader: one task, one deadline."""

    def __init__(
        self, left: Budget, settings: FetchSettings, question: Question, spool: Spool, secrets: list[str]
    ) -> None:
        self._settings, self._question, self._spool, self._secrets = settings, question, spool, secrets
        self._url = shown(question.url)
        self._max_bytes, self._seconds = max(left.bytes, 0), max(left.seconds, 0)
        self._body: FeedBody | None = None

    async def run(self, *, task_status: TaskStatus[FeedBody]) -> None:
        """Download to the end. Before the body is handed over failures are raised, later they are left in it."""
        try:
            with anyio.move_on_after(self._seconds), hiding(self._secrets):
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
        limit = f"{round(self._seconds, 1):g} s"
        if self._body is None:
            return f"{self._url} did not answer within {limit}"
        return f"{self._url} was not read to its end within {limit}: {self._body.wire_bytes} bytes came"


def _cut_short(answer: Answer, got: int) -> str:
    promised = answer.head.length
    expected = "its last chunk" if promised is None else f"{promised} bytes"
    return f"{answer.url} ended after {got} bytes: expected {expected}"
