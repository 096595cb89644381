import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pymongo
import pytest

from workers.errors import ConfigError
from workers.service.stack import Service, stack
from workers.settings import load
from workers.sources import load_all

HOLDER = """
import sys, anyio
from pathlib import Path
from workers.service.stack import Service, stack
from workers.settings import load
async def main():
    async with stack(Path(sys.argv[1]), config=load(Path(sys.argv[2])), demo=True, processes=1) as up:
        print(up.mongo_url, flush=True)
        await anyio.sleep_forever()
anyio.run(main)
"""


def processes_of(folder: Path) -> dict[int, str]:
    """Every process whose command line or environment names a folder, but us."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words:
            found[int(entry.name)] = words[:200].replace(b"\0", b" ").decode("utf-8", "replace")
    return found


async def until(look: Callable[[], bool], seconds: float = 40) -> None:
    with anyio.fail_after(seconds):
        while not look():  # noqa: ASYNC110
            await anyio.sleep(0.05)


def ended_runs(mongo_url: str) -> dict[str, str]:
    with pymongo.MongoClient[dict[str, str]](mongo_url) as client:
        # Newest first, so that the first run of each source is the one that stays: the schedules go on.
        rows = client.get_database()["import_logs"].find({"active": False}).sort("_id", -1)
        return {row["source"]: row["state"] for row in rows}


@pytest.fixture
def config_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "jobimport.toml").write_text("[worker]\nprocesses = 1\n")
    return folder


async def test_the_demo_imports_its_feeds_and_leaves_nothing_behind(tmp_path: Path, config_folder: Path):
    data = tmp_path / "data"
    async with stack(data, config=load(config_folder), demo=True) as up:
        await until(lambda: len(ended_runs(up.mongo_url)) == 3)
        assert ended_runs(up.mongo_url) == {
            "city-jobs": "succeeded",
            "remote-board": "partial",
            "wingtip": "succeeded",
        }
        assert set(load_all(up.config_folder / "sources")) == {"city-jobs", "remote-board", "wingtip"}
        assert load(environ=up.env).settings.worker.processes == 1
        assert load(environ=up.env).settings.redis.url == up.redis_url
        assert len(processes_of(data)) >= 5
    assert processes_of(data) == {}


async def test_a_worker_that_is_killed_is_started_again(tmp_path: Path, config_folder: Path):
    data = tmp_path / "data"

    def managers() -> set[int]:
        found = processes_of(data)
        return {
            pid
            for pid, words in found.items()
            if "workers.service.worker" in words and Path(f"/proc/{pid}/stat").exists() and os.getsid(pid) == pid
        }

    async with stack(data, config=load(config_folder), demo=True):
        await until(lambda: len(managers()) == 1)
        first = managers()
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: len(managers() - first) == 1)
    assert processes_of(data) == {}


@pytest.mark.crash
async def test_when_the_stack_itself_is_killed_nothing_stays(tmp_path: Path, config_folder: Path):
    data = tmp_path / "data"
    command = [sys.executable, "-c", HOLDER, str(data), str(config_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        url = (await anyio.to_thread.run_sync(holder.stdout.readline)).strip()
        await until(lambda: len(ended_runs(url)) == 3)
        holder.kill()
        holder.wait()
    await until(lambda: processes_of(data) == {}, seconds=10)
    async with stack(data, config=load(config_folder), demo=True) as up:
        assert len(ended_runs(up.mongo_url)) == 3


async def test_two_stacks_over_one_folder_do_not_run(tmp_path: Path, config_folder: Path):
    async with stack(tmp_path / "data", config=load(config_folder)):
        with pytest.raises(ConfigError, match="no other jobimport uses"):
            async with stack(tmp_path / "data", config=load(config_folder)):
                pass
    assert processes_of(tmp_path / "data") == {}


async def test_demo_sources_keep_what_was_changed_in_them(tmp_path: Path, config_folder: Path):
    file = tmp_path / "data" / "demo" / "sources" / "wingtip.toml"
    async with stack(tmp_path / "data", config=load(config_folder), demo=True):
        file.write_text(file.read_text().replace("*/2 * * * *", "0 3 * * *"))
    async with stack(tmp_path / "data", config=load(config_folder), demo=True) as up:
        source = load_all(up.config_folder / "sources")["wingtip"]
        assert (source.schedule, source.url) == ("0 3 * * *", f"{up.demo_url}/wingtip.json")


async def test_a_service_that_is_told_to_end_is_not_started_again(tmp_path: Path, config_folder: Path):
    (tmp_path / "logs").mkdir(exist_ok=True)
    env = {**os.environ, "JOBIMPORT_CONFIG": str(config_folder), "JOBIMPORT_REDIS_URL": "redis://127.0.0.1:1/0"}
    env["JOBIMPORT_MONGO_URL"] = "mongodb://127.0.0.1:1/x"
    service = Service("scheduler", tmp_path, env)

    def told() -> str:
        return service.log.read_text() if service.log.exists() else ""

    def children() -> list[int]:
        return [pid for pid, words in processes_of(tmp_path).items() if "workers.service.scheduler" in words]

    async with service.running(grace=5):
        await until(lambda: "MongoDB" in told())
        [pid] = children()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: "starts again" in told() and bool(children()) and children() != [pid])
        written = len(told())
        await until(lambda: "MongoDB" in told()[written:])
        os.kill(children()[0], signal.SIGTERM)
        await until(lambda: "ended as it was told to" in told())
        assert children() == []
