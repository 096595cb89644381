"""A run beside those before it."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jobimport_tui import compare
from jobimport_tui.fingerprint import of_letters
from tests.console.fake import BUSY, NOW, ended
from tests.console.test_console import desk
from workers.model import Stats


def test_this_before_and_median() -> None:
    earlier = [replace(ended(0), stats=Stats(total=total)) for total in (100, 300, 200)]
    row = compare.counts(replace(ended(0), stats=Stats(total=90)), earlier)[0]
    assert (row.name, row.this, row.before, row.usual) == ("total", 90, 100, 200)
    assert compare.counts(ended(0), [])[0].usual is None


@given(st.lists(st.integers(0, 10_000), max_size=40), st.integers(0, 10_000))
def test_only_a_feed_that_is_far_below_its_median_has_shrunk(totals: list[int], total: int) -> None:
    earlier = [replace(ended(0), stats=Stats(total=one)) for one in totals]
    told = compare.shrinkage(replace(ended(0, state="succeeded"), stats=Stats(total=total)), earlier)
    usual = compare.counts(ended(0), earlier)[0].usual
    assert bool(told) == (len(totals) >= compare.LEAST and usual is not None and 0 < usual * compare.SHRUNK > total)


async def test_a_run_shows_its_predecessor_and_a_source_its_charts() -> None:
    async with desk(section="runs") as it:
        await it.press("j", "j", "j", "enter")
        assert "BEFORE" in it.text and "MEDIAN 14" in it.text
    async with desk(section="sources", size=(120, 40)) as it:
        assert "LAST 14 RUNS" in it.text
        await it.press("enter")
        assert "WHOLE RUNS" in it.text and "p95" in it.text and "most" in it.text


def test_a_message_is_told_in_full_where_all_say_the_same_and_without_the_address_in_front() -> None:
    def told(*errors: str) -> str:
        like = BUSY.failed.rows[0]
        letters = [replace(like, id=str(n), source="a", kind="k", error=error) for n, error in enumerate(errors)]
        (group,) = of_letters(letters, NOW)
        return group.told

    gone = "http://a.example/f answered 404: expected 200"
    assert told(gone, gone) == "answered 404: expected 200"
    assert told(gone, gone.replace("404", "503")) == "answered N: expected N"
    assert told("http://a.example/f") == "http://a.example/f"
