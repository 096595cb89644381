"""Every test here runs against both servers."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.contract.queue.harness import free_port, until
from tests.servers import debian_redis, say


@pytest.fixture(scope="session")
def _debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Debian's redis-server, once; its port."""
    port, folder = free_port(), tmp_path_factory.mktemp("debian-redis")
    *environment, program = debian_redis()
    # The program looks at its own name: as the file that Debian's link leads to it would be redis-check-rdb.
    server = str(Path(program).with_name("redis-server"))
    command = [*environment, server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            anyio.run(until, lambda: _answers(port), 20)
            yield port
        finally:
            process.kill()


def _answers(port: int) -> bool:
    try:
        return say(port, "PING").startswith(b"+PONG")
    except OSError:
        return False


@pytest.fixture(params=["valkey", "redis7"])
def redis_url(request: pytest.FixtureRequest) -> str:
    if request.param == "valkey":
        return request.getfixturevalue("redis_server").url
    port = request.getfixturevalue("_debian")
    say(port, "FLUSHALL")
    return f"redis://127.0.0.1:{port}/0"
