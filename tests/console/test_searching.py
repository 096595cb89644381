"""A search in several stretches: what stands there while it goes on, is broken off, or is done again."""

from collections.abc import Awaitable, Callable

import anyio
import pytest

from jobimport_tui.display.format import day
from jobimport_tui.gateway.protocol import ListingQuery, ListingsFound, Refused
from jobimport_tui.screens.listings import ListingsSection
from tests.console.fake import BUSY, ago, down
from tests.console.test_console import Desk, desk

Gate = Callable[[int], Awaitable[None]]


def gated(it: Desk, monkeypatch: pytest.MonkeyPatch, gate: Gate) -> None:
    """Let every question through a gate, which is told its number."""
    search, asked = it.gateway.listings, 0

    async def listings(query: ListingQuery) -> ListingsFound:
        nonlocal asked
        asked += 1
        await gate(asked)
        return await search(query)

    monkeypatch.setattr(it.gateway, "listings", listings)


def section(it: Desk) -> ListingsSection:
    assert isinstance(it.app.screen, ListingsSection)
    return it.app.screen


async def test_it_shows_what_it_has_and_how_far_it_has_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 450 listings a hundred are looked at at a time: 25 of them are Initech's, and a page has fifty."""
    async with desk(section="listings", size=(120, 24)) as it:
        shown: list[str] = []
        it.gateway.stretch = 100

        async def look(_: int) -> None:
            await it.pilot.pause(0.05)
            shown.append(it.text)

        gated(it, monkeypatch, look)
        await it.press("slash", *"initech", "enter")
        assert len(shown) == 2
        assert f"LISTINGS 25 so far, looked back to {day(ago(99 * 7200))} ..." in shown[1]
        assert "Initech" in shown[1] and "Globex" not in shown[1]
        assert "LISTINGS 1-50+ of 450" in it.text


async def test_done_again_it_leaves_rows_and_cursor_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(section="listings", size=(120, 40)) as it:
        it.gateway.stretch = 30
        await it.press("slash", *"initech", "enter", *"j" * 20)
        grid, held = section(it).grid, anyio.Event()
        where = (len(grid.all_rows), grid.cursor)
        await it.press("enter")

        async def second_waits(number: int) -> None:
            if number == 2:
                await held.wait()

        gated(it, monkeypatch, second_waits)
        await it.pilot.press("escape")
        await it.until(lambda: "so far" in it.text)
        assert (len(grid.all_rows), grid.cursor) == where == (50, 20)
        held.set()
        await it.settle()
        assert (len(grid.all_rows), grid.cursor) == where


async def test_one_that_fails_on_a_later_page_begins_on_the_first_when_mongodb_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desk(section="listings", size=(120, 40)) as it:
        await it.press("G", "j")
        assert "LISTINGS 51-100+" in it.text
        it.gateway.stretch = 30

        async def second_fails(number: int) -> None:
            if number == 2:
                raise Refused("mongodb went away")

        gated(it, monkeypatch, second_fails)
        await it.press("slash", *"initech", "enter")
        assert "mongodb went away" in it.text and "so far" not in it.text
        await it.show(down())
        await it.show(BUSY)
        first = next(row for row in it.gateway.jobs if "Initech" in row.company)
        assert section(it).grid.all_rows[0] == first
        assert "LISTINGS 1-50+" in it.text


async def test_what_is_being_asked_while_mongodb_comes_back_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(down(), section="listings", size=(120, 40)) as it:

        async def first_hangs(number: int) -> None:
            if number == 1:
                await anyio.sleep_forever()

        gated(it, monkeypatch, first_hangs)
        await it.pilot.press("r")
        it.gateway.say(BUSY)
        await it.until(lambda: it.app.session.links[1].is_up)
        it.app.paint()
        await it.settle()
        assert "LISTINGS 1-50+ of 450" in it.text


async def test_at_the_end_of_a_list_nothing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(section="listings", size=(120, 40)) as it:
        it.gateway.jobs = it.gateway.jobs[:50] + [job for job in it.gateway.jobs[50:] if "Initech" not in job.company]
        await it.press("slash", *"initech", "enter")
        monkeypatch.setattr(section(it), "page_size", len(section(it).grid.all_rows))
        it.gateway.stretch = 30
        await it.press("G", "j")
        assert "so far" not in it.text and f"LISTINGS 1-{section(it).page_size}" in it.text
