"""What carries httpx's requests: one guarded connection a request, closed with its answer.

The only place beside `connecting` that speaks httpcore; its failures leave here as httpx's, as of any transport.
"""

from collections.abc import AsyncIterator, Generator
from contextlib import AsyncExitStack, contextmanager

import anyio.to_thread
import httpcore
import httpx
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream

from workers.fetching.addresses import Guard
from workers.fetching.connecting import GuardedBackend, tls_context
from workers.fetching.urls import shown

# The first that fits. Some errors of the system and of anyio slip through httpcore as they are.
_MEANINGS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.TimeoutException, httpx.ReadTimeout),
    (httpcore.RemoteProtocolError, httpx.RemoteProtocolError),
    (httpcore.ProtocolError, httpx.LocalProtocolError),
    (httpcore.NetworkError, httpx.NetworkError),
    (OSError, httpx.NetworkError),
    (BrokenResourceError, httpx.NetworkError),
    (ClosedResourceError, httpx.NetworkError),
    (EndOfStream, httpx.NetworkError),
)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Raises what GuardedBackend raises, and failures of the network as httpx.TransportError."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Connect, ask, and give the head with a body still to come."""
        url = request.url
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.content,
            extensions=request.extensions,
        )
        # Its first making reads a file of authorities for 50 ms and more: not on the loop.
        context = await anyio.to_thread.run_sync(tls_context) if url.scheme == "https" else None
        backend = GuardedBackend(shown(url), self._guard)
        async with AsyncExitStack() as stack:
            pool = httpcore.AsyncConnectionPool(context, max_connections=1, network_backend=backend)
            await stack.enter_async_context(pool)
            with _meaning():
                answer = await pool.handle_async_request(asked)
            stack.push_async_callback(answer.aclose)
            body = _Body(answer, stack.pop_all())
        return _Response(answer.status, headers=answer.headers, stream=body)


class _Response(httpx.Response):
    @property
    def has_redirect_location(self) -> bool:
        """Say no: httpx reads the Location even where it is told not to follow, and raises if it cannot."""
        return False


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response, opened: AsyncExitStack) -> None:
        self._answer, self._opened = answer, opened

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _meaning():
            async for data in self._answer.aiter_stream():
                yield data

    async def aclose(self) -> None:
        await self._opened.aclose()


@contextmanager
def _meaning() -> Generator[None]:
    """Turn httpcore's failures into httpx's."""
    try:
        yield
    except Exception as error:
        for kind, meaning in _MEANINGS:
            if isinstance(error, kind):
                raise meaning(str(error)) from error
        raise
