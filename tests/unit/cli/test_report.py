"""The one line on a run: what is wrong while it waits or where it failed, and not what was mended on the way."""

from datetime import UTC, datetime, timedelta

from jobimport_tui.cli.report import sentence
from workers.model import LogEntry, Run, RunState

AT = datetime(2026, 11, 27, 9, tzinfo=UTC)
WAITS = LogEntry(at=AT, level="info", code="http_unavailable", text="answered 429; tried again at 10:00:00 UTC")
DIED = LogEntry(at=AT, level="error", code="unknown_source", text="batch 7:0001 is dead")


def run(state: RunState, *log: LogEntry) -> Run:
    is_active = state in ("queued", "fetching", "importing", "closing")
    ended = None if is_active else AT + timedelta(seconds=5)
    return Run(
        id=7,
        source="board",
        state=state,
        active=is_active,
        trigger="cli",
        queued_at=AT,
        finished_at=ended,
        error_log=list(log),
    )


def test_a_run_that_waits_says_for_what():
    assert sentence(run("queued", WAITS)) == f"board: run 7 queued; {WAITS.text}"


def test_a_run_that_ended_badly_says_why_and_one_that_was_mended_does_not():
    assert sentence(run("partial", WAITS, DIED)).endswith("in 5.0s; batch 7:0001 is dead")
    assert sentence(run("succeeded", WAITS, DIED)).endswith("in 5.0s")
