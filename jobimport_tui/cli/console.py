"""`jobimport` alone: the console."""

import sys

from jobimport_tui.cli.flags import Args, Parser, flags


def has_terminal() -> bool:
    """Whether a console can be shown: it reads stdin and paints on stderr."""
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()


def describe(parser: Parser) -> None:
    """What the console alone takes."""
    group = parser.add_argument_group("the console")
    group.add_argument("--read-only", action="store_true", help="nothing that changes state")
    group.add_argument("--ascii", action="store_true", help="only ASCII on the screen")
    group.add_argument("--mouse", action="store_true", help="also over SSH")
    group.add_argument("--no-diff", action="store_true", help="send whole regions, as Textual does by itself")


def run(args: Args) -> int:
    """Open the console; both servers may be away, it waits for them."""
    from workers.settings import load

    asked = {
        "console.ascii": "true" if args.ascii else None,
        "console.mouse": "on" if args.mouse else None,
        "console.diff": "false" if args.no_diff else None,
    }
    config = load(getattr(args, "config", None), {**flags(args), **asked})
    if not has_terminal():
        from jobimport_tui.cli.show import say

        say("jobimport: the console needs a terminal (stdin, stdout and stderr); for scripts see `jobimport --help`")
        return 2
    from jobimport_tui.app import run_console

    return run_console(config, read_only=args.read_only)
