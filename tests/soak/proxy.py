"""A TCP proxy on loopback, in a process of its own so that a busy test does not slow what passes through it.

    async with proxied({"redis": (listen, target)}) as proxy:
        proxy.cut("redis")       every connection is reset
        proxy.refuse("redis")    and new ones are, until accept
        proxy.silence("redis")   nothing passes any more, in either direction, until flow
        proxy.flow("redis")

The process reads one command a line from its standard input and ends with it.
"""

import asyncio
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import uvloop

from workers.service.embedded import HOST, answers

CHUNK = 256 * 1024


class Route:
    """One listening port and what lies behind it."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False

    def obey(self, verb: str) -> None:
        """Do what a command says."""
        match verb:
            case "cut":
                self._reset()
            case "refuse":
                self._refusing = True
                self._reset()
            case "accept":
                self._refusing = False
            case "silence":
                self._flowing.clear()
            case "flow":
                self._flowing.set()
            case _:
                raise ValueError(verb)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        self._open.add(writer)
        try:
            if self._refusing:
                return
            there, back = await asyncio.open_connection(HOST, self._target, limit=CHUNK)
            self._open.add(back)
            try:
                await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
            finally:
                self._open.discard(back)
                back.close()
        except OSError:
            return  # nobody behind the port: the client sees its connection end
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                if writer.is_closing():
                    break  # cut while this waited: uvloop raises on a write, asyncio's own loop does not
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()  # half an end is an end: neither protocol knows half-open connections

    def _reset(self) -> None:
        for writer in list(self._open):
            link = writer.get_extra_info("socket")
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


async def run(arguments: list[str]) -> None:
    """Serve routes given as NAME=LISTEN:TARGET until standard input ends."""
    routes: dict[str, Route] = {}
    for argument in arguments:
        name, _, ports = argument.partition("=")
        listen, _, target = ports.partition(":")
        routes[name] = Route(int(target))
        await asyncio.start_server(routes[name].serve, HOST, int(listen), limit=CHUNK, backlog=512)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        verb, name = line.decode().split()
        routes[name].obey(verb)


class Proxy:
    """The proxy's remote control."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def cut(self, name: str) -> None:
        self._say("cut", name)

    def refuse(self, name: str) -> None:
        self._say("refuse", name)

    def accept(self, name: str) -> None:
        self._say("accept", name)

    def silence(self, name: str) -> None:
        self._say("silence", name)

    def flow(self, name: str) -> None:
        self._say("flow", name)

    def _say(self, verb: str, name: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{verb} {name}\n".encode())
        self._process.stdin.flush()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, each another."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@asynccontextmanager
async def proxied(routes: Mapping[str, tuple[int, int]]) -> AsyncGenerator[Proxy]:
    """Run the proxy; `routes` are name -> (port to listen on, port behind it)."""
    arguments = [f"{name}={listen}:{target}" for name, (listen, target) in routes.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.soak.proxy", *arguments], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        for listen, _ in routes.values():
            assert await answers(listen, within=20), "the proxy does not answer"
        yield Proxy(process)
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1:]))
