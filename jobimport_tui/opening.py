"""Put a console together, open it, and keep what is to be kept when it is left."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from jobimport_tui import preferences, registry
from jobimport_tui.app import ConsoleApp
from jobimport_tui.display.capabilities import capabilities
from jobimport_tui.display.glyphs import Glyphs
from jobimport_tui.display.terminal import Terminal
from jobimport_tui.gateway.late import LateGateway
from jobimport_tui.gateway.playback import PlaybackGateway
from jobimport_tui.gateway.protocol import Gateway
from jobimport_tui.preferences import Preferences
from jobimport_tui.record.files import Recorder
from jobimport_tui.record.files import load as load_recording
from jobimport_tui.record.tape import Tape
from jobimport_tui.session import Session
from workers.errors import ConfigError

if TYPE_CHECKING:
    from workers.settings import Config


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """How it is to be opened. `record` and `play` are files; what is played can change nothing."""

    section: str = "queues"
    filter: str = ""
    read_only: bool = False
    record: str = ""
    play: str = ""


class Opened:
    """A console and what belongs to it. Raises ConfigError for a recording that cannot be used."""

    def __init__(self, config: "Config", how: Opening, terminal: Terminal | None, file: Path | None = None) -> None:
        self.file = file or preferences.file_of_user()
        self.before, self.problem = _preferences(self.file)
        kept: Preferences = msgspec.json.decode(msgspec.json.encode(self.before), type=Preferences)
        if how.filter:
            kept.of(how.section).filter = how.filter
        registry.use_keys(kept.keys)
        self.recorder = Recorder(Path(how.record)) if how.record else None
        self.app = _app(config, how, kept, Tape(on_pack=self.recorder.keep if self.recorder else None), terminal)
        if self.problem:
            self.app.session.say(self.problem, "warn")

    def close(self) -> str:
        """Keep preferences and recording; returns what could not be kept, "" for nothing."""
        session, problems = self.app.session, [self.problem]
        if self.recorder is not None:
            session.tape.close()
            self.recorder.close()
            problems.append(self.recorder.problem)
        kept = msgspec.structs.replace(session.preferences.pruned(), seen=session.looked_at)
        if not self.problem and kept != self.before:
            try:
                preferences.save(self.file, kept)
            except ConfigError as error:
                problems.append(str(error))
        return "; ".join(filter(None, problems))


def _preferences(file: Path) -> tuple[Preferences, str]:
    try:
        return preferences.load(file), ""
    except ConfigError as error:
        return Preferences(), f"{error}; defaults are used"


def _app(config: "Config", how: Opening, kept: Preferences, tape: Tape, terminal: Terminal | None) -> ConsoleApp:
    can = capabilities(os.environ, getattr(sys.__stdout__, "encoding", None), config.settings.console)
    player = PlaybackGateway(load_recording(Path(how.play))) if how.play else None

    def live() -> Gateway:
        from jobimport_tui.gateway.live import LiveGateway

        return LiveGateway(config, clock=time.time)

    session = Session(
        player or cast("Gateway", LateGateway(live)),
        clock=player.clock if player else time.time,
        glyphs=Glyphs(ascii_only=can.ascii_only),
        read_only=how.read_only or player is not None,
        environment=config.settings.console.environment,
        preferences=kept,
        tape=tape,
    )
    return ConsoleApp(session, section=how.section, filter=how.filter, terminal=terminal, can=can)


def run_console(config: "Config", how: Opening) -> tuple[int, str]:
    """Open the console and block until it is left; returns the exit code, and what could not be kept.

    Raises what ended it, if that was a mistake of ours.
    """
    with Terminal((signal.SIGHUP, signal.SIGTERM)) as terminal:
        opened = Opened(config, how, terminal)
        answer = opened.app.run(mouse=opened.app.can.mouse)
        problem = opened.close()
    return _code(opened.app, answer), problem


async def console(config: "Config") -> int:
    """The same inside a running event loop: `jobimport demo` keeps its servers beside it."""
    with Terminal() as terminal:
        opened = Opened(config, Opening(), terminal)
        answer = await opened.app.run_async(mouse=opened.app.can.mouse)
        opened.close()
    return _code(opened.app, answer)


def _code(app: ConsoleApp, answer: int | None) -> int:
    if app.fault is not None:
        raise app.fault
    return 1 if answer is None else answer
