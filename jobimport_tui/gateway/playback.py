"""A gateway that shows a recording: it publishes what was shown, and can do nothing."""

from typing import Any, NoReturn

import anyio

from jobimport_tui.gateway.protocol import Publish, Refused
from jobimport_tui.record.tape import Tape

STEP = 0.5
SLOWEST, FASTEST = 0.25, 256.0


class PlaybackGateway:
    """Plays a tape; `clock` is the tape's time, for everything that shows an age."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.position = tape.first or 0.0
        self.speed = 1.0
        self.is_playing = True
        self._moved = anyio.Event()

    def clock(self) -> float:
        """The moment that is shown."""
        return self.position

    async def run(self, publish: Publish) -> None:
        """Publish what was shown, and go on, until cancelled; at the end of the tape it stands still."""
        while True:
            try:
                frame = self.tape.at(self.position)
            except ValueError as error:
                raise Refused(f"the recording is damaged here: {error}") from error
            if frame is not None:
                publish(frame.snapshot)
            self._moved = anyio.Event()
            with anyio.move_on_after(STEP):
                await self._moved.wait()
                continue
            if self.is_playing:
                self.position = min(self.tape.last or 0.0, self.position + STEP * self.speed)

    def seek(self, moment: float) -> float:
        """Go to a moment, as far as the tape reaches; returns it."""
        self.position = min(max(moment, self.tape.first or 0.0), self.tape.last or 0.0)
        self._moved.set()
        return self.position

    def pace(self, factor: float) -> float:
        """Play faster (a factor below 1) or slower."""
        self.speed = min(FASTEST, max(SLOWEST, self.speed / factor))
        return 1.0 / self.speed

    def refresh(self) -> None:
        """There is nothing else to read."""

    async def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise Refused("this is a recording: only what the sections showed is in it")

    runs = run_detail = listings = count_listings = complete = export = watch = looked = unwatch = listing = _refuse
    import_source = cancel = requeue = discard = pause = resume = order = _refuse
    look = test_source = create_source = source_file = check_key = set_key = approve = days = _refuse
    set_enabled = remove_source = verify = retry_rejects = rejected = letters = runs_of = _refuse
