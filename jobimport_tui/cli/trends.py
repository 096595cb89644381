"""`jobimport runs stats`: what the imports of some weeks add up to, from the rows of import_daily."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, positive, settings, wants_json
from jobimport_tui.cli.named import check_source
from jobimport_tui.cli.show import line, plain, say, size, span
from jobimport_tui.cli.tables import table
from workers.model.daily import Day
from workers.settings import Config
from workers.store import daily
from workers.store.daily import Totals

COUNTS = ("RUNS", "FAILURES", "NEW", "UPDATED", "CLOSED", "FAILED", "QUALITY", "P95", "READ")
DROPPED = ("QUALITY", "READ")
"""What a narrow terminal does without first."""

FIELDS_SHOWN = 6


def describe(parser: Parser) -> None:
    """Which days, of what."""
    parser.add_argument("--source", metavar="NAME", help="of one source, with the size of its feed and its fields")
    parser.add_argument("--days", type=positive, default=30, metavar="N", help="today and the days before it (30)")
    parser.add_argument("--by", choices=("day", "source"), default="day", help="a row a day, or a row a source")


def run(args: Args) -> int:
    """Print the days, oldest first, or the sources by name."""
    return reach.run(partial(_run, settings(args), args))


async def _run(config: Config, args: Args) -> int:
    until = datetime.now(UTC)
    since = until - timedelta(days=min(args.days, 3660) - 1)
    async with reach.database(config) as db:
        await check_source(db, config, args.source)
        if args.source and args.by == "day":
            days = await daily.of_source(db, args.source, since, until)
            _print_days(args, days)
            return 0
        rows = await (daily.by_source if args.by == "source" else daily.by_day)(db, since, until)
    if args.source:
        rows = [row for row in rows if row.source == args.source]
    _print_totals(args, rows)
    return 0


def _print_days(args: Args, days: list[Day]) -> None:
    if wants_json(args):
        for day in days:
            line(as_object(day))
        return
    fields = _fields(days)
    titles = ("DAY", *COUNTS, "P50", "FEED", "LISTINGS", *(name.upper() for name in fields))
    rows = [
        [
            f"{day.day:%Y-%m-%d}",
            *_counts(day),
            _seconds(day.p50_ms),
            size(day.feed_bytes) if day.feed_bytes is not None else "-",
            f"{day.feed_listings:,}" if day.feed_listings is not None else "-",
            *(f"{day.fill_rate.get(name, 0):.0%}" if day.filled else "-" for name in fields),
        ]
        for day in days
    ]
    drop = (*(name.upper() for name in reversed(fields)), "P50", *DROPPED, "LISTINGS", "FEED", "P95")
    table(titles, rows, right=titles[1:], drop=drop)


def _fields(days: list[Day]) -> list[str]:
    """The fields that were most often empty: those that are always there say nothing."""
    filled = [day for day in days if day.filled]
    names = {name for day in filled for name in day.fill_rate}
    mean = {name: sum(day.fill_rate.get(name, 0.0) for day in filled) for name in names}
    return sorted(sorted(names, key=lambda name: (mean[name], name))[:FIELDS_SHOWN])


def _print_totals(args: Args, rows: list[Totals]) -> None:
    if wants_json(args):
        for row in rows:
            line(as_object(row))
        return
    is_by_day = args.by == "day"
    titles = ("DAY" if is_by_day else "SOURCE", *(("SOURCES",) if is_by_day else ()), *COUNTS, "LAST SUCCESS")
    table(
        titles,
        [
            [
                f"{row.day:%Y-%m-%d}" if row.day else row.source,
                *((f"{row.rows:,}",) if is_by_day else ()),
                *_counts(row),
                _ago(row.last_success_at),
            ]
            for row in rows
        ],
        right=titles[1:],
        drop=(*(("LAST SUCCESS",) if is_by_day else ()), *DROPPED, "P95", "SOURCES"),
    )
    if not rows:
        say("no runs in these days")


def _counts(row: Day | Totals) -> list[str]:
    """The columns of COUNTS."""
    share = f"{row.failures:,} ({row.failure_rate:.0%})" if row.failures and row.failure_rate is not None else "0"
    counts = (row.new, row.updated, row.closed, row.failed)
    quality = "-" if row.quality is None else f"{row.quality:.1f}"
    return [f"{row.runs:,}", share, *(f"{count:,}" for count in counts), quality, _seconds(row.p95_ms), size(row.bytes)]


def _seconds(ms: int | None) -> str:
    return span(None if ms is None else ms / 1000)


def _ago(moment: datetime | None) -> str:
    return f"{span((datetime.now(UTC) - moment).total_seconds())} ago" if moment else "-"


def as_object(row: Day | Totals) -> dict[str, Any]:
    """A row as JSON: the day as a date, and what is worked out of its figures."""
    hidden = ("_id", "id", "revision", "quality_sum")
    known: dict[str, Any] = {key: value for key, value in plain(row).items() if key not in hidden}
    known["day"] = f"{row.day:%Y-%m-%d}" if row.day else None
    since = (datetime.now(UTC) - row.last_success_at).total_seconds() if row.last_success_at else None
    return {**known, "failure_rate": row.failure_rate, "quality": row.quality, "since_last_success_s": since}
