"""What each run must have counted and what `jobs` must hold, told from the feeds alone, run after run."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.soak.feeds import Board, Generation
from workers.model import Run, Stats


@dataclass
class Known:
    """A listing as it must be stored."""

    version: int
    open: bool = True


@dataclass
class Oracle:
    """One source's `jobs` as they must be. `complete` is the generation of the last complete run."""

    board: Board
    known: dict[int, Known] = field(default_factory=dict[int, Known])
    complete: int = 0

    def judge(self, run: Run, generation: Generation) -> list[str]:
        """What is wrong with an ended run that read this generation; takes its work over."""
        wrong: list[str] = []
        stats = run.stats
        parts = stats.new + stats.updated + stats.unchanged + stats.failed + stats.dropped
        if stats.total != parts:
            wrong.append(f"total {stats.total} is not the sum of its parts, {parts}")
        wrong += [f"{entry.code}: {entry.text}" for entry in run.error_log if entry.code == "count_mismatch"]
        if run.state == "unchanged":
            if self.complete != generation.number:
                wrong.append(f"unchanged, but the last complete run read generation {self.complete}")
            expected = Stats()
        else:
            expected = self._expect(run, generation)
        if _comparable(stats) != _comparable(expected):
            wrong.append(f"counted {_told(stats)}; the feed says {_told(expected)}")
        full = run.state in ("succeeded", "partial")
        if full and run.stats.duplicates != generation.repeats:
            wrong.append(f"{run.stats.duplicates} duplicates; the feed has {generation.repeats}")
        if run.state == "partial" and not generation.untitled:
            wrong.append("partial, and the feed has nothing to reject")
        if run.state not in ("unchanged", "succeeded", "partial", "degraded", "failed"):
            wrong.append(f"ended as {run.state}")
        return wrong

    def _expect(self, run: Run, generation: Generation) -> Stats:
        """A complete run has the whole feed; another one as much of its beginning as it says."""
        full = run.state in ("succeeded", "partial")
        numbers = list(generation.versions)
        read = numbers if full else numbers[: run.stats.total]
        new = updated = unchanged = failed = 0
        for number in read:
            version = generation.versions[number]
            known = self.known.get(number)
            if number in generation.untitled:
                failed += 1
            elif known is None:
                new += 1
                self.known[number] = Known(version)
            elif known.version != version or not known.open:
                updated += 1
                self.known[number] = Known(version)
            else:
                unchanged += 1
        closed = 0
        if full:
            self.complete = generation.number
            closed = self._close(generation.versions) if self.board.kind == "snapshot" else 0
        return Stats(len(read), new, updated, unchanged, failed, 0, 0, closed)

    def _close(self, present: Iterable[int]) -> int:
        gone = [number for number in self.known.keys() - set(present) if self.known[number].open]
        for number in gone:
            self.known[number].open = False
        return len(gone)


def _comparable(stats: Stats) -> tuple[int, ...]:
    return (stats.total, stats.new, stats.updated, stats.unchanged, stats.failed, stats.dropped, stats.closed)


def _told(stats: Stats) -> str:
    names = ("total", "new", "updated", "unchanged", "failed", "dropped", "closed")
    return ", ".join(f"{name} {value}" for name, value in zip(names, _comparable(stats), strict=True))
