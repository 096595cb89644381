"""Listings into a file or a pipe: CSV, JSON lines, Parquet; for the command and the console.

A page at a time: memory does not grow with what is written. A file appears under its name whole, or not at all.
"""

import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from jobimport_tui.cli.show import iso, plain
from jobimport_tui.formulas import unformulated
from workers.errors import ConfigError
from workers.feeds.text import inert

Format = Literal["jsonl", "csv", "parquet"]
FORMATS: tuple[Format, ...] = ("jsonl", "csv", "parquet")

Document = dict[str, Any]

SEPARATOR = "; "


class Sheet(Protocol):
    """Takes listings, page by page; `close` writes what is left."""

    def write(self, page: list[Document]) -> None:
        """Write one page."""
        ...

    def close(self) -> None:
        """Write the end."""
        ...


def as_object(document: Document) -> Document:
    """A listing as it is stored, but for hashes and search terms."""
    return {key: value for key, value in plain(document).items() if key != "search_terms"}


def _salary(name: str) -> Callable[[Document], Any]:
    return lambda document: (document.get("salary") or {}).get(name)


def _metadata(name: str) -> Callable[[Document], Any]:
    return lambda document: (document.get("metadata") or {}).get(name)


def _field(name: str) -> Callable[[Document], Any]:
    return lambda document: document.get(name)


Kind = Literal["text", "texts", "number", "whole", "time"]

COLUMNS: tuple[tuple[str, Kind, Callable[[Document], Any]], ...] = (
    ("id", "text", _field("_id")),
    ("source", "text", _field("source")),
    ("external_id", "text", _field("external_id")),
    ("title", "text", _field("title")),
    ("company", "text", _field("company")),
    ("locations", "texts", _field("locations")),
    ("remote", "text", _field("remote")),
    ("employment_types", "texts", _field("employment_types")),
    ("salary_min", "number", _salary("min")),
    ("salary_max", "number", _salary("max")),
    ("salary_currency", "text", _salary("currency")),
    ("salary_unit", "text", _salary("unit")),
    ("salary_text", "text", _salary("text")),
    ("pay", "whole", _field("pay")),
    ("quality", "whole", _field("quality")),
    ("copy_of", "text", _field("copy_of")),
    ("posted_at", "time", _field("posted_at")),
    ("valid_through", "time", _field("valid_through")),
    ("url", "text", _field("url")),
    ("tags", "texts", _field("tags")),
    ("status", "text", _field("status")),
    ("first_run", "whole", _field("first_run")),
    ("changed_run", "whole", _field("changed_run")),
    ("closed_run", "whole", _field("closed_run")),
    ("first_seen", "time", _metadata("first_seen")),
    ("last_updated", "time", _metadata("last_updated")),
    ("closed_at", "time", _metadata("closed_at")),
    ("attribution", "text", _metadata("attribution")),
    ("description", "text", _field("description")),
)


class JsonLines:
    """An object a line, ASCII only."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, page: list[Document]) -> None:
        """Write one page."""
        lines = [json.dumps(as_object(document), allow_nan=False) for document in page]
        self._out.write(("\n".join(lines) + "\n").encode("ascii"))
        self._out.flush()

    def close(self) -> None:
        """Nothing is left."""
        self._out.flush()


class Csv:
    """A row a listing, RFC 4180 in UTF-8, safe to open: no cell that a feed filled is a formula."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lines = csv.writer(_Encoded(out))
        self._lines.writerow([name for name, _, _ in COLUMNS])

    def write(self, page: list[Document]) -> None:
        """Write one page."""
        self._lines.writerows([[safe_cell(read(document)) for _, _, read in COLUMNS] for document in page])
        self._out.flush()

    def close(self) -> None:
        """Nothing is left."""
        self._out.flush()


class _Encoded:
    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        return self._out.write(text.encode("utf-8", "replace"))


