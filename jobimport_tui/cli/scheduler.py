"""`jobimport scheduler`: starts imports when they are due. Any number of copies may run."""

from jobimport_tui.cli.flags import Args, Parser, settings


def describe(parser: Parser) -> None:
    """No flags of its own."""
    parser.set_defaults(run=run)


def run(args: Args) -> int:
    """Run until SIGTERM or SIGINT."""
    config = settings(args)
    from workers.service import scheduler

    return scheduler.run(config)
