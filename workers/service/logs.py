"""How the headless processes log: one line an event on stderr, the time in UTC."""

import logging
import time

from workers.settings import LogSettings


def configure_logging(settings: LogSettings) -> None:
    """Send our log lines to stderr. Libraries speak from WARNING up."""
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(processName)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("workers").setLevel(settings.level)
    # It writes a traceback for every failure, foreseen or not; workers.queue.retry says what is to be said.
    logging.getLogger("taskiq.receiver").setLevel(logging.CRITICAL)
