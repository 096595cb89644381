"""Connections that the address guard has seen: resolve, refuse, connect to that very address.

A network backend of httpcore. The name is resolved here and once, so a name that changes its answer between the
check and the connection (DNS rebinding) has nothing to gain.
"""

import os
import socket
import ssl
from collections.abc import Iterable
from functools import cache
from typing import cast

import anyio
import httpcore

from workers.errors import BlockedAddress, NetworkFailure
from workers.fetching.addresses import Address, Guard, read_address

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects for one request; `url` (as shown) names it in failures.

    Raises BlockedAddress, or NetworkFailure with the reason.
    """

    def __init__(self, url: str, guard: Guard) -> None:
        self._url, self._guard = url, guard
        self._plain = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers, out of those the guard admits, within `timeout`."""
        with anyio.move_on_after(timeout):
            addresses = await self._resolve(host, port)
            return await self._first(addresses, port, timeout, socket_options)
        raise NetworkFailure(f"{self._url}: no connection within {timeout:g} s")

    async def _resolve(self, host: str, port: int) -> list[Address]:
        try:
            found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a host name"
            raise NetworkFailure(f"{self._url}: the host does not resolve: {reason}") from error
        addresses = list(dict.fromkeys(read_address(str(entry[4][0])) for entry in found))
        admitted = [address for address in addresses if self._guard.admits(host, address)]
        if not admitted:
            where = ", ".join(str(address) for address in addresses[:3])
            text = f"{self._url} is at {where}: expected a public address, or the host in fetch.allow_hosts"
            raise BlockedAddress(text)
        return admitted

    async def _first(
        self,
        addresses: list[Address],
        port: int,
        timeout: float | None,
        options: Iterable[SocketOption] | None,
    ) -> httpcore.AsyncNetworkStream:
        # One address that swallows packets must not eat the time of the others.
        share = None if timeout is None else timeout / len(addresses)
        reason = ""
        for address in addresses:
            try:
                return await self._plain.connect_tcp(str(address), port, timeout=share, socket_options=options)
            except httpcore.ConnectTimeout:
                reason = "no answer"
            except httpcore.ConnectError as error:
                reason = reason_of(error)
        raise NetworkFailure(f"{self._url}: no connection: {reason}")


def reason_of(error: BaseException) -> str:
    """Say why a connection failed, from the system's error or TLS's beneath what the library raised."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not accepted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed ({(cause.reason or 'no reason given').lower().replace('_', ' ')})"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    return "the connection broke"


@cache
def tls_context() -> ssl.SSLContext:
    """Make the process's TLS context, once: the system's authorities and certifi's."""
    return httpcore.default_ssl_context()
