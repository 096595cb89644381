"""Looking back: the view is frozen, or shows what it showed at another time."""

from jobimport_tui.display.format import time_of_day
from jobimport_tui.session import Session

STEP_SECONDS = 10.0


class Travelling:
    """What every screen can do with the time that it shows."""

    session: Session

    def say(self, text: str, tone: str = "") -> None:
        """Put a notice into the status row."""
        raise NotImplementedError

    def paint(self) -> None:
        """Bring every line up to date."""
        raise NotImplementedError

    def do_freeze(self, _: str) -> None:
        """Freeze the view, or let it go on."""
        is_frozen = self.session.freeze()
        self.say("frozen: p lets it go on" if is_frozen else "live again")
        self.paint()

    def do_earlier(self, _: str) -> None:
        """Ten seconds back."""
        self._travel(-STEP_SECONDS)

    def do_later(self, _: str) -> None:
        """Ten seconds on."""
        self._travel(STEP_SECONDS)

    def _travel(self, seconds: float) -> None:
        self.say(self.session.travel(seconds))
        self.paint()

    def do_at(self, argument: str) -> None:
        """Go to a time of day: the last time it was that."""
        moment = time_of_day(argument, self.session.clock())
        if moment is None:
            self.say(f"at {argument!r}: expected a time of day, as in `:at 14:31`", "warn")
            return
        self.say(self.session.travel_to(moment))
        self.paint()
