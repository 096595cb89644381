"""Short ways to read and normalise a document in these tests."""

from datetime import UTC, datetime
from pathlib import Path

from workers.errors import JobImportError
from workers.feeds.normalise import normalise
from workers.feeds.reader import FeedReader
from workers.model import Job, RawItem, Reject, Source

SAMPLES = Path(__file__).parents[2] / "samples"
URL = "https://board.example/feed"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def source(**settings: object) -> Source:
    return Source(**{"name": "board", "url": URL, **settings})  # type: ignore[arg-type]


def read(data: bytes, of: Source | None = None, *, size: int = 0, charset: str | None = None) -> list[RawItem]:
    reader = FeedReader(of or source(), base_url=URL, charset=charset)
    items: list[RawItem] = []
    step = size or max(len(data), 1)
    for start in range(0, len(data), step):
        items += reader.feed(data[start : start + step])
    return items + reader.close()


def read_until(data: bytes, of: Source | None = None, *, size: int = 0) -> tuple[list[RawItem], JobImportError | None]:
    """What was handed back, and the error that ended it."""
    reader = FeedReader(of or source(), base_url=URL)
    items: list[RawItem] = []
    step = size or max(len(data), 1)
    try:
        for start in range(0, len(data), step):
            items += reader.feed(data[start : start + step])
        items += reader.close()
    except JobImportError as error:
        return items, error
    return items, None


def to_job(fields: dict[str, list[str]], of: Source | None = None, external_id: str = "1") -> Job | Reject:
    item = RawItem(external_id, 0, fields, b"r" * 16)
    return normalise(item, of or source(), feed_url=URL, source_url=URL, run_date=NOW)


def job(fields: dict[str, list[str]], of: Source | None = None) -> Job:
    found = to_job({"title": ["A title"], **fields}, of)
    assert isinstance(found, Job), found
    return found


def rss(*items: str) -> bytes:
    inside = "".join(f"<item>{item}</item>" for item in items)
    return f'<rss version="2.0"><channel><title>Board</title>{inside}</channel></rss>'.encode()
