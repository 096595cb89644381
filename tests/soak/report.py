"""How a soak goes, a line a minute, and how it went."""

import re
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from tests.soak.drivers import Driver
from tests.soak.site import Site, aloud

TAKEN_UP = re.compile(r"took up (\d+) messages of (dead workers|our former life)")
ALARMS = re.compile(r" (?:unforeseen in|CRITICAL)|^Traceback|the lease of \S+ was lost", re.MULTILINE)


@dataclass(frozen=True)
class Ending:
    """What is known only at the end."""

    drained: float
    compared: int
    stall: tuple[float, float]


async def tell(site: Site, drivers: Sequence[Driver]) -> None:
    """A line a minute, for ever."""
    while True:
        await anyio.sleep(60)
        faults = " ".join(f"{name} {count}," for name, count in sorted(site.faults.items())).rstrip(",")
        minutes = (time.time() - site.journal.began) / 60
        aloud(
            f"{minutes:5.1f} min  faults {site.faults.total()} ({faults})  {runs_told(drivers)}"
            f"  violations {len(site.violations)}"
        )


def runs_told(drivers: Sequence[Driver]) -> str:
    """Runs by state, and listings."""
    states = sum((driver.states for driver in drivers), Counter[str]())
    told = ", ".join(f"{state} {count}" for state, count in sorted(states.items()))
    return f"runs {states.total()} ({told})  listings {sum(driver.listings for driver in drivers)}"


def logged(folder: Path) -> tuple[Counter[str], Counter[str]]:
    """Redeliveries by where from, and alarming lines by kind, out of the workers' logs."""
    redelivered, alarms = Counter[str](), Counter[str]()
    for log in sorted(folder.glob("worker-*.log*")):
        text = log.read_text("utf-8", "replace")
        for count, whose in TAKEN_UP.findall(text):
            redelivered[whose] += int(count)
        for found in ALARMS.finditer(text):
            alarms["lost lease" if "lease" in found[0] else found[0].strip()] += 1
    return redelivered, alarms


def summary(site: Site, drivers: Sequence[Driver], ending: Ending) -> str:
    """The whole, for a person and for the closing note."""
    plan = site.plan
    redelivered, alarms = logged(site.folder)
    verdict = f"BROKEN, {len(site.violations)} violations" if site.violations else "lost 0, miscounted 0"
    lines = [
        f"soak of {plan.seconds:.0f} s, seed {plan.seed}",
        "sources      " + ", ".join(f"{board.name} {board.size} ({board.kind})" for board in site.boards),
        f"faults       {site.faults.total()}: " + _told(site.faults),
        "feeds        "
        f"{sum(board.asked for board in site.boards)} requests,"
        f" {sum(board.refused for board in site.boards)} answered 503, {sum(board.torn for board in site.boards)} torn",
        f"imports      {runs_told(drivers)}  generations {sum(board.generation.number for board in site.boards)}",
        f"redeliveries {redelivered.total()}: {_told(redelivered)} (from the workers' logs)"
        f"  batches requeued by hand {sum(driver.requeued for driver in drivers)}",
        *(f"resumed      {kind}: {_spread(times)}" for kind, times in sorted(site.resumed.items())),
        f"SIGTERM      busy: {_spread(site.exits_busy)}; idle: {_spread(site.exits_idle)}",
        f"stall        longest {ending.stall[0]:.1f} s, begun {ending.stall[1] - site.journal.began:.0f} s in;"
        f" all runs ended {ending.drained:.1f} s after the last fault was mended",
        f"in the logs  {_told(alarms) or 'nothing alarming'}",
        f"compared     {ending.compared} documents with a calm import",
        f"verdict      {verdict}",
    ]
    return "\n".join(lines + site.violations)


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    return f"median {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s of {len(seconds)}"
