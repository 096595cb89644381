"""What doctor says of runs whose listings wait to be compared with those of other sources."""

from datetime import UTC, datetime, timedelta

import msgspec

from jobimport_tui.cli.doctor import of_linking, of_workers
from workers.model import Run
from workers.queue.registry import WorkerInfo


def ended(ago: timedelta) -> Run:
    at = datetime.now(UTC) - ago
    return Run(id=7, source="board", state="succeeded", active=False, trigger="cli", queued_at=at, finished_at=at)


def test_only_a_run_that_has_waited_long_is_said():
    assert of_linking([]) == of_linking([ended(timedelta(minutes=2))]) == []
    [check] = of_linking([ended(timedelta(minutes=25))])
    assert (check.level, check.text) == ("warn", "run 7 has waited 25m for its copies to be linked")


def test_workers_that_are_all_quiet_are_told_of():
    one = WorkerInfo(id="h:1", host="h", pid=1, lanes=["fetch"], slots=4, busy=0, beat_age_s=1.0)
    quiet = msgspec.structs.replace(one, id="h:2", state="quiet")
    assert [check.level for check in of_workers([one, quiet])] == ["ok"]
    [_, check] = of_workers([quiet])
    assert (check.level, check.advice) == ("warn", "jobimport workers resume h:2")
