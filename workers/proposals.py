"""What a new source's file may say, proposed from its address and what its feed was recognised as. Pure."""

import hashlib
import re
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import msgspec

from workers.feeds.dialect import dialects
from workers.model.source import Source, SourceKind

# Hosts that serve many companies' boards, and the part of the path after which the company stands.
_AFTER = {
    "greenhouse.io": "boards",
    "lever.co": "postings",
    "ashbyhq.com": "job-board",
    "workable.com": "accounts",
    "smartrecruiters.com": "companies",
}
# ... and those where it is the host's first label.
_TENANTS = (
    "bamboohr.com",
    "breezy.hr",
    "jobs.personio.com",
    "jobs.personio.de",
    "myworkdayjobs.com",
    "recruitee.com",
    "teamtailor.com",
)
# Labels that name no board: what stands before one, and the second level of some countries.
_NOT_A_NAME = {
    *("www", "api", "apis", "app", "boards", "careers", "career", "data", "feed", "feeds", "job", "jobs", "public"),
    *("rss", "search", "xml", "co", "com", "org", "net", "gov", "ac", "edu"),
}
_EVERY = {"window": "{minute} * * * *", "snapshot": "{minute} */6 * * *", "query": "{minute} */6 * * *"}


def propose(
    wanted: Source, dialect: str, *, is_nameless: bool, taken: Collection[str], said: Collection[str]
) -> Source:
    """A source with what was not `said` of it proposed, by the keys' names.

    `dialect` is what its feed was recognised as; `is_nameless` says that the feed names no company.
    """
    name = wanted.name if "name" in said else propose_name(wanted.url, taken)
    kind = wanted.kind if "kind" in said else propose_kind(dialect)
    schedule = wanted.schedule if "schedule" in said else propose_schedule(name, kind)
    company = propose_company(wanted.url, name) if is_nameless and "company" not in said else wanted.company
    # What was looked at is what is imported; "auto" would read by another dialect what another feed is.
    format = dialect if dialect and not dialect.startswith("custom-") else wanted.format
    return msgspec.structs.replace(wanted, name=name, kind=kind, schedule=schedule, company=company, format=format)


def propose_name(url: str, taken: Collection[str]) -> str:
    """A name for a source that no other has: the company's on a host of many, else the site's."""
    name = re.sub(r"[^a-z0-9]+", "-", _site(url).lower()).strip("-")[:60].strip("-") or "feed"
    if name not in taken:
        return name
    return next(f"{name}-{n}" for n in range(2, len(taken) + 3) if f"{name}-{n}" not in taken)


def _site(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = (parts.hostname or "").rstrip(".")
    steps = [unquote(step) for step in parts.path.split("/")]
    for domain, mark in _AFTER.items():
        if host.endswith(f".{domain}") and mark in steps[:-1]:
            return steps[steps.index(mark) + 1]
    if host.endswith(tuple(f".{domain}" for domain in _TENANTS)):
        return host.partition(".")[0]
    try:
        ip_address(host)
    except ValueError:
        labels = host.split(".")
        named = [label for label in labels[: -1 if len(labels) > 1 else None] if label not in _NOT_A_NAME]
        return named[-1] if named else labels[0]
    return host


def propose_kind(dialect: str) -> SourceKind:
    """Whether feeds of a dialect hold every open listing: "window", which closes nothing, where that is not known."""
    found = dialects().get(dialect)
    return found.lists if found else "window"


def propose_schedule(name: str, kind: SourceKind) -> str:
    """Hourly for a window, else four times a day, at a minute of the source's own: not all at the full hour."""
    minute = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=2).digest()) % 60
    return _EVERY[kind].format(minute=minute)


def propose_company(url: str, name: str) -> str:
    """The company of a board that belongs to one, "" for a site of many."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    is_board = host.endswith(tuple(f".{domain}" for domain in (*_AFTER, *_TENANTS)))
    return name.replace("-", " ").title() if is_board else ""
