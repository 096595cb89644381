"""`jobimport worker`: processes that fetch, write and close, until SIGTERM."""

from jobimport_tui.cli.flags import Args, Parser, positive, settings
from workers.errors import ConfigError
from workers.queue.lanes import STAGES, Stage


def describe(parser: Parser) -> None:
    """How many, and of what."""
    parser.add_argument("--processes", type=positive, metavar="N", help="worker.processes in jobimport.toml")
    parser.add_argument("--concurrency", type=positive, metavar="N", help="messages in work at once, each process")
    parser.add_argument("--lanes", metavar="LIST", help=f"of {','.join(STAGES)} (all)")
    parser.add_argument("--high-only", action="store_true", help="only the high-priority lanes, and closing")
    parser.set_defaults(run=run)


def run(args: Args) -> int:
    """Run until SIGTERM or SIGINT."""
    config = settings(args)
    stages = lanes(args.lanes)
    from workers.service import worker

    return worker.run(
        config,
        processes=args.processes,
        concurrency=args.concurrency,
        stages=stages,
        high_only=args.high_only,
    )


def lanes(text: str | None) -> tuple[Stage, ...]:
    """The stages named in a list such as "fetch,upsert", in the order of the pipeline."""
    if text is None:
        return STAGES
    named = {part.strip() for part in text.split(",")}
    if not named <= set(STAGES):
        raise ConfigError("--lanes", "", text, f"a list out of {', '.join(STAGES)}")
    return tuple(stage for stage in STAGES if stage in named)
