"""A run beside the runs before it."""

from tests.unit.analysis.making import ended
from workers.analysis.compare import compare
from workers.model import Run, Stats


def before(count: int = 20) -> list[Run]:
    return [ended(n, total=1000 + n, took=10 + n, fill={"title": 1.0, "salary": 0.5}) for n in range(1, count + 1)]


def test_figures_of_now_of_the_run_before_and_of_the_median_of_14():
    now = ended(30, stats=Stats(total=1010, new=10, unchanged=1000), took=60, fill={"title": 1.0, "salary": 0.5})
    compared = compare(now, [*before(), ended(21, "unchanged", 0), ended(22, "failed", 0), ended(31)])
    figures = {figure.name: (figure.now, figure.before, figure.usual) for figure in compared.figures}
    assert (compared.before, compared.runs, compared.odd) == (20, 14, ())
    assert figures["total"] == (1010, 1020, 1013.5)
    assert figures["new"] == (10, 0, 0)
    assert figures["took"] == (60, 30, 23.5)
    assert figures["fill.salary"] == (0.5, 0.5, 0.5)


def test_a_feed_that_shrinks_in_silence_is_flagged():
    now = ended(30, total=500, fill={"title": 1.0})
    assert compare(now, before()).odd == (
        "500 listings, usually 1,014 (give or take 5)",
        "salary is filled in 0% of the listings, usually in 50%",
    )
    assert compare(now, before(4)).odd == ()


def test_a_run_without_figures_is_not_compared():
    assert compare(ended(30, "unchanged", 0), before()).figures == ()
    assert compare(ended(30, "failed", 0), before()).figures == ()
    first = compare(ended(1), [])
    assert (first.before, first.runs, first.figures) == (None, 0, ())
