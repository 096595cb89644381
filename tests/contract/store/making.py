"""Items with known hashes, and a normaliser that is as pure as the real one."""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from workers.feeds.identity import identity_hash
from workers.feeds.terms import search_terms
from workers.model import Job, JobMetadata, RawItem, Reject
from workers.store import runs
from workers.store.connect import Database

SOURCE = "board"
NOW = datetime(2026, 11, 1, 12, 0, 0, 123000, tzinfo=UTC)


def item(id: str | int, title: str = "Engineer", *, noise: str = "", position: int = 0, **fields: str) -> RawItem:
    """An item; `noise` moves its raw_hash and not its content. No title makes it a reject."""
    name = str(id)
    texts = {"title": title, "noise": noise, **fields}
    strings = {key: [text] for key, text in texts.items() if text}
    return RawItem(name, position, strings, digest(name, sorted(strings.items())))


def digest(*parts: Any) -> bytes:
    return blake2b(repr(parts).encode("utf-8", "replace"), digest_size=16).digest()


def normalise(raw: RawItem) -> Job | Reject:
    title = raw.fields.get("title", [""])[0]
    if not title:
        return Reject(
            external_id=raw.external_id,
            position=raw.position,
            reason="no title",
            field="title",
            value="",
            raw=raw.fields,
        )
    posted = raw.fields.get("posted_at")
    version = int(raw.fields.get("version", ["1"])[0])
    return Job(
        source=SOURCE,
        external_id=raw.external_id,
        title=title,
        company=raw.fields.get("company", ["Acme"])[0],
        posted_at=datetime.fromisoformat(posted[0]) if posted else None,
        search_terms=search_terms(title),
        content_hash=digest(title, version),
        raw_hash=raw.raw_hash,
        hash_version=version,
        metadata=JobMetadata(source=SOURCE, source_url="https://board.example/feed"),
    )


def never(raw: RawItem) -> Job | Reject:
    raise AssertionError(f"{raw.external_id} was normalised")


def seen(*ids: str | int) -> bytes:
    return b"".join(identity_hash(str(id)) for id in ids)


async def opened(db: Database, source: str = SOURCE) -> int:
    """A run that is queued; its id."""
    run, is_new = await runs.open_run(
        db, source=source, trigger="cli", requested_by="test", priority="normal", app_version="0"
    )
    assert is_new
    return run.id
