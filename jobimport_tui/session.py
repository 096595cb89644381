"""What every screen shares: the gateway, the clock, the snapshot that is shown, and the notice in the status row."""

from collections.abc import Callable

import msgspec

from jobimport_tui.display.format import clock as clock_of
from jobimport_tui.display.glyphs import Glyphs
from jobimport_tui.gateway.protocol import Gateway, Player
from jobimport_tui.holding import Holding
from jobimport_tui.preferences import Preferences
from jobimport_tui.record.tape import Tape
from jobimport_tui.state import Link, Snapshot, Worker

NOTICE_SECONDS = 6.0
SILENT_SECONDS = 15.0
"""A worker that has not been heard of for a lease is silent: its work restarts elsewhere."""

SKEW_SECONDS = 5.0
"""Clocks that differ by more make ages a lie, and are said to."""

STALE_SECONDS = 5.0
"""Data older than this is dimmed and shows its age."""


class Notice(msgspec.Struct, frozen=True):
    """A word to the operator, in the status row until a moment."""

    text: str
    tone: str
    until: float


def silence(known: Snapshot, worker: Worker) -> float | None:
    """Seconds that a worker had not been heard of when Redis last answered. None where that tells nothing of it.

    While Redis is away nobody hears of anybody; and until a lease after its return a beat may be on its way.
    """
    asked, back = known.workers.at, known.redis.back_at
    if asked is None:
        return None
    if back is not None and asked - back <= SILENT_SECONDS and worker.beat_at <= back:
        return None
    return max(0.0, asked - worker.beat_at)


def is_silent(known: Snapshot, worker: Worker) -> bool:
    """Whether a worker is known to be silent."""
    return (silence(known, worker) or 0.0) > SILENT_SECONDS


