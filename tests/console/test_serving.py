"""The console in a browser: on this machine alone, and only for who has the key."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.plant import are_gone, eventually

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@dataclass(frozen=True)
class Served:
    """A server, the address that it prints, and the consoles that it has started."""

    process: subprocess.Popen[str]
    address: str

    async def consoles(self) -> list[str]:
        pid = self.process.pid
        return (await anyio.Path(f"/proc/{pid}/task/{pid}/children").read_text()).split()

    async def ended(self) -> bool:
        return self.process.poll() is not None


@pytest.fixture
def served() -> Iterator[Served]:
    away = ("--redis", "redis://127.0.0.1:1/0", "--mongo", "mongodb://127.0.0.1:1/away")
    command = [sys.executable, "-m", "jobimport_tui.cli.main", "console", "--serve", str(free_port()), *away]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        assert process.stderr is not None
        found = re.search(r"http://\S+", process.stderr.readline())
        assert found
        yield Served(process, found[0])
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.fixture
def address(served: Served) -> str:
    return served.address


def parts(address: str) -> tuple[str, str]:
    base, _, key = address.partition("?key=")
    return base.rstrip("/"), key


@asynccontextmanager
async def a_page(address: str) -> AsyncGenerator[Any]:
    """What a browser opens for a page, once a console is to be seen in it."""
    base, _ = parts(address)
    jar = aiohttp.CookieJar(unsafe=True)  # an address is no name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(address) as page:
            assert page.status == 200 and f"ws{base.removeprefix('http')}/ws" in await page.text()
        async with session.ws_connect(f"{base}/ws?width=80&height=24") as terminal:
            shown = b""
            with anyio.fail_after(30):
                async for message in terminal:
                    shown += message.data if isinstance(message.data, bytes) else b""
                    if b"JOBIMPORT" in shown and b"Queues" in shown:
                        break
            assert b"JOBIMPORT" in shown
            yield terminal


async def test_a_page_with_the_key_shows_a_console_which_ends_with_its_page(served: Served) -> None:
    assert served.address.startswith("http://127.0.0.1:")
    async with a_page(served.address):
        assert len(await served.consoles()) == 1

    async def none_is_left() -> bool:
        return not await served.consoles()

    await eventually(none_is_left)


async def test_ctrl_c_ends_the_server_and_all_consoles_at_once(served: Served) -> None:
    async with a_page(served.address) as one, a_page(served.address) as other:
        consoles = await served.consoles()
        assert len(consoles) == 2
        served.process.send_signal(signal.SIGINT)
        for terminal in (one, other):  # a browser answers the end of its page by itself
            async for _ in terminal:
                pass
        await eventually(served.ended, 8)
        assert await are_gone(map(int, consoles))


async def test_the_page_asks_no_other_host_for_anything(address: str) -> None:
    base, _ = parts(address)
    async with aiohttp.ClientSession() as session, session.get(address) as page:
        text = await page.text()
        assert set(re.findall(r"\w+://[^/\"' ]+", text)) == {base.replace("http", "ws", 1)}
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["Referrer-Policy"] == "no-referrer"


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
