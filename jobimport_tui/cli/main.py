"""`jobimport`: finds the noun, and turns what goes wrong into one sentence and an exit code.

Exit: 0 done, 1 the run or check failed, 2 usage or configuration, 3 Redis or MongoDB unreachable, 130 interrupted.
"""

import argparse
import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from jobimport_tui.cli import console
from jobimport_tui.cli.flags import WITH_VALUE, Parser, common

OK, INTERRUPTED = 0, 130

NOUNS = {
    "console": ("console", "the console, as without a verb"),
    "demo": ("stack", "embedded Redis and MongoDB, sample feeds, workers, console"),
    "up": ("stack", "the embedded stack without a console, until it is stopped"),
    "worker": ("worker", "a worker: processes that fetch, write and close"),
    "scheduler": ("scheduler", "start imports when they are due; any number of copies"),
    "import": ("imports", "import sources now"),
    "preview": ("preview", "what a feed would give, and why not; writes nothing"),
    "sources": ("sources", "list, show, add, edit, test, enable, disable, remove"),
    "runs": ("runs", "list, show, stats, upkeep, cancel, verify, retry, approve, export"),
    "jobs": ("jobs", "search, show, export the listings"),
    "watch": ("watch", "list, add, show, remove your saved searches"),
    "queues": ("queues", "show, pause, resume the lanes"),
    "failed": ("failed", "list, show, requeue, discard dead letters"),
    "audit": ("audit", "list what operators did, and who"),
    "workers": ("workers", "list, quiet, resume, stop the worker processes"),
    "doctor": ("doctor", "is everything set up and running as it should be"),
    "metrics": ("metrics", "what Prometheus may know, once or on a port"),
    "migrate": ("migrate", "bring a database of an older version up to date"),
    "config": ("config", "show or check the settings"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        code = dispatch(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who read our output has had enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:  # noqa: BLE001 (the last place where a failure becomes a sentence)
        from jobimport_tui.cli.explain import explain

        return explain(error, debug="--debug" in given)
    return code


def dispatch(given: list[str]) -> int:
    """Find the noun, load its module, let it parse its arguments and the common flags, and run it."""
    at = noun_at(given)
    if at is None:
        return console.run(parser().parse_args(given))
    noun = given[at]
    if noun not in NOUNS:
        near = difflib.get_close_matches(noun, NOUNS, n=1)
        hint = f"did you mean {near[0]}?" if near else "expected one of " + ", ".join(NOUNS)
        parser().error(f"no verb {noun!r}: {hint}")
    module, summary = NOUNS[noun]
    of_noun = Parser(prog=f"jobimport {noun}", description=summary, parents=[common()], allow_abbrev=False)
    import_module(f"jobimport_tui.cli.{module}").describe(of_noun)
    args = of_noun.parse_args(given[:at] + given[at + 1 :])
    return args.run(args)


def noun_at(given: list[str]) -> int | None:
    """Where the noun stands: the first argument that is neither a flag nor a flag's value.

    Flags are the common ones, and the console's: it needs no noun.
    """
    is_value = False
    for i, argument in enumerate(given):
        is_port = argument.isdigit() and given[max(0, i - 1)] == "--serve"
        if not is_value and not is_port and not argument.startswith("-"):
            return i
        is_value = not is_value and argument in (*WITH_VALUE, *console.WITH_VALUE)
    return None


def parser() -> Parser:
    """The common flags and the noun; what follows the noun is the noun's."""
    width = max(map(len, NOUNS))
    nouns = "\n".join(f"  {name:<{width}}  {summary}" for name, (_, summary) in NOUNS.items())
    top = Parser(
        prog="jobimport",
        usage="jobimport [common flags] [VERB ...]",
        description="Import job listings from many feeds; watch and repair it from a terminal.\n"
        f"Without a verb: the console.\n\nverbs:\n{nouns}",
        epilog="exit: 0 done, 1 failed, 2 usage or configuration, 3 unreachable, 130 interrupted",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common()],
        allow_abbrev=False,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version")
    console.describe(top)
    return top


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from workers.version import VERSION

        print(f"jobimport {VERSION}")
        parser.exit(OK)


if __name__ == "__main__":
    sys.exit(main())
