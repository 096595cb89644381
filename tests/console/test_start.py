"""What the console costs before its first text: no driver, no parser, no broker."""

import subprocess
import sys
from pathlib import Path

from tests.console.test_terminal import CODE, Terminal

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


TELLING = """
from textual._context import active_app
from jobimport_tui.gateway import live
class Telling(live.LiveGateway):
    def __init__(self, *args, **kwargs):
        active_app.get()._driver.write("GATEWAY")
        super().__init__(*args, **kwargs)
live.LiveGateway = Telling
"""


def test_the_gateway_is_made_after_the_first_text(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "default", TELLING + CODE)
    try:
        terminal.read_until(b"GATEWAY")
        assert b"JOBIMPORT" in terminal.said.partition(b"GATEWAY")[0]
    finally:
        terminal.close()
