"""docs/proofs.md says which test proves what: it does not rot."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "proofs.md").read_text("utf-8")

ROW = re.compile(r"[EP]\d+[a-z]?")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


ROWS, PROMISES = PAGE.split("## The nine promises")
PROOFS = [(ROW.findall(cells(line)[0]), cells(line)[2]) for line in ROWS.splitlines() if "::" in line]
HELD = [(cells(line)[0], cells(line)[1]) for line in PROMISES.splitlines() if "::" in line]


@cache
def said_by(file: str) -> dict[str, str]:
    """Every test of a file, with what it says of itself."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {
        node.name: ast.get_docstring(node) or ""
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
    }


def test_every_row_has_its_proof():
    named = set(ROW.findall(ROWS.partition("Rows: ")[2].partition("\n\n")[0]))
    assert len(named) == 63
    assert named == {row for rows, _ in PROOFS for row in rows}


@pytest.mark.parametrize(("rows", "test"), PROOFS, ids=[" ".join(rows) for rows, _ in PROOFS])
def test_a_proof_exists_and_names_its_rows(rows: list[str], test: str):
    file, _, name = test.partition("::")
    assert name in said_by(file)
    assert set(rows) <= set(ROW.findall(said_by(file)[name])), said_by(file)[name]


def test_every_promise_has_its_proof():
    assert {int(promise.split()[0]) for promise, _ in HELD if promise[0].isdigit()} == set(range(1, 10))
    for promise, test in HELD:
        file, _, name = test.partition("::")
        assert name in said_by(file), promise
