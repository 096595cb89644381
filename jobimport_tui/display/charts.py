"""Columns of some rows' height, one a value: what people would rather look at than read. Also in ASCII."""

from collections.abc import Sequence

from jobimport_tui.display.glyphs import Glyphs

PARTS = {False: "▁▂▃▄▅▆▇█", True: ".:-=+*##"}
TAIL = {False: "░", True: ":"}
NOTHING = {False: "·", True: "."}


def columns(values: Sequence[float | None], height: int, glyphs: Glyphs, *, step: int = 1) -> list[str]:
    """Rows from above to below, `step` cells a value; nothing is a blank, 0 a dot on the ground.

    The highest ends an eighth of a cell below the top: charts one under the other would else grow together.
    """
    top = max((value for value in values if value), default=0.0)
    return [
        "".join(_cell(value, top, row, height, glyphs).ljust(step) for value in values)
        for row in range(height - 1, -1, -1)
    ]


def _cell(value: float | None, top: float, row: int, height: int, glyphs: Glyphs) -> str:
    if value is None:
        return " "
    if not value or not top:
        return " " if row else NOTHING[glyphs.ascii_only]
    eighths = max(1, round(value / top * (height * 8 - 1))) - row * 8
    return " " if eighths <= 0 else PARTS[glyphs.ascii_only][min(8, eighths) - 1]


def ranges(values: Sequence[tuple[float, float] | None], height: int, glyphs: Glyphs, *, step: int = 1) -> list[str]:
    """The same for pairs: full up to the first, shaded from there to the second."""
    top = max((high for pair in values if pair for high in pair), default=0.0)
    full, tail = PARTS[glyphs.ascii_only][-1], TAIL[glyphs.ascii_only]
    rows: list[str] = []
    for row in range(height - 1, -1, -1):
        cells: list[str] = []
        for pair in values:
            low, high = (max(1, round(part / top * height)) if top else 1 for part in pair) if pair else (0, 0)
            cells.append((full if low > row else tail if high > row else " ").ljust(step))
        rows.append("".join(cells))
    return rows
