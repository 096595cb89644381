"""Fields right out of fields expected, over every sample feed of tests/samples: `python -m bench.fields`.

Prints a line a dialect, the whole, and each field that is not as tests/samples/expected.json promises; exits 1 where
there is one. A listing more than promised, or less, is wrong as well.
"""

import sys
from collections import defaultdict

from tests.unit.feeds.promises import EXPECTED, fields_right, jobs_of


def main() -> None:
    names: dict[str, list[str]] = defaultdict(list)
    for name, promise in EXPECTED.items():
        names[promise["dialect"]].append(name)
    total, missed = 0, 0
    for dialect in sorted(names):
        right, wrong = fields_right(tuple(names[dialect]))
        for name in names[dialect]:
            _, jobs, rejects = jobs_of(name)
            got, expected = (
                (len(jobs), len(rejects)),
                (len(EXPECTED[name]["jobs"]), len(EXPECTED[name].get("rejects", []))),
            )
            wrong += [] if got == expected else [f"{name}: {got} listings and rejects, expected {expected}"]
        print(f"{dialect:16} {right:4} of {right + len(wrong):4}  {', '.join(names[dialect])}")
        for text in wrong:
            print(f"  {text}")
        total, missed = total + right, missed + len(wrong)
    print(f"{total} of {total + missed} fields right: {total / (total + missed):.2%}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
