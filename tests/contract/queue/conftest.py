"""Every test here runs against both servers."""

from collections.abc import Iterator

import anyio
import pytest

from tests.servers import Process, debian_redis, free_port, say


@pytest.fixture(scope="session")
def _debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Debian's redis-server, once; its port."""
    port, folder = free_port(), tmp_path_factory.mktemp("debian-redis")
    flags = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = Process([*debian_redis(), *flags], port, folder / "log")
    anyio.run(server.start)
    yield port
    server.kill()


@pytest.fixture(params=["valkey", "redis7"])
def redis_url(request: pytest.FixtureRequest) -> str:
    if request.param == "valkey":
        return request.getfixturevalue("redis_server").url
    port = request.getfixturevalue("_debian")
    say(port, "FLUSHALL")
    return f"redis://127.0.0.1:{port}/0"
