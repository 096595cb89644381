"""What the queue evidence says is never to be done (docs/proofs.md), read off the sources and off what is built."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from taskiq.cli.worker.args import WorkerArgs
from taskiq.result_backends.dummy import DummyResultBackend

from tests.house.test_imports import imports, is_of, loaded, modules
from workers.queue.broker import JobStreamBroker
from workers.queue.lanes import STAGES
from workers.queue.retry import RetryMiddleware
from workers.service import worker
from workers.service.household import furnish
from workers.settings import load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def broker(tmp_path: Path) -> JobStreamBroker:
    """As a worker process makes it."""
    return furnish(load(tmp_path, environ={}), STAGES, "host:1:1:worker-0", 4, high_only=False).broker


def test_the_manager_neither_gives_up_nor_renews_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Rows E5b and E23: no --max-fails, no --max-tasks-per-child; children die only of faults."""
    made: list[WorkerArgs] = []

    class Manager:
        workers: tuple[()] = ()

        def __init__(self, args: WorkerArgs, worker_function: Any) -> None:
            made.append(args)

        def start(self) -> int:
            return 0

    monkeypatch.setattr(worker, "Manager", Manager)
    monkeypatch.setattr(worker, "configure_logging", lambda _: None)
    assert worker.run(load(tmp_path, environ={})) == 0
    [args] = made
    assert (args.max_fails, args.max_tasks_per_child, args.max_prefetch) == (-1, None, 0)


def test_every_task_is_async(broker: JobStreamBroker):
    """Rows E3d, E9b and E9e: a thread cannot be stopped, and its time-out runs while it waits for its turn."""
    tasks = broker.get_all_tasks()
    assert set(tasks) == {f"job-import.{stage}" for stage in STAGES}
    assert all(inspect.iscoroutinefunction(task.original_func) for task in tasks.values())


def test_no_task_swallows_its_cancelling():
    """Row E9d: who catches everything, or cancelling itself, raises it again."""
    assert list(_swallowing()) == []


def _swallowing() -> Iterator[str]:
    greedy = {"BaseException", "CancelledError", "GeneratorExit"}
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                caught = {_last(name) for name in ast.walk(node.type)} if node.type else greedy
                if caught & greedy and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
                    yield f"{path}:{node.lineno}"
            elif (
                isinstance(node, ast.Call)
                and _last(node.func) == "suppress"
                and greedy & {_last(argument) for argument in node.args}
            ):
                yield f"{path}:{node.lineno}"


def _last(node: ast.AST) -> str:
    """The last part of a dotted name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_nothing_but_news_is_ever_trimmed():
    """Row E10: trimming takes unread and running work alike. Events are the one stream with a cap."""
    trims: set[str] = set()
    for path, tree in modules():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            is_capped = _last(node.func) == "xadd" and {"maxlen", "minid"} & {each.arg for each in node.keywords}
            if is_capped or _last(node.func) == "xtrim":
                trims.add(path)
    for script in (ROOT / "workers" / "queue" / "lua").glob("*.lua"):
        text = script.read_text("utf-8").upper()
        if any(word in text for word in ("XTRIM", "MAXLEN", "MINID")):
            trims.add(str(script.relative_to(ROOT)))
    assert trims == {"workers/events/publish.py"}


def test_nobody_locks_in_redis():
    """Row E14: whoever takes an entry over does so by XCLAIM, which is atomic; the stock lock never locked."""
    lockers = {
        path
        for path, tree in modules()
        if path.startswith(("workers/queue/", "workers/events/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _last(node.func).lower() == "lock"
    }
    assert lockers == set()


def test_workers_keep_no_metrics_files(broker: JobStreamBroker):
    """Row E22 does not apply: no process writes Prometheus's files, so none are left by the killed."""
    assert [type(middleware) for middleware in broker.middlewares] == [RetryMiddleware]
    assert "prometheus_client" not in loaded("import workers.service.worker")


def test_no_results_are_kept_and_nothing_is_pickled(broker: JobStreamBroker):
    """Row E25: who can write to Redis cannot run code here."""
    assert isinstance(broker.result_backend, DummyResultBackend)
    picklers = {
        path
        for path, tree in modules()
        if any(is_of(name, package) for name in imports(tree) for package in ("pickle", "marshal", "shelve", "dill"))
    }
    assert picklers == set()
