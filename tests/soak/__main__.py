"""`python -m tests.soak`: exit 0 if nothing was broken, 1 otherwise."""

import argparse
import sys

import anyio

from tests.soak.plan import Plan, short
from tests.soak.soak import soak


def main() -> int:
    """Read the command line and run one soak."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1200.0, help="how long the adversary is at work")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="small feeds, short leases, quick faults")
    parser.add_argument("--keep", action="store_true", help="keep journal and logs, however it went")
    args = parser.parse_args()
    plan = short(args.seed, args.seconds) if args.short else Plan(args.seed, args.seconds)
    return 0 if anyio.run(soak, plan, args.keep) else 1


if __name__ == "__main__":
    sys.exit(main())
