"""A feed becomes a source after four questions, a key is changed after one; what cannot be is refused first."""

from typing import Any

import msgspec
import pytest

from tests.console.fake import BUSY, LOOK, FakeGateway, down
from tests.console.test_console import Desk, desk


def sent(it: Desk, *names: str) -> list[tuple[Any, ...]]:
    return [asked for asked in it.gateway.asked if asked[0] in names]


URL = "https://boards.greenhouse.io/acme/jobs"


async def test_an_address_is_looked_at_asked_about_and_becomes_a_source() -> None:
    async with desk(section="sources") as it:
        await it.press("A", *URL, "enter")
        assert sent(it, "look") == [("look", URL)]
        assert "greenhouse: 214 listings, 2 rejected (no_title)" in it.text
        assert "Engineer 9" in it.text and "... and 204 more" in it.text
        assert "no listing has company" in it.text
        assert it.lines[-1].startswith(" name, a-z 0-9 and -: acme")
        await it.press("enter", "enter", "enter")
        assert it.lines[-1].startswith(" company, which the feed does not name: Acme")
        await it.press("enter")
        assert "Write source acme?" in it.lines[-1] and not sent(it, "create")
        await it.press("y")
        assert sent(it, "create") == [("create", LOOK.draft)]
        assert "acme.toml written; imported now, then 14:41Z" in it.lines[0]
        await it.press("W")
        assert len(sent(it, "create")) == 1  # it is written already


async def test_an_answer_that_cannot_be_is_asked_for_again_and_escape_writes_nothing() -> None:
    async with desk(section="sources") as it:
        await it.press("colon", *f"add {URL}", "enter")
        for key, wrong, told in (
            ("name", "jobicy", "there is a source jobicy already"),
            ("name", "Not This", "expected 1 to 64 characters"),
        ):
            await it.press("ctrl+u", *wrong, "enter")
            assert told in it.lines[0] and it.lines[-1].startswith(f" {key}")
        await it.press("ctrl+u", *"acme-2", "enter")
        await it.press("ctrl+u", *"whole", "enter")
        assert "expected one of snapshot, window, query" in it.lines[0]
        await it.press("ctrl+u", *"window", "enter", "ctrl+u", *"every day", "enter")
        assert "expected five cron fields" in it.lines[0]
        await it.press("escape")
        assert "nothing written" in it.lines[0] and not sent(it, "create")
        await it.press("W", "enter", "enter", "ctrl+u", *"never", "enter", "enter", "y")
        draft = sent(it, "create")[0][1]
        assert (draft.name, draft.kind, draft.schedule) == ("acme-2", "window", "never")


async def test_a_feed_that_cannot_be_read_says_why_and_makes_no_source() -> None:
    async with desk(section="sources") as it:
        it.gateway.refusal = "NotAFeed: the page is HTML"
        await it.press("A", *URL, "enter")
        assert "NotAFeed: the page is HTML" in it.text and "W write" not in it.text
        await it.press("W")
        assert "nothing to make a source of" in it.lines[0]


async def test_a_source_is_read_again_and_compared_and_a_read_only_console_may_look() -> None:
    async with desk(section="sources", read_only=True) as it:
        await it.press("t")
        assert [name for name, *_ in sent(it, "test")] == ["test"]
        assert "RUN 1198" in it.text and "in the last run in 100%" in it.text
        await it.press("escape", "colon", *f"preview {URL}", "enter")
        assert "read-only: W is not here" in it.text
        await it.press("W")
        assert not sent(it, "create")


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (120, 40)])
async def test_looking_and_editing_fit_every_size(size: tuple[int, int]) -> None:
    async with desk(section="sources", size=size) as it:
        for keys in (("t",), ("escape", "E"), ("enter", "escape", "escape")):
            await it.press(*keys)
            assert "JOBIMPORT" in it.lines[0]


async def test_a_key_of_a_source_is_changed_after_it_was_checked() -> None:
    async with desk(section="sources") as it:
        await it.press("E")
        assert "https://jobicy.example/feed" in it.text and "window" in it.text
        await it.press("j", "enter", "ctrl+u", *"whole", "enter")
        assert 'expected one of "snapshot", "window",' in it.text and not sent(it, "set_key")
        await it.press("ctrl+u", *"snapshot", "enter")
        assert "expected one of" not in it.text
        assert "kind = 'snapshot'?" in it.lines[-1]
        await it.press("y")
        source = sent(it, "source_file")[0][1]
        assert sent(it, "set_key") == [("set_key", source, "kind", "snapshot")]
        assert "snapshot" in it.text and "kind is snapshot" in it.lines[0]
        await it.press("enter", "enter")
        assert "left as it was" in it.lines[0]
        await it.press("colon", *"set company Acme", "enter", "n")
        assert len(sent(it, "set_key")) == 1


async def test_nothing_is_changed_where_a_server_is_away() -> None:
    async with desk(section="sources") as it:
        await it.press("E")
        await it.show(down())
        await it.press("enter")
        assert "is down" in it.lines[0]
        await it.press("escape", "A")
        assert "is down" in it.lines[0]


async def test_what_a_run_held_back_is_approved_after_its_number_was_typed_and_ten_seconds() -> None:
    held = msgspec.structs.replace(BUSY.runs.recent[0], held="half is missing")
    busy = msgspec.structs.replace(BUSY, runs=msgspec.structs.replace(BUSY.runs, recent=(held, *BUSY.runs.recent[1:])))
    async with desk(busy, section="runs") as it:
        gateway: FakeGateway = it.gateway
        await it.press("colon", *f"approve {held.id}", "enter")
        assert f"jobimport runs approve {held.id}" in it.text
        await it.press("1", "enter")
        await it.later(11)
        assert [asked for asked in gateway.asked if asked[0] == "approve"] == [("approve", held.id)]
