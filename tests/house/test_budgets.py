"""How long a module and a function may be, and that every room says what it is for."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE_LINES = 350
FUNCTION_LINES = 60


def files() -> Iterator[Path]:
    for top in ("workers", "jobimport_tui"):
        yield from sorted((ROOT / top).rglob("*.py"))


def test_no_module_is_longer_than_can_be_kept_in_mind():
    lengths = {str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in files()}
    assert {path: length for path, length in lengths.items() if length > MODULE_LINES} == {}


def test_the_consoles_frame_stays_a_frame():
    assert len((ROOT / "jobimport_tui" / "app.py").read_text("utf-8").splitlines()) < 250


def test_no_function_is_longer_than_a_screen():
    long = {
        f"{file.relative_to(ROOT)}:{node.name}": node.end_lineno - node.lineno + 1
        for file in files()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    }
    assert long == {}


def test_every_room_has_a_map():
    bare = [
        str(file.relative_to(ROOT)) for file in files() if not ast.get_docstring(ast.parse(file.read_text("utf-8")))
    ]
    assert bare == []


def test_no_machine_of_ours_and_no_registry_is_named():
    named: list[str] = []
    kinds = ("*.py", "*.toml", "*.md", "*.tcss", "*.lua", "Makefile")
    for top in ("workers", "jobimport_tui", "config", "bench", "docs"):
        for kind in kinds:
            for file in (ROOT / top).rglob(kind):
                text = file.read_text("utf-8")
                named += [
                    f"{file.relative_to(ROOT)}: {word}" for word in ("/work/", "pypi.org", "://pypi") if word in text
                ]
    assert named == []
