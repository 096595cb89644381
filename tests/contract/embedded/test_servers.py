import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pymongo
import pytest

from tests.servers import debian_redis, debian_redis_cli, say
from workers.errors import ConfigError
from workers.service import libraries
from workers.service.embedded import (
    HOST,
    MongoServer,
    RedisServer,
    choose_port,
    embedded_mongo,
    embedded_redis,
)

HOLDER = """
import sys, anyio
from pathlib import Path
from workers.service.embedded import embedded_mongo, embedded_redis
async def main():
    async with embedded_redis(Path(sys.argv[1])) as redis, embedded_mongo(Path(sys.argv[1])) as mongo:
        print(redis, mongo, flush=True)
        await anyio.sleep_forever()
anyio.run(main)
"""


def port_of(url: str) -> int:
    return int(url.split("127.0.0.1:")[1].split("/")[0])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def collection(url: str) -> pymongo.MongoClient[dict[str, object]]:
    return pymongo.MongoClient(url)


async def until(look: Callable[[], bool], seconds: float = 20) -> None:
    with anyio.fail_after(seconds):
        while not look():  # noqa: ASYNC110
            await anyio.sleep(0.02)


async def test_redis_has_the_settings_we_need_and_keeps_its_data(tmp_path: Path):
    folder = tmp_path / "with  blänks"
    async with embedded_redis(folder) as url:
        port = port_of(url)
        assert b"yes" in say(port, "CONFIG", "GET", "appendonly")
        assert b"noeviction" in say(port, "CONFIG", "GET", "maxmemory-policy")
        assert b"everysec" in say(port, "CONFIG", "GET", "appendfsync")
        say(port, "SET", "a", "1")
    assert not is_open(port)
    async with embedded_redis(folder) as again:
        assert b"1" in say(port_of(again), "GET", "a")


async def test_a_folder_that_cannot_be_written_is_named():
    with pytest.raises(ConfigError, match="data folder is '/proc/nothing': expected a folder to write to"):
        await MongoServer(Path("/proc/nothing")).start()


async def test_a_redis_that_is_killed_comes_back_on_its_port_with_its_data(tmp_path: Path):
    async with embedded_redis(tmp_path) as url:
        port = port_of(url)
        say(port, "SET", "a", "1")
        first = int(say(port, "INFO", "server").split(b"process_id:")[1].split()[0])
        os.kill(first, signal.SIGKILL)

        def is_back() -> bool:
            try:
                return b"process_id" in say(port, "INFO", "server")
            except OSError:
                return False

        await until(is_back)
        assert b"1" in say(port, "GET", "a")


async def test_mongo_is_a_replica_set_of_one_that_survives_kill_9_and_a_new_port(tmp_path: Path):
    server = MongoServer(tmp_path)
    await server.start()
    try:
        with collection(server.url) as client:
            client["t"]["rows"].insert_one({"a": 1})
        old = server.port
        server.kill()
        (tmp_path / "mongo.port").write_text(f"{choose_port(tmp_path / 'another.port')}\n")
        await server.start()
        assert server.port != old
        with collection(server.url) as client:
            assert client["t"]["rows"].count_documents({}) == 1
            members = client.admin.command("replSetGetConfig")["config"]["members"]
            assert [member["host"] for member in members] == [f"{HOST}:{server.port}"]
            assert client.admin.command("hello")["isWritablePrimary"]
    finally:
        await server.stop()


async def test_the_port_of_last_time_is_taken_again_unless_it_is_taken(tmp_path: Path):
    file = tmp_path / "port"
    port = choose_port(file)
    assert choose_port(file) == port
    with socket.create_server((HOST, port)):
        assert choose_port(file) != port


async def test_a_second_start_on_the_same_folder_says_who_uses_it(tmp_path: Path):
    async with embedded_redis(tmp_path):
        with pytest.raises(ConfigError, match=rf"no other jobimport uses; process {os.getpid()} uses it"):
            await RedisServer(tmp_path).start()


async def test_what_the_block_raises_comes_out_as_itself(tmp_path: Path):
    with pytest.raises(ZeroDivisionError):
        async with embedded_redis(tmp_path):
            raise ZeroDivisionError


@pytest.mark.crash
async def test_after_kill_9_of_their_owner_the_servers_are_gone_and_the_folder_is_free(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        redis_url, mongo_url = (await anyio.to_thread.run_sync(holder.stdout.readline)).split()
        say(port_of(redis_url), "SET", "a", "1")
        with collection(mongo_url) as client:
            client["t"]["rows"].insert_one({"a": 1})
        holder.kill()
        holder.wait()
    async with embedded_redis(tmp_path) as redis_url, embedded_mongo(tmp_path) as mongo_url:
        assert b"1" in say(port_of(redis_url), "GET", "a")
        with collection(mongo_url) as client:
            assert client["t"]["rows"].count_documents({}) == 1


def test_debians_redis_is_fetched_without_root_and_runs():
    told = subprocess.run([*debian_redis(), "--version"], capture_output=True, text=True)
    assert "v=7.0" in told.stdout, told
    help_text = subprocess.run([*debian_redis_cli(), "--version"], capture_output=True, text=True)
    assert "redis-cli 7.0" in help_text.stdout, help_text


def test_a_program_without_its_run_bit_is_copied_and_made_runnable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    program = tmp_path / "tool"
    shutil.copyfile("/bin/true", program)
    program.chmod(0o644)
    for _ in range(2):
        copy = libraries.runnable(program)
        assert copy != program
        assert subprocess.run([copy]).returncode == 0


def test_where_apt_fails_the_command_that_helps_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, text in {"apt-get": "#!/bin/sh\necho 'E: no network' >&2; exit 100\n", "dpkg-deb": ""}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(
        ConfigError, match=r"mongod: expected libcurl4.*apt-get update: no network.*as root: apt-get install libcurl4"
    ):
        libraries.fetch(["libcurl4"], tmp_path / "root", wanted_by="mongod")
    assert not (tmp_path / "root").exists()
