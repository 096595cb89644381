"""`jobimport` alone: the console."""

import os
import sys

from jobimport_tui.cli.flags import Args, Parser, flags

WITH_VALUE = ("--section", "--filter", "--record", "--play")
SECTIONS = ("queues", "runs", "failed", "listings", "workers", "sources")


def has_terminal() -> bool:
    """Whether a console can be shown: it reads stdin and paints on stderr; or a browser does, by `--serve`."""
    return bool(os.environ.get("TEXTUAL_DRIVER")) or (
        sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()
    )


def describe(parser: Parser) -> None:
    """What the console alone takes."""
    parser.set_defaults(run=run)
    group = parser.add_argument_group("the console")
    group.add_argument("--read-only", action="store_true", help="nothing that changes state")
    group.add_argument("--section", choices=SECTIONS, default="queues", help="where it opens (queues)")
    group.add_argument("--filter", default="", metavar="WORDS", help='what that section shows, as in "state:failed"')
    group.add_argument("--record", default="", metavar="FILE", help="keep what it shows in a new file")
    group.add_argument("--play", default="", metavar="FILE", help="show a recording: [ ] step, p holds, + - speed, :at")
    group.add_argument("--ascii", action="store_true", help="only ASCII on the screen")
    group.add_argument("--mouse", action="store_true", help="also over SSH")
    group.add_argument("--no-diff", action="store_true", help="send whole regions, as Textual does by itself")
    group.add_argument(
        "--serve", nargs="?", type=int, const=8000, metavar="PORT", help="in a browser of this machine, at 127.0.0.1"
    )


def run(args: Args) -> int:
    """Open the console; both servers may be away, it waits for them."""
    from workers.settings import load

    asked = {
        "console.ascii": "true" if args.ascii else None,
        "console.mouse": "on" if args.mouse else None,
        "console.diff": "false" if args.no_diff else None,
    }
    if args.serve is not None:
        return _serve(args)
    config = load(getattr(args, "config", None), {**flags(args), **asked})
    if not has_terminal():
        from jobimport_tui.cli.show import say

        say("jobimport: the console needs a terminal (stdin, stdout and stderr); for scripts see `jobimport --help`")
        return 2
    from jobimport_tui.opening import Opening, run_console

    how = Opening(
        section=args.section, filter=args.filter, read_only=args.read_only, record=args.record, play=args.play
    )
    code, problem = run_console(config, how)
    if problem:
        from jobimport_tui.cli.show import say

        say(f"jobimport: {problem}")
    return code


def _serve(args: Args) -> int:
    """Serve consoles that are opened with the flags that this one was given."""
    from jobimport_tui.cli.show import say
    from jobimport_tui.serving import serve

    argv = ["console", "--mouse", "--section", args.section, "--filter", args.filter]
    argv += [f"--{name.replace('_', '-')}" for name in ("read_only", "ascii", "no_diff") if getattr(args, name)]
    for name in ("config", "play"):
        if value := getattr(args, name, None):
            argv += [f"--{name}", str(value)]
    # Not as arguments: a URL may hold a password, and every user of the machine sees arguments.
    urls = {f"JOBIMPORT_{name.upper()}_URL": getattr(args, name, None) for name in ("redis", "mongo")}
    os.environ.update({name: value for name, value in urls.items() if value})
    return serve(args.serve, argv, say)
