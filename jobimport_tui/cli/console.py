"""`jobimport` alone: the console."""

import sys

from jobimport_tui.cli.flags import Args, settings
from jobimport_tui.cli.show import say


def has_terminal() -> bool:
    """Whether a console can be shown: it reads stdin and paints on stderr."""
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()


def run(args: Args) -> int:
    """Open the console; both servers may be away, it waits for them."""
    config = settings(args)
    if not has_terminal():
        say("jobimport: the console needs a terminal (stdin, stdout and stderr); for scripts see `jobimport --help`")
        return 2
    from jobimport_tui.app import run_console

    return run_console(config, read_only=args.read_only)
