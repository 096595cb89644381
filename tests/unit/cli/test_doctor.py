"""What doctor says of runs whose listings wait to be compared with those of other sources."""

from datetime import UTC, datetime, timedelta

from jobimport_tui.cli.doctor import of_linking
from workers.model import Run


def ended(ago: timedelta) -> Run:
    at = datetime.now(UTC) - ago
    return Run(id=7, source="board", state="succeeded", active=False, trigger="cli", queued_at=at, finished_at=at)


def test_only_a_run_that_has_waited_long_is_said():
    assert of_linking([]) == of_linking([ended(timedelta(minutes=2))]) == []
    [check] = of_linking([ended(timedelta(minutes=25))])
    assert (check.level, check.text) == ("warn", "run 7 has waited 25m for its copies to be linked")
