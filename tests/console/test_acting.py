"""Acting on one and on many: planned, typed, held for ten seconds, sent one by one, and told."""

from typing import Any

import msgspec
import pytest

from jobimport_tui.fingerprint import Group
from jobimport_tui.formulas import FORMULA
from jobimport_tui.screens.selecting import as_csv
from jobimport_tui.state import Dead
from jobimport_tui.widgets.grid import Column, Grid
from tests.console.fake import BUSY, NOW, FakeGateway, down
from tests.console.test_console import Desk, desk


def sent(it: Desk, *names: str) -> list[tuple[Any, ...]]:
    return [asked for asked in it.gateway.asked if asked[0] in names]


async def test_a_bulk_requeue_shows_its_plan_and_waits_ten_seconds_after_the_number_was_typed() -> None:
    async with desk(section="failed") as it:
        await it.press("asterisk", "R")
        assert "REQUEUE 12 dead letters; oldest 2h24m, newest 1m00s" in it.text
        assert "same as: jobimport failed requeue --all" in it.text
        await it.press(*"11", "enter")
        assert "left as it was: 12 was not typed" in it.lines[0]
        await it.press("asterisk", "R", *"12", "enter")
        assert "not sent yet, 10 s to undo (U): requeue 12 dead l" in it.lines[0]
        await it.later(9)
        assert not sent(it, "requeue")
        await it.later(2)
        assert [key for _, key in sent(it, "requeue")] == [letter.id for letter in BUSY.failed.rows]
        assert "requeue: 12 of 12 dead letters done" in it.lines[0]


async def test_what_is_taken_back_was_never_sent() -> None:
    async with desk(section="failed") as it:
        await it.press("X", "y", "U")
        assert "undone: discard dead letter" in it.lines[0]
        await it.later(20)
        assert not sent(it, "discard")
        await it.press("U")
        assert "nothing to undo" in it.lines[0]


async def test_all_that_fit_the_filter_are_meant_also_beyond_those_that_are_known_here() -> None:
    older = [msgspec.structs.replace(d, id=f"17950000{i:05d}-0") for i, d in enumerate(BUSY.failed.rows)]
    gateway_letters = (*BUSY.failed.rows, *older)
    crowd = msgspec.structs.replace(BUSY, failed=msgspec.structs.replace(BUSY.failed, total=len(gateway_letters)))
    async with desk(crowd, section="failed") as it:
        it.gateway.every_letter = gateway_letters
        await it.press("slash", *"remotive", "enter", "asterisk")
        assert "and what fits of 12 older" in it.lines[0]
        it.gateway.rejects = ()
        it.app.screen._rejected = ()  # type: ignore[attr-defined]
        await it.press("X")
        expected = [letter.id for letter in gateway_letters if letter.source == "remotive"]
        assert f"DISCARD {len(expected)} dead letters" in it.text
        assert "jobimport failed discard --all --source remotive" in it.text
        await it.press(*str(len(expected)), "enter")
        await it.later(11)
        assert sorted(key for _, key in sent(it, "discard")) == sorted(expected)


async def test_one_refusal_of_many_is_told_and_a_dead_server_stops_the_rest() -> None:
    class Half(FakeGateway):
        async def requeue(self, letter_id: str) -> str:
            self.refusal = "run 7 has read it since" if len(sent(it, "requeue")) >= 3 else ""
            return await super().requeue(letter_id)

    async with desk(section="failed") as it:
        half = Half()
        half.asked = it.gateway.asked
        it.app.session.gateway = half
        await it.press("asterisk", "R", *"12", "enter")
        await it.later(11)
        assert "requeue: 3 of 12 dead letters done, 9 not: run 7 has read it since" in it.app.session.notice.text

        it.app.session.gateway = it.gateway
        it.gateway.asked.clear()
        await it.press("asterisk", "R", *"12", "enter")
        it.app.session.receive(down())
        await it.later(11)
        assert not sent(it, "requeue") and "redis is down" in it.app.session.notice.text


async def test_marks_ranges_and_members() -> None:
    async with desk(section="failed", size=(120, 40)) as it:
        groups: Grid[Group] = it.app.screen.query(Grid).first()
        await it.press("space", "j", "v")
        assert len(groups.marked_rows()) == 3
        await it.press("u")
        assert not groups.marked_rows()
        await it.press("enter", "R")
        assert it.lines[-1].startswith(" Requeue dead letter")
        await it.press("y")
        await it.later(11)
        assert len(sent(it, "requeue")) == 1


async def test_a_pause_is_sent_at_once_and_undone_by_its_inverse() -> None:
    async with desk() as it:
        it.app.screen.query_one("#lanes").focus()
        await it.press("j", "P", "y")
        assert sent(it, "pause", "resume") == [("pause", "upsert:high")]
        await it.press("U")
        assert sent(it, "pause", "resume") == [("pause", "upsert:high"), ("resume", "upsert:high")]
        await it.press("G", "P")
        assert "Resume lane or source close?" in it.lines[-1]  # it is paused already
        await it.press("escape", "colon", *"pause jobicy", "enter", "y")
        assert ("pause", "source:jobicy") in it.gateway.asked


