"""`jobimport metrics`: what Prometheus may know, once or on a port.

Once, for node_exporter's textfile collector: `jobimport metrics > jobimport.prom.new && mv jobimport.prom.new ...`.
Exit 3 if a server does not answer; what the other knows, and `jobimport_up`, are printed all the same.
"""

import argparse
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, settings, wants_json
from jobimport_tui.cli.show import line, say
from workers.errors import ConfigError, Unreachable
from workers.settings import Config
from workers.sources import load_each

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

ADDRESS = "127.0.0.1:9464"


def describe(parser: Parser) -> None:
    """Once, or a port."""
    parser.set_defaults(run=run)
    parser.add_argument(
        "--serve",
        nargs="?",
        const=ADDRESS,
        metavar="HOST:PORT",
        type=address,
        help=f"answer GET /metrics until SIGTERM or ctrl-c; without an address at {ADDRESS}. It has no password",
    )


def address(text: str) -> tuple[str, int]:
    """Read HOST:PORT; brackets around an IPv6 address."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: expected HOST:PORT, such as {ADDRESS}")
    return host, int(port)


def run(args: Args) -> int:
    """Print, or serve."""
    config = settings(args)
    if args.serve is not None:
        return reach.run(partial(_serve, config, *args.serve))
    return reach.run(partial(_once, config, is_json=wants_json(args)))


async def gather(config: Config) -> tuple[list["Metric"], bool]:
    """Ask both servers; what they say, and whether both answered."""
    from workers.service import metrics

    up: dict[str, bool] = {}
    found: list[Metric] = []
    asks: dict[str, Callable[[Config], Awaitable[list[Metric]]]] = {"redis": _of_redis, "mongodb": _of_mongo}
    for name, ask in asks.items():
        try:
            found += await ask(config)
            up[name] = True
        except Unreachable:
            up[name] = False
    return [*metrics.of_servers(up), *found], all(up.values())


async def _of_redis(config: Config) -> list["Metric"]:
    from workers.service import metrics

    async with reach.queues(config) as redis:
        return await metrics.of_redis(redis)


async def _of_mongo(config: Config) -> list["Metric"]:
    from workers.service import metrics

    async with reach.database(config) as db:
        return await metrics.of_mongo(db, load_each(config.sources)[0])


async def _once(config: Config, *, is_json: bool) -> int:
    from prometheus_client import generate_latest

    from workers.service import metrics

    found, is_whole = await gather(config)
    if is_json:
        for sample in (sample for family in found for sample in family.samples):
            line({"name": sample.name, "labels": sample.labels, "value": sample.value})
    else:
        print(generate_latest(metrics.registry_of(lambda: found)).decode(), end="")
    return 0 if is_whole else 3


async def _serve(config: Config, host: str, port: int) -> int:
    """Answer scrapes in threads of prometheus_client's server; each is gathered on our loop."""
    import anyio
    from anyio.from_thread import BlockingPortal
    from prometheus_client import start_http_server

    from workers.service import metrics

    async with BlockingPortal() as portal:
        made = metrics.registry_of(lambda: portal.call(gather, config)[0])
        try:
            server, thread = start_http_server(port, host, made)
        except OSError as error:
            expected = f"an address to listen on ({error.strerror or error})"
            raise ConfigError("--serve", "", f"{host}:{port}", expected) from error
        say(f"metrics at http://{host}:{server.server_port}/metrics")
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(server.shutdown)
                server.server_close()
                await anyio.to_thread.run_sync(thread.join)
    return 0