def safe_cell(value: Any) -> str:
    """A value as a cell. Text that a spreadsheet would take for a formula gets a ' in front, as OWASP has it."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    if hasattr(value, "isoformat"):
        return iso(value)
    parts = value if isinstance(value, list) else [value]
    text = SEPARATOR.join(inert(str(part), 1_000_000) for part in parts)
    return unformulated(text)


class Parquet:
    """Columns with types, zstd, a row group a few thousand listings. Needs the extra `parquet`."""

    ROWS = 5000

    def __init__(self, out: BinaryIO) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            expected = "jsonl or csv, or the extra: pip install 'jobimport[parquet]'"
            raise ConfigError("--format", "", "parquet", expected) from error
        self._pyarrow: Any = pyarrow
        kinds: dict[Kind, Any] = {
            "text": pyarrow.string(),
            "texts": pyarrow.list_(pyarrow.string()),
            "number": pyarrow.float64(),
            "whole": pyarrow.int64(),
            "time": pyarrow.timestamp("ms", tz="UTC"),
        }
        self._schema: Any = pyarrow.schema([(name, kinds[kind]) for name, kind, _ in COLUMNS])
        self._writer: Any = pyarrow.parquet.ParquetWriter(out, self._schema, compression="zstd")
        self._rows: list[Document] = []

    def write(self, page: list[Document]) -> None:
        """Gather; a row group is written when it is full."""
        self._rows += page
        if len(self._rows) >= self.ROWS:
            self._flush()

    def _flush(self) -> None:
        columns = [[read(document) for document in self._rows] for _, _, read in COLUMNS]
        self._writer.write_table(self._pyarrow.table(columns, schema=self._schema))
        self._rows = []

    def close(self) -> None:
        """Write the last group and the footer."""
        if self._rows:
            self._flush()
        self._writer.close()


SHEETS: dict[Format, Callable[[BinaryIO], Sheet]] = {"jsonl": JsonLines, "csv": Csv, "parquet": Parquet}


def format_of(path: str) -> Format:
    """The format that a file's name asks for. Raises ConfigError."""
    ending = Path(path).suffix.removeprefix(".")
    for format in FORMATS:
        if format == ending:
            return format
    raise ConfigError("file", "", path, f"a name that ends with {', '.join(f'.{format}' for format in FORMATS)}")


@contextmanager
def opened(path: str | None, format: Format, *, is_new: bool = False) -> Generator[Sheet]:
    """A sheet on stdout, or on a file that appears under its name only when it is whole.

    With `is_new` a file that is there stays. What is no file, such as a pipe, is written into; a link stays one.
    Raises ConfigError for a place that cannot be written to.
    """
    if path is None:
        if format == "parquet" and sys.stdout.isatty():
            raise ConfigError("--output", "", None, "a file: Parquet is not for a terminal")
        with _sheet(format, sys.stdout.buffer) as sheet:
            yield sheet
        return
    target = Path(path).expanduser().resolve()
    if target.is_dir() or (is_new and target.exists()):
        raise ConfigError("file", "", path, "a name that is free" if is_new else "a file, not a folder")
    if target.exists() and not target.is_file():
        with _writable(path):
            into = target.open("wb")
        with into, _sheet(format, into) as sheet:
            yield sheet
        return
    with _writable(path):
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            with _sheet(format, out) as sheet:
                yield sheet
            out.flush()
            os.fsync(out.fileno())
        _name(Path(name), target, is_new=is_new)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _sheet(format: Format, out: BinaryIO) -> Generator[Sheet]:
    """A sheet that is closed when all is well: one that is broken off is to have no proper end."""
    sheet = SHEETS[format](out)
    yield sheet
    sheet.close()


@contextmanager
def _writable(path: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError("file", "", path, f"a place that can be written to ({error.strerror})") from error


def _name(part: Path, target: Path, *, is_new: bool) -> None:
    """Give a whole file its name, readable for its owner alone."""
    if not is_new:
        os.replace(part, target)
        return
    try:
        os.link(part, target)  # a rename would replace what has appeared there meanwhile
    except FileExistsError as error:
        raise ConfigError("file", "", str(target), "a name that is free") from error
    part.unlink()
