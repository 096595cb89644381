"""State machines by hypothesis: whatever happens in whatever order, nothing is lost and nothing is counted twice.

test_scripts    the Lua scripts on a real Valkey: every message is in exactly one place
test_protocol   the actors on real servers: what runs say is what is in the store, and what should be there

In CI they are short and the same each time. To hunt: JOBIMPORT_HUNT=2000 pytest tests/model (that many examples).
"""

import os

from hypothesis import HealthCheck, settings

HUNT = int(os.environ.get("JOBIMPORT_HUNT") or 0)


def profile(examples: int, steps: int) -> settings:
    """So many examples of so many steps; longer ones, at random, when hunting."""
    return settings(
        max_examples=HUNT or examples,
        stateful_step_count=steps * (2 if HUNT else 1),
        derandomize=not HUNT,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
