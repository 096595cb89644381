"""What was shown is kept: an hour in memory, bounded, and a file that survives being cut off."""

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from jobimport_tui.app import ConsoleApp
from jobimport_tui.display.glyphs import Glyphs
from jobimport_tui.gateway.playback import PlaybackGateway
from jobimport_tui.record.files import MAGIC, Recorder, load
from jobimport_tui.record.tape import EVERY_SECONDS, Tape
from jobimport_tui.session import Session
from jobimport_tui.state import Snapshot
from tests.console.fake import BUSY, NOW
from tests.console.test_console import desk
from workers.errors import ConfigError


def at(number: int) -> Snapshot:
    queues = msgspec.structs.replace(BUSY.queues, dead=number, at=NOW + number)
    return msgspec.structs.replace(BUSY, queues=queues)


@given(st.lists(st.floats(0.1, 40), min_size=1, max_size=60), st.data())
def test_any_moment_gives_the_newest_frame_that_is_not_later(steps: list[float], data: st.DataObject) -> None:
    tape, moment, kept = Tape(), NOW, list[tuple[float, int]]()
    for number, step in enumerate(steps):
        moment += step
        if tape.add(moment, at(number)):
            kept.append((moment, number))
    assert all(later[0] - earlier[0] >= EVERY_SECONDS for earlier, later in pairwise(kept))
    asked = data.draw(st.floats(NOW, moment + 50))
    expected = [number for when, number in kept if when <= asked] or [kept[0][1]]
    frame = tape.at(asked)
    assert frame is not None and frame.snapshot.queues.dead == expected[-1]


def test_memory_holds_an_hour_and_no_more() -> None:
    tape = Tape()
    for number in range(5000):
        tape.add(NOW + number * 2, at(number))
    assert tape.last is not None and tape.first is not None
    assert 3600 <= tape.last - tape.first <= 3700
    assert sum(len(packed.data) for packed in tape.packs) < 2**20


def recorded(file: Path, frames: int) -> None:
    recorder = Recorder(file)
    tape = Tape(on_pack=recorder.keep)
    for number in range(frames):
        tape.add(NOW + number * 2, at(number))
    tape.close()
    recorder.close()


def test_a_recording_is_read_back_also_where_it_was_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "night.rec"
    recorded(file, 100)
    assert file.stat().st_mode & 0o777 == 0o600
    tape = load(file)
    assert (tape.first, tape.last) == (NOW, NOW + 198)
    frame = tape.at(NOW + 101)
    assert frame is not None and frame.snapshot.queues.dead == 50
    file.write_bytes(file.read_bytes()[:-10])
    assert load(file).last == NOW + 178
    with pytest.raises(ConfigError, match="a new file"):
        Recorder(file)


@pytest.mark.parametrize("data", [b"", b"something else", MAGIC, MAGIC + b"\0\0\0\x05hello", MAGIC + b"\xff" * 40])
def test_what_is_no_recording_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "x"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match="--play"):
        load(file)
    with pytest.raises(ConfigError, match="can be read"):
        load(tmp_path / "absent")


async def test_brackets_walk_through_the_last_hour() -> None:
    async with desk() as it:
        for number in range(1, 40):
            it.clock.now = NOW + number * 2
            await it.show(at(number))
        it.clock.now += 1
        await it.press("left_square_bracket", "left_square_bracket")
        assert "as it was at 14:33:05Z" in it.lines[0]
        assert "3 Failed 29" in it.text
        await it.press("right_square_bracket")
        assert "3 Failed 34" in it.text
        await it.press("colon", *"at 14:32:20", "enter")
        assert "3 Failed 6" in it.text
        await it.press("p")
        assert "3 Failed 39" in it.text and "live again" in it.lines[0]
        await it.press("colon", *"at noon", "enter")
        assert "expected a time of day" in it.lines[0]


async def until(pilot: Pilot[int], app: ConsoleApp, dead: int) -> None:
    for _ in range(200):
        if app.session.snapshot.queues.dead == dead:
            return
        await pilot.pause(0.02)
    raise AssertionError(app.session.snapshot.queues.dead)


async def test_a_recording_plays_steps_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "night.rec"
    recorded(file, 100)
    player = PlaybackGateway(load(file))
    player.is_playing = False
    session = Session(player, clock=player.clock, glyphs=Glyphs(), read_only=True)
    app = ConsoleApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app, 0)
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(pilot, app, 10)
        player.is_playing, player.speed = True, 256.0
        await until(pilot, app, 99)  # it stands still at its end
        await pilot.press("i")
        assert session.notice is None or "read-only" in session.notice.text
        await pilot.press("4")
        await pilot.pause(0.1)
        assert "this is a recording" in app.screen.problem  # type: ignore[attr-defined]