class Session:
    """One console. `clock` gives seconds since the epoch; tests and replays bring their own."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        clock: Callable[[], float],
        glyphs: Glyphs,
        read_only: bool = False,
        environment: str = "",
        preferences: Preferences | None = None,
        tape: Tape | None = None,
    ) -> None:
        self.gateway, self.clock, self.glyphs = gateway, clock, glyphs
        self.player = gateway if isinstance(gateway, Player) else None  # asked once: a protocol's isinstance is slow
        self.read_only, self.environment = read_only, environment
        self.snapshot = Snapshot()
        self.frozen_at: float | None = None
        self.notice: Notice | None = None
        self.holding = Holding(clock)
        self._countdown: Notice | None = None
        self.is_sending = self.stops_sending = False
        self.preferences = preferences or Preferences()
        self.looked_at = dict(self.preferences.seen)
        self.tape = tape or Tape()
        self.typed: dict[str, list[str]] = {}  # what was typed before, by what was asked
        self.rtt: float | None = None  # seconds to the terminal and back, where it answers
        self._latest = self.snapshot

    def receive(self, snapshot: Snapshot) -> bool:
        """Take the newest snapshot; False while the view is frozen: the links and their banner go on."""
        self._latest = snapshot
        if self.player is None:
            self.tape.add(self.clock(), snapshot)
        if self.frozen_at is None:
            self.snapshot = snapshot
        return self.frozen_at is None

    def freeze(self) -> bool:
        """Freeze the view, or let it go on; returns whether it is frozen now. A recording is held, or played on."""
        if self.player is not None:
            self.player.is_playing = not self.player.is_playing
            return not self.player.is_playing
        self.frozen_at = self.clock() if self.frozen_at is None else None
        if self.frozen_at is None:
            self.snapshot = self._latest
        return self.frozen_at is not None

    def travel(self, seconds: float) -> str:
        """Show what was shown so much earlier or later; returns what to say. Past the end it is live again."""
        return self.travel_to((self.clock() if self.frozen_at is None else self.frozen_at) + seconds)

    def travel_to(self, moment: float) -> str:
        """Show what was shown at a moment, as far as the memory goes: an hour, or the recording."""
        if self.player is not None:
            return f"at {clock_of(self.player.seek(moment))}Z of the recording"
        last, first = self.tape.last, self.tape.first
        if last is None or first is None or moment > last:
            self.frozen_at, self.snapshot = None, self._latest
            return "live again"
        frame = self.tape.at(max(first, moment))
        if frame is not None:
            self.frozen_at, self.snapshot = frame.at, frame.snapshot
        end = ", the oldest that is remembered" if moment <= first else ""
        return f"as it was at {clock_of(self.frozen_at)}Z{end}: [ ] go on, p is live again"

    @property
    def links(self) -> tuple[Link, Link]:
        """Both servers as they are, also while the view is frozen."""
        return self._latest.redis, self._latest.mongodb

    @property
    def down(self) -> tuple[Link, ...]:
        """The servers that do not answer."""
        return self._latest.down

    @property
    def unattended(self) -> int:
        """How many messages wait while no worker process lives; 0 while one does, or Redis cannot say."""
        redis, seen = self._latest.redis, self._latest.workers
        if not redis.is_up or seen.at is None:
            return 0
        if any(not is_silent(self._latest, worker) for worker in seen.rows):
            return 0
        return sum(lane.waiting for lane in self._latest.queues.lanes)

    @property
    def skew(self) -> float:
        """Seconds that this machine's clock is ahead of Redis's, where that makes ages wrong; else 0."""
        queues = self._latest.queues
        return queues.skew_s if queues.at is not None and abs(queues.skew_s) >= SKEW_SECONDS else 0.0

    @property
    def strangers(self) -> list[str]:
        """The versions of living workers that are not this console's."""
        living = (worker for worker in self._latest.workers.rows if not is_silent(self._latest, worker))
        return sorted({worker.version for worker in living if worker.version})

    def seen(self, what: str) -> float | None:
        """When something was last looked at; None for never."""
        return self.looked_at.get(what)

    def has_seen(self, what: str) -> float:
        """It was looked at until now."""
        self.looked_at[what] = self.clock()
        return self.looked_at[what]

    @property
    def is_ageing(self) -> bool:
        """Whether something on the screen changes by the clock alone: a run in flight, or data that grows old."""
        shown = self.snapshot
        return bool(shown.runs.flights or self.down) or self.is_stale(shown.queues.at) or self.is_stale(shown.runs.at)

    def say(self, text: str, tone: str = "") -> None:
        """Put a notice into the status row."""
        self.notice = Notice(text, tone, self.clock() + NOTICE_SECONDS)

    def say_what_is_held(self) -> None:
        """Count down what may still be undone, while nothing else is to be read."""
        text = self.holding.notice()
        if text and self.current_notice() in (None, self._countdown):
            self.say(text, "warn")
            self._countdown = self.notice

    def current_notice(self) -> Notice | None:
        """The notice, while it lasts."""
        if self.notice is not None and self.clock() >= self.notice.until:
            self.notice = None
        return self.notice

    def refusal(self) -> str:
        """Why nothing can be changed now; "" when it can."""
        if self.read_only:
            return "this console is read-only"
        for link in self.links:
            if not link.is_up:
                return f"refused: {link.service} is down ({link.reason})" if link.reason else f"{link.service}: not yet"
        return ""

    def age(self, at: float | None) -> float | None:
        """Seconds since a moment, None for none. A frozen view does not age."""
        now = self.clock() if self.frozen_at is None else self.frozen_at
        return None if at is None else max(0.0, now - at)

    def is_stale(self, at: float | None) -> bool:
        """Whether data of a moment is too old to look live."""
        age = self.age(at)
        return age is not None and age > STALE_SECONDS

    def is_cut_off(self, at: float | None) -> bool:
        """The same for what is read every nine seconds where all is quiet: workers, dead letters.

        What is not news is not old while Redis answers.
        """
        return not self.snapshot.redis.is_up and self.is_stale(at)
