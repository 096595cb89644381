"""A short soak (tests/soak): everything is broken for a minute, and then nothing is lost or miscounted."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.crash

ROOT = Path(__file__).parents[2]
SEED = 3


@pytest.mark.timeout(900)
def test_a_minute_of_everything_breaking() -> None:
    command = [sys.executable, "-m", "tests.soak", "--short", "--seconds", "60", "--seed", str(SEED)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=880)
    assert done.returncode == 0, done.stdout
