"""`jobimport` alone: the console."""

import sys

from jobimport_tui.cli.flags import Args, settings
from jobimport_tui.cli.show import say


def run(args: Args) -> int:
    """Open the console; both servers may be away, it waits for them."""
    config = settings(args)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        say("jobimport: the console needs a terminal; for scripts there are verbs (see `jobimport --help`)")
        return 2
    from jobimport_tui.app import run_console

    return run_console(config, read_only=args.read_only)
