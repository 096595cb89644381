"""What the head of an answer says: status, validators, charset, when to come back."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import msgspec

from workers.errors import HttpRefused, HttpUnavailable

RETRY_AFTER_MAX = 3600.0
VALIDATOR_LIMIT = 1024
TRY_AGAIN = frozenset((408, 425, 429))
MOVED = frozenset((301, 302, 303, 307, 308))
MOVED_FOR_GOOD = frozenset((301, 308))

_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([A-Za-z0-9][A-Za-z0-9._:+-]{0,39})""", re.IGNORECASE)

_LINK = re.compile(r"""<([^<>]*)>\s*((?:;[^",;<>]*(?:"[^"]*"[^",;<>]*)?)*)""")
_RELATION = re.compile(r"""(?<![\w*-])rel\s*=\s*"?([^",;]*)""", re.IGNORECASE)


class Validators(msgspec.Struct, frozen=True):
    """What an earlier answer left for asking "has it changed?"; header values as they came."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Give the conditional request headers, by lower-case name."""
        asked = {"if-none-match": self.etag, "if-modified-since": self.last_modified}
        return {name: value for name, value in asked.items() if value}


class Head(msgspec.Struct, frozen=True):
    """The head of one answer."""

    status: int
    headers: httpx.Headers

    @property
    def location(self) -> str:
        """Where a redirect leads, as it came; "" for nowhere."""
        return self.headers.get("location", "").strip() if self.status in MOVED else ""

    @property
    def validators(self) -> Validators:
        """The validators of this answer; what no server means as one is left out."""
        return Validators(self._validator("etag"), self._validator("last-modified"))

    def _validator(self, name: str) -> str | None:
        value = self.headers.get(name, "").strip()
        # It goes back as it came: in a header, where only ASCII means the same to everybody.
        fits = 0 < len(value) <= VALIDATOR_LIMIT and value.isascii() and value.isprintable()
        return value if fits else None

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; "" for none."""
        value = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return value if re.fullmatch(r"[\w.+-]{1,80}/[\w.+-]{1,80}", value, re.ASCII) else ""

    @property
    def charset(self) -> str | None:
        """The charset that the Content-Type names, in lower case; nobody has checked that it exists."""
        match = _CHARSET.search(self.headers.get("content-type", "")[:1000])
        return match[1].lower() if match else None

    @property
    def length(self) -> int | None:
        """The promised length of the body on the wire; None for unknown."""
        value = self.headers.get("content-length", "")
        return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else None

    @property
    def next_page(self) -> str:
        """Where the Link header says the next page is (RFC 8288), as it came; "" for nowhere."""
        for value in self.headers.get_list("link"):
            for match in _LINK.finditer(value[:10_000]):
                if any("next" in relation.lower().split() for relation in _RELATION.findall(match[2])):
                    return match[1].strip()
        return ""

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks to wait, at most RETRY_AFTER_MAX; None where it does not say."""
        value = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]+", value):
            return min(float(value[:12]), RETRY_AFTER_MAX)
        try:
            due = parsedate_to_datetime(value)
        except ValueError:
            return None
        due = due if due.tzinfo else due.replace(tzinfo=UTC)
        return min(max((due - datetime.now(UTC)).total_seconds(), 0.0), RETRY_AFTER_MAX)

    def check(self, url: str, *, conditional: bool) -> None:
        """Let 200 and an asked-for 304 pass. Raises HttpUnavailable or HttpRefused."""
        if self.status == 200 or (self.status == 304 and conditional):
            return
        if self.status in TRY_AGAIN or self.status >= 500:
            raise HttpUnavailable(url, self.status, self.retry_after)
        raise HttpRefused(url, self.status, "200 or 304" if conditional else "200")
