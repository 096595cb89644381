"""The console in a browser: on this machine alone, and only for who has the key."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def address() -> Iterator[str]:
    """The address that it prints, with the key."""
    away = ("--redis", "redis://127.0.0.1:1/0", "--mongo", "mongodb://127.0.0.1:1/away")
    command = [sys.executable, "-m", "jobimport_tui.cli.main", "console", "--serve", str(free_port()), *away]
    served = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        assert served.stderr is not None
        found = re.search(r"http://\S+", served.stderr.readline())
        assert found
        yield found[0]
    finally:
        os.kill(served.pid, signal.SIGINT)
        assert served.wait(20) == 0


def parts(address: str) -> tuple[str, str]:
    base, _, key = address.partition("?key=")
    return base.rstrip("/"), key


async def test_a_page_with_the_key_shows_a_console(address: str) -> None:
    base, _ = parts(address)
    assert base.startswith("http://127.0.0.1:")
    jar = aiohttp.CookieJar(unsafe=True)  # an address is no name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(address) as page:
            assert page.status == 200 and "/ws" in await page.text()
        shown = b""
        with anyio.fail_after(30):
            async with session.ws_connect(f"{base}/ws?width=80&height=24") as socket_:
                async for message in socket_:
                    shown += message.data if isinstance(message.data, bytes) else b""
                    if b"JOBIMPORT" in shown and b"Queues" in shown:
                        break
        assert b"JOBIMPORT" in shown


async def test_without_the_key_by_another_name_or_from_another_site_nothing_is_shown(address: str) -> None:
    base, key = parts(address)
    strangers = (
        (base, {}),
        (f"{base}/?key=guessed", {}),
        (f"{base}/static/css/xterm.css", {}),
        (address, {"Host": "evil.example"}),
        (f"{base}/ws?key={key}", {"Origin": "http://evil.example"}),
    )
    async with aiohttp.ClientSession() as session:
        for url, headers in strangers:
            async with session.get(url, headers=headers) as answer:
                assert answer.status == 403, url


async def test_it_listens_on_this_machine_alone(address: str) -> None:
    port = int(parts(address)[0].rpartition(":")[2])
    listening = [
        line.split()[1]
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].rpartition(":")[2], 16) == port
    ]
    assert listening == [f"0100007F:{port:04X}"]
