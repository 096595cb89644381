"""The tree of failures.

    JobImportError
    ├── ConfigError            the operator's file or flag is wrong          exit 2
    ├── Unreachable            Redis or MongoDB does not answer              exit 3
    ├── Permanent              trying again cannot help: dead at once
    │   ├── UnknownSource, BlockedAddress, TooLarge, NotAFeed, MalformedFeed
    │   └── HttpRefused        4xx but 408, 425, 429
    ├── Transient              tried again with back-off, attempts counted
    │   └── NetworkFailure, StallTimeout, HttpUnavailable, BodyTruncated
    └── Deferred               not now: later, and no attempt is used

`str(error)` is one sentence for an operator. What is in none of these classes is treated as transient.
"""


class JobImportError(Exception):
    """Base of every failure that we name."""

    @property
    def code(self) -> str:
        """Stable name for logs and grouping, such as `http_unavailable`."""
        name = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


class ConfigError(JobImportError):
    """A file, key or flag that cannot be used as it stands."""

    def __init__(self, where: str, key: str, value: object, expected: str) -> None:
        self.where, self.key, self.value, self.expected = where, key, value, expected
        place = f"{where}: {key}" if key else where
        got = "" if value is None else f" is {value!r}"
        super().__init__(f"{place}{got}: expected {expected}")


class Unreachable(JobImportError):
    """A server that we cannot do without does not answer."""

    def __init__(self, service: str, address: str, reason: str) -> None:
        self.service, self.address, self.reason = service, address, reason
        super().__init__(f"{service} at {address} is unreachable: {reason}")


class Permanent(JobImportError):
    """Trying again cannot help."""


class Transient(JobImportError):
    """Trying again may help; `retry_after` is what the other side asked for, in seconds."""

    retry_after: float | None = None


class Deferred(JobImportError):
    """Not now; offered again after `delay` seconds without using an attempt."""

    def __init__(self, reason: str, delay: float) -> None:
        self.delay = delay
        super().__init__(reason)


class UnknownSource(Permanent):
    """No file in config/sources has this name."""


class BlockedAddress(Permanent):
    """The address guard refused to connect."""


class TooLarge(Permanent):
    """More bytes, inflated bytes or depth than the settings allow."""


class NotAFeed(Permanent):
    """The body is something else: an HTML page, an empty file, a format nobody here reads."""


class MalformedFeed(Permanent):
    """The body starts as a feed and cannot be read to its end."""


class HttpRefused(Permanent):
    """The server answered with a status that asking again will not change."""

    def __init__(self, url: str, status: int, expected: str = "200 or 304") -> None:
        self.status = status
        super().__init__(f"{url} answered {status}: expected {expected}")


class NetworkFailure(Transient):
    """No connection, or one that broke."""


class StallTimeout(Transient):
    """The server went silent, or the whole took too long."""


class BodyTruncated(Transient):
    """The body ended before it was complete."""


class HttpUnavailable(Transient):
    """408, 425, 429 or 5xx."""

    def __init__(self, url: str, status: int, retry_after: float | None = None) -> None:
        self.status, self.retry_after = status, retry_after
        asked = "" if retry_after is None else f", asking to wait {retry_after:.0f} s"
        super().__init__(f"{url} answered {status}{asked}")
