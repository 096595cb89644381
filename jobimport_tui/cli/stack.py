"""`jobimport demo` and `jobimport up`: everything on this machine, from two empty folders, for as long as it runs."""

import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio

from jobimport_tui.cli.console import has_terminal
from jobimport_tui.cli.flags import Args, Parser, settings, wants_json
from jobimport_tui.cli.report import progress
from jobimport_tui.cli.show import cell, clock, line, say
from workers.errors import ConfigError
from workers.events.follow import Gap, Quiet, follow
from workers.model import Event
from workers.queue import connect as queue
from workers.service.stack import Stack, default_data_dir, stack
from workers.settings import Config, load

STOPPED, INTERRUPTED = 0, 130


def describe(parser: Parser) -> None:
    """Where the data lies; `up` may serve the demo's feeds, `demo` may do without its console."""
    parser.add_argument("--data-dir", type=Path, metavar="D", help="where Redis and MongoDB keep their data")
    if parser.prog.endswith("demo"):
        parser.add_argument("--headless", action="store_true", help="no console: a line for each step of a run")
        parser.set_defaults(run=demo)
    else:
        parser.add_argument("--demo", action="store_true", help="with the demo's feeds in place of your sources")
        parser.set_defaults(run=up)


def up(args: Args) -> int:
    """Run the stack until SIGTERM or Ctrl-C."""
    folder = args.data_dir or default_data_dir()
    return anyio.run(partial(_serve, settings(args), folder, _wait, is_demo=args.demo, is_json=wants_json(args)))


def demo(args: Args) -> int:
    """Run the stack with the demo's feeds, under the console or, headless, until SIGTERM or Ctrl-C."""
    folder = args.data_dir or default_data_dir() / "demo"
    if not args.headless:
        if not has_terminal():
            raise ConfigError("demo", "", None, "a terminal for the console, or --headless")
        say("starting Redis and MongoDB ...")
    inside = follow_runs if args.headless else _console
    return anyio.run(partial(_serve, settings(args), folder, inside, is_demo=True, is_json=wants_json(args)))


async def _serve(
    config: Config, folder: Path, inside: Callable[[Config], Awaitable[int]], *, is_demo: bool, is_json: bool
) -> int:
    """Run the stack around what is inside, or until a signal: Ctrl-C is 130, SIGTERM is how it is meant to end."""
    code = STOPPED
    async with anyio.create_task_group() as tasks:

        async def stop_on_signal() -> None:
            nonlocal code
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for caught in signals:
                    code = INTERRUPTED if caught == signal.SIGINT else STOPPED
                    tasks.cancel_scope.cancel()
                    return

        tasks.start_soon(stop_on_signal)
        async with stack(folder, config=config, demo=is_demo) as running:
            _tell(running, folder / "logs", is_json=is_json)
            code = await inside(config_of(running))
        tasks.cancel_scope.cancel()
    return code


def _tell(running: Stack, logs: Path, *, is_json: bool) -> None:
    """Where the servers are, for whoever is to use them, and where their logs lie."""
    if is_json:
        line({"redis": running.redis_url, "mongodb": running.mongo_url, "logs": str(logs)})
    else:
        print(f"redis {running.redis_url}\nmongodb {running.mongo_url}\nlogs {logs}", flush=True)


async def _wait(_: Config) -> int:
    await anyio.sleep_forever()
    return STOPPED


async def _console(config: Config) -> int:
    from jobimport_tui.opening import console

    return await console(config)


def config_of(running: Stack) -> Config:
    """The settings of whoever uses the stack: its folder, and its servers' addresses."""
    return load(running.config_folder, {"redis.url": running.redis_url, "mongo.url": running.mongo_url})


async def follow_runs(config: Config) -> int:
    """A line for each step of each run, for ever."""
    after = "0-0"
    told: dict[int, str] = {}
    async with queue.open_redis(config.settings.redis) as redis:
        while True:
            try:
                async for heard in follow(redis, after):
                    if isinstance(heard, (Gap, Quiet)):
                        continue
                    after, event = heard
                    text = event_line(event)
                    if event.run is None or told.get(event.run) != text:
                        print(f"{clock(datetime.fromtimestamp(event.at, UTC))} {text}", flush=True)
                    if event.run is not None:
                        told[event.run] = text
            except queue.Trouble:
                # The stack brings Redis back, and the events wait in its stream.
                await anyio.sleep(1)


def event_line(event: Event) -> str:
    """An event in one inert line."""
    text = f": {event.text}" if event.text else ""
    if event.run is None or event.state is None or event.stats is None:
        about = " ".join(filter(None, (event.source, event.batch, event.worker)))
        return cell(f"{event.kind} {about}{text}", 400)
    return cell(progress(event.source, event.run, event.state, event.stats, event.batches) + text, 400)
