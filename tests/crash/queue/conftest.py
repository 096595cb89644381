"""Every test here runs against both servers, each with one of its own to kill."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.crash.queue.harness import Journal, Server, Worker
from tests.servers import debian_redis
from workers.service.libraries import valkey_server

Hire = Callable[..., Worker]


@pytest.fixture(params=["valkey", "redis7"])
def program(request: pytest.FixtureRequest) -> Sequence[str]:
    """Command that starts a server."""
    return [valkey_server()] if request.param == "valkey" else debian_redis()


@pytest.fixture
async def server(program: Sequence[str]) -> AsyncIterator[Server]:
    server = Server(program)
    await server.start()
    yield server
    server.kill()


@pytest.fixture
async def durable(program: Sequence[str], tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(program, tmp_path)
    await server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_url(server: Server) -> str:
    return server.url


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def hire(journal: Journal) -> Iterator[Hire]:
    hired: list[Worker] = []

    def one(url: str, consumer: str = "host:1:1:worker-0", **options: float) -> Worker:
        hired.append(Worker(url, journal, consumer, **options))
        return hired[-1]

    yield one
    for worker in hired:
        worker.kill()
