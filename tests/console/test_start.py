"""What the console costs before its first text: no driver, no parser, no broker."""

import subprocess
import sys

HEAVY = ("redis", "pymongo", "taskiq", "httpx", "lxml", "croniter", "ijson", "nh3", "zstandard", "uvloop")


def test_the_app_loads_neither_driver_nor_parser() -> None:
    code = f"import sys, jobimport_tui.app, jobimport_tui.gateway.live; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"


def test_the_drivers_load_no_broker_and_no_parser() -> None:
    heavy = ("taskiq", "httpx", "lxml", "ijson", "nh3")
    code = f"import sys, jobimport_tui.gateway.drivers; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
