"""Closing by date and by age.

Mailbox   none: the reconciler's, after each of its rounds; by age once a day and source.
Messages  listings whose valid_through has passed, and those of windows that are long silent.
Promises  Never while the source is being imported, so that a closer's sums stand. No run counts what is closed here:
          it is recorded in `upkeep`, and told as an event. Stamps of runs stay as they are, so that every earlier
          verification still agrees. May be run any number of times, and killed at any point.
"""

import logging
from datetime import UTC, datetime, timedelta

from workers.actors.desk import Desk, utcnow
from workers.events.publish import publish
from workers.model import Event
from workers.sources import load_each
from workers.store import expiry, runs, source_state
from workers.store.expiry import Upkeep

log = logging.getLogger(__name__)

DAILY = timedelta(days=1)


async def close_what_is_over(desk: Desk) -> list[Upkeep]:
    """Close by date, then by age what is due."""
    settings, now = desk.config.settings.closing, utcnow()
    busy = {run.source for run in await runs.active(desk.db)}
    grace = timedelta(seconds=settings.expiry_grace)
    done = await expiry.close_expired(desk.db, now, grace=grace, busy=busy, worker=desk.worker)
    if settings.window_age:
        age = timedelta(seconds=settings.window_age)
        done += [one for name in _windows(desk) if name not in busy and (one := await _aged(desk, name, now, age))]
    for one in done:
        text = f"{one.closed} listings of {one.source} closed: {WORDS[one.because]}"
        log.info("%s", text)
        moment = datetime.now(UTC).timestamp()
        await publish(desk.redis, Event(kind="action", at=moment, source=one.source, worker=desk.worker, text=text))
    return done


WORDS = {"expired": "their own date has passed", "aged": "no longer in the feed, and silent for too long"}


def _windows(desk: Desk) -> list[str]:
    """Sources in which absence alone closes nothing."""
    sources, _ = load_each(desk.config.sources)
    return [source.name for source in sources.values() if source.kind != "snapshot"]


async def _aged(desk: Desk, source: str, now: datetime, age: timedelta) -> Upkeep | None:
    if not await source_state.claim_ageing(desk.db, source, now, DAILY):
        return None
    return await expiry.close_aged(desk.db, source, now, age=age, worker=desk.worker)
