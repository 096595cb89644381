"""What every hostile feed of tests/hostile costs: `python -m bench.hostile [--times 3] [--only WORD]`.

Each case is fetched, read and normalised in a process of its own, which had loaded what a worker loads before it was
measured: `MiB` is what the feed made it grow by at most; `seconds` went by, waiting for a server that stalls on
purpose included, and for `busy` of them it had work; each the worst of the times. `came` counts listings, rejects and
repeats before the end, or the failure. Exits 1 where a case breaks its promise (tests/hostile/cases.py).
"""

import argparse
import sys

from tests.hostile.cases import CASES, Case
from tests.hostile.importing import Outcome, faults, outcome_of


def worst_of(case: Case, times: int) -> tuple[Outcome, list[str]]:
    """The last outcome with the worst figures, and what was wrong at any time."""
    seconds = busy = mib = 0.0
    wrong: list[str] = []
    for _ in range(times):
        with outcome_of(case) as (told, server):
            wrong += faults(case, told, len(server.requests))
        seconds, busy, mib = max(seconds, told.seconds), max(busy, told.busy), max(mib, told.mib)
    told.seconds, told.busy, told.mib = seconds, busy, mib
    return told, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    args = parser.parse_args()
    cases = [case for case in CASES if args.only in case.name]
    broken = 0
    slowest = busiest = largest = 0.0
    print(f"{'case':46} {'ends as':16} {'came':>15} {'seconds':>8} {'busy':>6} {'MiB':>6}")
    for case in cases:
        told, wrong = worst_of(case, args.times)
        came = f"{told.listings}/{told.rejects}/{told.duplicates}"
        figures = f"{told.seconds:8.2f} {told.busy:6.2f} {told.mib:6.1f}"
        print(f"{case.name:46} {told.code or 'imported':16} {came:>15} {figures}", flush=True)
        for text in wrong:
            print(f"  BROKEN: {text}")
        broken += bool(wrong)
        slowest, busiest, largest = max(slowest, told.seconds), max(busiest, told.busy), max(largest, told.mib)
    print(
        f"{len(cases)} cases, {len(cases) - broken} as promised; worst {slowest:.2f} s, {busiest:.2f} s busy, "
        f"{largest:.1f} MiB"
    )
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
