"""What is shown: numbers of a bounded width, text cut by cells, nothing that steers a terminal."""

from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from jobimport_tui.display import format as f
from jobimport_tui.display.glyphs import Glyphs
from jobimport_tui.display.html import to_lines
from jobimport_tui.display.text import cut, fit, safe, wrap


@pytest.mark.parametrize(
    ("number", "width", "shown"),
    [
        (None, 7, "-"),
        (0, 7, "0"),
        (1812, 7, "1,812"),
        (12405, 5, "12.4k"),
        (1_234_567, 7, "1.2M"),
        (10**12, 6, "1000G"),
    ],
)
def test_count(number: int | None, width: int, shown: str) -> None:
    assert f.count(number, width) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *[(None, "-"), (0.085, "85ms"), (0.9999, "1.0s"), (4.2, "4.2s"), (9.96, "10s"), (59.4, "59s"), (59.9, "1m00s")],
        *[(312.0, "5m12s"), (3780.0, "1h03m"), (273_600.0, "3d04h"), (10_368_000.0, "120d"), (-3.0, "0ms")],
    ],
)
def test_span(seconds: float | None, shown: str) -> None:
    assert f.span(seconds) == shown
    assert len(shown) <= 6


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (0.04, "0.0"), (36.66, "36.7"), (1204.2, "1,204"), (99_900, "99.9k")]
)
def test_rate(value: float | None, shown: str) -> None:
    assert f.rate(value) == shown


def test_sizes_moments_and_ages() -> None:
    assert [f.size(n) for n in (512, 999, 2_140_000, 999_600, 5 * 10**12)] == [
        "512 B",
        "999 B",
        "2.1 MB",
        "1.0 MB",
        "5.0 TB",
    ]
    assert [f.ago(s) for s in (None, 3, 61, 7300, 900_000)] == ["-", "<1m", "1m", "2h", "10d"]
    assert f.moment(datetime(2026, 11, 23, 14, 32, 7, tzinfo=UTC)) == "2026-11-23 14:32:07"
    assert f.clock(None) == f.moment(None) == f.day(None) == "-"


@pytest.mark.parametrize("text", ["plain", "データエンジニア 東京", "e\u0301" * 9, "👩‍💻 engineer", "", "a" * 50])
@pytest.mark.parametrize("width", [0, 1, 2, 7, 20])
def test_text_takes_the_cells_it_is_given(text: str, width: int) -> None:
    assert cell_len(cut(text, width)) <= width
    assert cell_len(fit(text, width)) == width
    assert cell_len(fit(text, width, "right")) == width


def test_a_number_that_does_not_fit_is_not_cut() -> None:
    assert fit("123456", 4, "right") == "####"


def test_wrap_loses_nothing() -> None:
    text = "a word and averyveryverylongone and 東京東京東京 end"
    lines = wrap(text, 9)
    assert all(cell_len(line) <= 9 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_hostile_text_is_inert() -> None:
    text = safe("\x1b[31mred\x1b]0;title\x07 \u202eevil\u2066 [@click=app.quit]x[/] " + "z" * 10_000)
    assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
    assert len(text) <= 400


def test_description_becomes_lines() -> None:
    html = "<p>One &amp; two</p><ul><li>Python</li><li>\x1b[2J</li></ul><br>three<script>x</script>"
    assert to_lines(html)[:3] == ["One & two", "- Python", "- [2J"]


def test_bars_and_sparks_have_their_width() -> None:
    for glyphs in (Glyphs(), Glyphs(ascii_only=True)):
        for share in (-1, 0, 0.001, 0.5, 0.999, 1, 7):
            assert cell_len(glyphs.bar(share, 10)) == 10
        assert glyphs.bar(0.999, 10) != glyphs.bar(1, 10)
        assert cell_len(glyphs.spark((0.0, 1.0, 5.0), 8)) == 8
        assert glyphs.spark((0.0, 0.0), 2) == glyphs.spark((0.0,), 1) * 2
    assert Glyphs(ascii_only=True).bar(0.37, 10).isascii()


def test_a_state_of_a_newer_version_is_shown_as_it_is() -> None:
    assert str(Glyphs().mark("invented-later")) == "? invented-later"
