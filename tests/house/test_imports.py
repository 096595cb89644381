"""Who may import whom: read off the sources, and proved by processes that look at what they have loaded."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A package -> the paths (files, or folders that end in /) that may import it.
ONLY_THERE = {
    "pymongo": ("workers/store/", "workers/service/embedded.py"),
    "bson": ("workers/store/", "workers/service/embedded.py"),
    "redis": ("workers/queue/", "workers/events/", "workers/service/embedded.py"),
    "taskiq": ("workers/queue/broker.py", "workers/queue/retry.py", "workers/service/"),
    "taskiq_redis": ("workers/queue/broker.py",),
    "textual": ("jobimport_tui/",),
    "rich": ("jobimport_tui/",),
    "httpx": ("workers/fetching/",),
    "lxml": ("workers/feeds/",),
    "ijson": ("workers/feeds/",),
    "nh3": ("workers/feeds/",),
    "zstandard": ("workers/store/", "jobimport_tui/record/"),
    "croniter": ("workers/schedule.py",),
    "workers.fetching": ("workers/fetching/", "workers/actors/", "workers/reading.py", "workers/preview.py"),
}

# The console reaches the stores through its gateway, the command by itself.
STORES = ("workers.store", "workers.queue", "workers.events")

COMMANDS = (
    "config",
    "doctor",
    "explain",
    "failed",
    "imports",
    "jobs",
    "queues",
    "runs",
    "sources",
    "worker",
    "workers",
)


def modules() -> Iterator[tuple[str, ast.Module]]:
    for top in ("workers", "jobimport_tui"):
        for file in sorted((ROOT / top).rglob("*.py")):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text("utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    """Every module that a file imports, in functions too, but not for its types alone."""
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _nodes(child)


def is_of(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("package", ONLY_THERE)
def test_a_package_is_imported_only_where_it_belongs(package: str):
    strangers = {
        path
        for path, tree in modules()
        if not path.startswith(ONLY_THERE[package]) and any(is_of(name, package) for name in imports(tree))
    }
    assert strangers == set()


def test_the_workers_never_know_the_console():
    strangers = {
        path
        for path, tree in modules()
        if path.startswith("workers/") and any(is_of(name, "jobimport_tui") for name in imports(tree))
    }
    assert strangers == set()


def test_the_console_reaches_the_stores_through_its_gateway():
    strangers = {
        path
        for path, tree in modules()
        if path.startswith("jobimport_tui/")
        and not path.startswith(("jobimport_tui/gateway/", "jobimport_tui/cli/"))
        and any(is_of(name, store) for name in imports(tree) for store in STORES)
    }
    assert strangers == set()


def test_the_contracts_of_import_linter_hold():
    done = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def loaded(statement: str) -> set[str]:
    """The top-level packages in memory after a statement, in a process of its own."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_short_command_loads_no_framework(command: str):
    heavy = {"taskiq", "httpx", "lxml", "textual", "uvloop"}
    assert loaded(f"import jobimport_tui.cli.{command}") & heavy == set()


def test_help_loads_next_to_nothing():
    said = loaded(
        "import contextlib, jobimport_tui.cli.main as m\nwith contextlib.suppress(SystemExit): m.main(['--version'])"
    )
    assert said & {"redis", "pymongo", "anyio", "textual", "msgspec"} == set()


def test_looking_at_files_opens_no_driver():
    for command in ("config", "sources"):
        assert loaded(f"import jobimport_tui.cli.{command}") & {"redis", "pymongo", "asyncio"} == set()


def test_the_console_loads_neither_taskiq_nor_a_parser():
    assert loaded("import jobimport_tui.app") & {"taskiq", "httpx", "lxml", "ijson"} == set()


def test_a_console_that_is_about_to_paint_has_loaded_no_more_than_its_frame():
    opened = "Opened(load(None, {}), Opening(), None, Path('nowhere/console.toml'))"
    said = loaded(
        "from pathlib import Path\nfrom workers.settings import load\n"
        f"from jobimport_tui.opening import Opened, Opening\nit = {opened}\n"
        "assert not hasattr(it.app.session.gateway, 'seek')"
    )
    later = {"redis", "pymongo", "croniter", "zoneinfo", "tomli_w", "curses", "nh3", "rapidfuzz", "jmespath"}
    never = {"taskiq", "httpx", "lxml", "ijson", "pyarrow", "polars", "prometheus_client", "uvloop"}
    assert said & (later | never) == set()


def test_no_worker_process_loads_textual():
    for module in ("worker", "scheduler", "stack"):
        assert "textual" not in loaded(f"import workers.service.{module}")


def test_the_maps_import_nothing():
    for package in ("workers", "jobimport_tui"):
        tree = ast.parse((ROOT / package / "__init__.py").read_text("utf-8"))
        assert list(imports(tree)) == []


def test_no_module_imports_itself_by_a_detour():
    assert cycles(at_load()) == []


def at_load() -> dict[str, set[str]]:
    """What each module imports when it is loaded: not in functions, where a screen may open another."""
    trees = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): tree for path, tree in modules()}
    edges: dict[str, set[str]] = {}
    for module, tree in trees.items():
        top = ast.Module([node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))], [])
        edges[module] = {name for name in imports(top) if name in trees}
        # `from package import module` names both; the package is meant only where it has the name itself.
        edges[module] -= {name for name in edges[module] if any(is_of(other, name) for other in edges[module] - {name})}
    return edges


def cycles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Take away what imports nothing that is left, again and again: what remains goes round in circles."""
    left = dict(edges)
    while leaves := [module for module, imported in left.items() if not imported & left.keys()]:
        for module in leaves:
            del left[module]
    return [[module, *sorted(imported & left.keys())] for module, imported in sorted(left.items())]
