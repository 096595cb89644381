"""The file between the downloader and its readers."""

import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.feed_server import FeedServer, Reply
from tests.unit.fetching.conftest import read
from workers.errors import Transient
from workers.fetching import spool as module
from workers.fetching.spool import STEP, Spool
from workers.settings import FetchSettings

URL = "https://feeds.example/"


@pytest.fixture
def a_small_disk() -> Iterator[int]:
    """Files of this process cannot grow past this size: the disk answers with an error, as a full one does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_several_readers_follow_from_the_start():
    with Spool(URL) as spool:
        one, two = spool.follow(), spool.follow()
        spool.write(b"x" * (STEP + 1))
        assert [len(await anext(one)), len(await anext(one))] == [STEP, 1]
        spool.write(b"y")
        spool.end(None)
        assert await anext(one) == b"y"
        assert b"".join([chunk async for chunk in two]) == b"x" * (STEP + 1) + b"y"


async def test_the_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(module.tempfile, "tempdir", None)
    with Spool(URL) as spool:
        spool.write(b"x")
        assert module.folder() == tmp_path
        assert os.listdir(tmp_path) == []


async def test_a_disk_that_refuses(server: FeedServer, settings: FetchSettings, a_small_disk: int):
    url = server.on("/feed.xml", Reply([b"<rss>" * 10_000] * 10))
    with pytest.raises(Transient, match=rf"^{url} cannot be kept in .*: File too large$"):
        await read(url, settings)


async def test_a_disk_without_room_is_not_filled_up(
    server: FeedServer, settings: FetchSettings, monkeypatch: pytest.MonkeyPatch
):
    usage = shutil.disk_usage("/")._replace(free=module.RESERVE + 2**20)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)  # pyright: ignore[reportUnknownArgumentType]
    url = server.on("/feed.xml", Reply(b"x" * 2**21))
    with pytest.raises(Transient, match="65 MiB are free, expected 66 MiB"):
        await read(url, settings)
    assert (await read(server.on("/feed.xml", Reply(b"x")), settings))[1] == b"x"


async def test_a_folder_that_is_not_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "folder", lambda: Path("/nowhere/at/all"))
    with pytest.raises(Transient, match="cannot be kept in /nowhere/at/all: No such file or directory"):
        Spool(URL)