async def test_workers_are_quieted_at_once_and_stopped_after_their_number_was_typed() -> None:
    async with desk(section="workers") as it:
        await it.press("Q", "y")
        assert sent(it, "order") == [("order", "host-0:4700", "quiet")]
        await it.press("T", "y", "enter")
        assert "1 was not typed" in it.lines[0]
        await it.press("T", "1", "enter")
        await it.later(11)
        assert sent(it, "order")[-1] == ("order", "host-0:4700", "stop")
        quiet = [msgspec.structs.replace(worker, order="quiet") for worker in BUSY.workers.rows]
        await it.show(msgspec.structs.replace(BUSY, workers=msgspec.structs.replace(BUSY.workers, rows=tuple(quiet))))
        await it.press("Q", "y")
        assert sent(it, "order")[-1] == ("order", "host-0:4700", "work")


async def test_sources_are_switched_and_removed() -> None:
    async with desk(section="sources") as it:
        await it.press("O", "y")
        assert sent(it, "set_enabled") == [("set_enabled", "wpjobs-demo", False)]
        await it.press("colon", *"enable arbeitnow", "enter", "y")
        assert sent(it, "set_enabled")[-1] == ("set_enabled", "arbeitnow", True)
        await it.press("X", "1", "enter", "q")
        assert "again leaves without it, U undoes it" in it.lines[0]
        await it.later(11)
        assert sent(it, "remove_source") == [("remove_source", "wpjobs-demo")]


async def test_rejected_listings_are_tried_again_by_their_run() -> None:
    async with desk(section="failed") as it:
        await it.press("slash", *"no title", "enter", "R", "y")
        assert sent(it, "retry_rejects") == [("retry_rejects", 1198)]


@pytest.mark.parametrize("keys", [("K",), ("colon", *"cancel 1201", "enter")])
async def test_a_cancel_is_held_too(keys: tuple[str, ...]) -> None:
    async with desk(section="runs") as it:
        await it.press(*keys)
        await it.press("y")
        await it.later(11)
        assert len(sent(it, "cancel")) == 1


async def test_errors_only_columns_matches_and_copies() -> None:
    async with desk(section="workers") as it:
        copied: list[str] = []
        it.app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
        await it.press("z")
        assert "host-0:4700" not in it.text and "host-1:4701" in it.text
        await it.press("z", "y", "c")
        assert copied == ["host-0:4700", "jobimport workers list"]
        await it.press("Y")
        assert '"id":"host-0:4700"' in copied[-1]
        await it.press(*"lllllll")
        assert "LANES" in it.lines[2]
        await it.press("slash", *"host-3", "enter", "escape", "n")
        assert it.app.screen.query(Grid).first().selected.id == "host-3:4703"


async def test_what_was_typed_comes_back_and_the_palette_does_what_keys_do() -> None:
    async with desk() as it:
        await it.press("colon", *"workers", "enter", "1", "colon", "up", "enter")
        assert "[5 Workers]" in it.lines[1]
        await it.press("ctrl+p", *"section runs", "enter")
        assert "[2 Runs]" in it.lines[1]


async def test_an_export_writes_a_new_file_and_never_an_old_one(tmp_path: Any) -> None:
    file = tmp_path / "letters.csv"
    async with desk(section="failed") as it:
        await it.press("colon", *f"export {file}", "enter")
        await it.until(file.exists)
        assert file.read_text().startswith("GROUP,SOURCE,COUNT")
        await it.press("colon", *f"export {file}", "enter")
        await it.until(lambda: "File exists" in it.lines[0])
        await it.press("colon", *"export x.pdf", "enter")
        assert "expected a name that ends" in it.lines[0]


def test_what_a_spreadsheet_would_run_is_quoted() -> None:
    columns = [Column[str]("A", 5, lambda row: row)]
    for cell in (
        "=HYPERLINK()",
        "+1",
        "@x",
        "-cmd|calc",
        "|cmd",
        "%x",
        *(f"{sign}1" for sign in FORMULA if sign != "-"),
    ):
        assert as_csv(columns, [cell]) == f"A\n'{cell}\n"
    assert as_csv(columns, ["-1,204", "plain", "-"]) == 'A\n"-1,204"\nplain\n-\n'


async def test_groups_tell_what_is_new_since_the_section_was_left() -> None:
    async with desk(section="failed") as it:
        assert " new " not in it.text
        await it.press("1", "3")
        fresh: Dead = msgspec.structs.replace(BUSY.failed.rows[0], id="9999999999999-0", kind="oops", at=NOW + 5)
        it.clock.now += 6
        rows = (fresh, *BUSY.failed.rows)
        await it.show(msgspec.structs.replace(BUSY, failed=msgspec.structs.replace(BUSY.failed, rows=rows, total=13)))
        assert [line for line in it.lines if "oops" in line and " new " in line]
