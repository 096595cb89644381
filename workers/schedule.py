"""Cron expressions: five fields, read in a source's time zone, answered in UTC.

croniter and the time zones are loaded by the first use: they cost 50 ms that most commands need not pay.
"""

import re
from datetime import UTC, datetime, timedelta

SCHEDULE_EXPECTED = 'five cron fields such as "0 * * * *", or ""'

# croniter also reads seconds, years, and "R", a moment drawn anew at each look: a slot is the same for all.
_NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat"
_FIELD = re.compile(rf"(?i:[0-9*/,#L-]|{_NAMES})+")

_HOURLY = re.compile(r"[1-5]?[0-9] \* \* \* \*")  # the usual one, told without croniter


def is_schedule(text: str) -> bool:
    """Whether a text is "" or a cron expression that has a next slot ("0 0 30 2 *" has none)."""
    if not text or _HOURLY.fullmatch(text):
        return True
    fields = text.split()
    if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
        return False
    from croniter import CroniterError, croniter

    try:
        croniter(text, datetime.now(UTC)).get_next(datetime)
    except (CroniterError, ValueError):
        return False
    return True


def slot_after(schedule: str, timezone: str, moment: datetime) -> datetime:
    """First slot after a moment, in UTC."""
    from zoneinfo import ZoneInfo

    from croniter import croniter

    return croniter(schedule, moment.astimezone(ZoneInfo(timezone))).get_next(datetime).astimezone(UTC)


def slot_until(schedule: str, timezone: str, moment: datetime) -> datetime:
    """Newest slot at or before a moment, in UTC."""
    from zoneinfo import ZoneInfo

    from croniter import croniter

    # get_prev looks strictly before its start, and slots lie on whole minutes.
    start = moment.replace(second=0, microsecond=0) + timedelta(seconds=1)
    return croniter(schedule, start.astimezone(ZoneInfo(timezone))).get_prev(datetime).astimezone(UTC)
