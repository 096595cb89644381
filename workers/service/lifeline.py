"""Ends of processes: with the parent, and when the loop is stuck."""

import ctypes
import logging
import os
import signal
import threading
import time

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1

STUCK_EXIT = 70
"""EX_SOFTWARE: the process manager sees a dead child and starts another."""


def die_with_parent(expected: int) -> None:
    """Have the kernel kill this process when its parent dies; at once if that has happened already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != expected:
        os._exit(STUCK_EXIT)


class Watchdog:
    """Ends the process when `beat` has not been called for `silence` seconds: the loop is stuck."""

    def __init__(self, silence: float = 10.0) -> None:
        self._silence = silence
        self._last = time.monotonic()
        self._stopped = threading.Event()
        # A thread, because what it guards against is a loop that no longer runs.
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch; the loop must beat from now on."""
        self.beat()
        self._thread.start()

    def beat(self) -> None:
        """The loop is alive."""
        self._last = time.monotonic()

    def stop(self) -> None:
        """The loop is about to end."""
        self._stopped.set()

    def _watch(self) -> None:
        looked = time.monotonic()
        while not self._stopped.wait(self._silence / 10):
            now = time.monotonic()
            if now - looked > self._silence:
                # This thread did not run either: the whole process was frozen (SIGSTOP, a paused VM).
                self._last = now
            looked = now
            if now - self._last > self._silence:
                log.critical("the event loop has been silent for %.0f s: ending the process", now - self._last)
                logging.shutdown()
                os._exit(STUCK_EXIT)
