"""The console at the end of a wire: bytes, latency, CPU, memory, beside bare Textual and top in one run.

    python -m bench.console [PART...] [--minute] [--peer NAME=COMMAND]

Parts: start idle live dialogs link page outage burst peers; all of them without a name. Each takes less than a
minute; --minute leaves Redis dead for sixty seconds in place of ten. A peer is any other program for a terminal,
such as `--peer posting=/path/to/posting`. Prints a line a figure: goal, measured, ok or MISS.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from bench.ptys import Link, Tty, median, percentile
from workers.service.embedded import MongoServer, RedisServer

AWAY = ("--redis", "redis://127.0.0.1:1/0", "--mongo", "mongodb://127.0.0.1:1/away")
SIZES = ((80, 24), (120, 40))
BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    ENABLE_COMMAND_PALETTE = False
    def compose(self):
        yield Static("hello")
Bare().run()
"""


WARM = "import jobimport_tui.opening, jobimport_tui.gateway.live, jobimport_tui.gateway.drivers, textual.widgets"


@dataclass
class Bench:
    """The servers, and what was found."""

    folder: Path
    redis: RedisServer
    mongo: MongoServer
    flags: list[str]
    minute: bool
    peers: dict[str, str]
    lines: list[str] = field(default_factory=list)

    def console(self, *more: str, away: bool = False) -> list[str]:
        servers = AWAY if away else ("--redis", self.redis.url, "--mongo", self.mongo.url)
        return [sys.executable, "-m", "jobimport_tui.cli.main", "--config", str(self.folder), *servers, *more]

    def open(self, size: tuple[int, int] = (80, 24), *, link: Link | None = None, watched: bool = False) -> Tty:
        """A console that has all its data."""
        tty = Tty([*self.console(), *self.flags], size, link=link, watched=watched)
        tty.until_text(b"live", 40)
        return tty

    @contextmanager
    def behind(self, what: str) -> Iterator[subprocess.Popen[bytes]]:
        """Something that goes on behind it."""
        load = subprocess.Popen(
            [sys.executable, "-m", "bench.console_load", what, self.redis.url, self.mongo.url], stdout=subprocess.PIPE
        )
        try:
            yield load
        finally:
            load.terminate()
            load.wait(20)

    def say(self, name: str, goal: float | None, measured: float, unit: str) -> None:
        verdict = "" if goal is None else "ok" if measured <= goal else "MISS"
        wanted = "" if goal is None else f"<= {goal:g}"
        line = f"{name:<44} {wanted:>10} {measured:>10.2f} {unit:<8} {verdict}"
        self.lines.append(line)
        print(line, flush=True)


def start(bench: Bench) -> None:
    """First text, with both servers away, in turns with bare Textual."""
    bare, ours = list[float](), list[float]()
    for _ in range(5):
        with Tty([sys.executable, "-c", BARE]) as tty:
            bare.append(tty.until_text(b"hello"))
        with Tty([*bench.console(away=True), *bench.flags]) as tty:
            ours.append(tty.until_text(b"JOBIMPORT"))
    bench.say("bare Textual: first text, median of 5", None, median(bare) * 1000, "ms")
    bench.say("console: first text, both servers down", None, median(ours) * 1000, "ms")
    bench.say("  as a ratio", 1.6, median(ours) / median(bare), "x")
    with Tty([sys.executable, "-c", BARE]) as tty:
        bench.say("bare Textual: bytes to a stable screen", None, tty.until_quiet(), "B")
    for size in SIZES:
        with Tty([*bench.console(), *bench.flags], size) as tty:
            tty.until_text(b"live", 40)
            goal = 5000 if size == SIZES[0] else None
            bench.say(f"bytes to a stable screen {size[0]}x{size[1]}", goal, tty.until_quiet(2), "B")


def idle(bench: Bench) -> None:
    """Nothing happens."""
    with Tty([sys.executable, "-c", BARE]) as tty:
        tty.until_text(b"hello")
        time.sleep(3)
        bench.say("bare Textual, idle: CPU", None, tty.during(20)[1], "%")
        bench.say("bare Textual: memory", None, tty.memory(), "MB")
    with bench.open() as tty:
        time.sleep(12)
        written, cpu = tty.during(30)
        bench.say("memory, connected", 75, tty.memory(), "MB")
        bench.say("idle: output", 3, written, "B/s")
        bench.say("idle: CPU", 0.3, cpu, "%")


def live(bench: Bench) -> None:
    """Three lanes and a run change once a second."""
    for size, goal in zip(SIZES, (1500, 2000), strict=True):
        with bench.behind("live"), bench.open(size) as tty:
            time.sleep(4)
            written, cpu = tty.during(12)
            bench.say(f"live at 1 Hz {size[0]}x{size[1]}: output", goal, written, "B/s")
            bench.say(f"live at 1 Hz {size[0]}x{size[1]}: CPU", 3, cpu, "%")


def dialogs(bench: Bench) -> None:
    """Every key that opens something, and the key that closes it again."""
    with bench.behind("runs") as load:
        load.wait()
    with Tty([*bench.console(), *bench.flags]) as tty:
        tty.until_text(b"live", 40)
        bench.say("bytes to a stable screen, full history", 5000, tty.until_quiet(2), "B")
    with bench.open(watched=True) as tty:
        tty.until_quiet()
        for name, key in (("help", "?"), ("import", "i"), ("command", ":"), ("filter", "/"), ("a run", "\r")):
            before = tty.total
            tty.send(key.encode())
            opened = tty.until_quiet(1) - before
            before = tty.total
            tty.send(b"\x1b")
            closed = tty.until_quiet(1) - before
            bench.say(f"dialog {name}: bytes to open", 6000, opened, "B")
            bench.say(f"dialog {name}: bytes to close", 6000, closed, "B")
        for number in "23456":
            before = tty.total
            tty.send(number.encode())
            bench.say(f"section {number}: bytes", 6000, tty.until_quiet(1) - before, "B")


def link(bench: Bench) -> None:
    """A key's way to the screen, on a slow and far link, while everything changes."""
    with bench.behind("live"), bench.open(link=Link(rate=20_000, delay=0.04), watched=True) as tty:
        times = list[float]()
        for _ in range(6):
            for key, word in ((b":", " :"), (b"\x1b", "enter open")):
                time.sleep(0.7)
                tty.send(key)
                assert tty.screen is not None
                times.append(tty.until(lambda word=word: word in tty.screen.display[-1]))  # type: ignore[union-attr]
        bench.say("20 KB/s, 80 ms away: key to screen, median", None, median(times), "s")
        bench.say("20 KB/s, 80 ms away: key to screen, worst", 0.3, max(times), "s")


def page(bench: Bench) -> None:
    """Paging through the history."""
    with bench.behind("runs") as load:
        load.wait()
    with bench.open(watched=True) as tty:
        tty.send(b"2")
        tty.until_shown("board-39")
        tty.until_quiet()
        times = list[float]()
        for _ in range(30):
            assert tty.screen is not None
            before = list(tty.screen.display[5:20])
            tty.send(b"\x1b[6~")
            times.append(tty.until(lambda before=before: list(tty.screen.display[5:20]) != before, 5))  # type: ignore[union-attr]
            tty.until_quiet(0.15)
        bench.say("page down, median of 30", None, median(times) * 1000, "ms")
        bench.say("page down, p95", 100, percentile(times, 0.95) * 1000, "ms")


def outage(bench: Bench) -> None:
    """Redis is killed and comes back."""
    seconds = 60 if bench.minute else 10
    with bench.open(watched=True) as tty:
        tty.until_quiet()
        bench.redis.kill()
        bench.say("redis killed: seen after", 3, tty.until_shown("redis unreachable"), "s")
        written, cpu = tty.during(seconds)
        bench.say(f"redis away for {seconds} s: output", None, written, "B/s")
        bench.say(f"redis away for {seconds} s: CPU", None, cpu, "%")
        anyio.run(bench.redis.start)
        assert tty.screen is not None
        gone = tty.until(lambda: not any("unreachable" in line for line in tty.screen.display))  # type: ignore[union-attr]
        bench.say("redis back: recovered after", 3, gone, "s")


def burst(bench: Bench) -> None:
    """10,000 events a second for ten seconds, and keys meanwhile."""
    with bench.open(watched=True) as tty:
        tty.until_quiet()
        before, times = tty.memory(), list[float]()
        with bench.behind("burst") as load:
            tty.until_shown("burst-")
            while load.poll() is None:
                for key, word in ((b":", " :"), (b"\x1b", "enter open")):
                    tty.send(key)
                    assert tty.screen is not None
                    times.append(tty.until(lambda word=word: word in tty.screen.display[-1]))  # type: ignore[union-attr]
                    time.sleep(0.2)
            assert load.stdout is not None
            bench.say("burst: events a second, as published", None, float(load.stdout.read() or 0), "/s")
        time.sleep(2)
        bench.say("burst: a key's longest way", 0.5, max(times), "s")
        bench.say("burst: memory grown by", 5, tty.memory() - before, "MB")


def peers(bench: Bench) -> None:
    """Others on the same terminal."""
    commands = {"top": ["top", "-d", "1"], **{name: command.split() for name, command in bench.peers.items()}}
    for name, command in commands.items():
        with Tty(command) as tty:
            tty.until_quiet(0.9, 15)
            began = tty.total
            time.sleep(2)
            written, cpu = tty.during(10)
            bench.say(f"{name}: bytes at start", None, began, "B")
            bench.say(f"{name}: output", None, written, "B/s")
            bench.say(f"{name}: CPU", None, cpu, "%")
            bench.say(f"{name}: memory", None, tty.memory(), "MB")


PARTS: dict[str, Callable[[Bench], None]] = {
    part.__name__: part for part in (start, idle, live, dialogs, link, page, outage, burst, peers)
}


def main() -> int:
    arguments = argparse.ArgumentParser(description="Measure the console.")
    arguments.add_argument("parts", nargs="*", choices=[[], *PARTS])
    arguments.add_argument("--minute", action="store_true")
    arguments.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    arguments.add_argument("--flag", action="append", default=[], help="a flag for the console, as in --flag=--no-diff")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sources").mkdir()
        for i in range(3):
            text = f'url = "http://127.0.0.1:1/{i}"\nkind = "snapshot"\nschedule = ""\n'
            (folder / "sources" / f"board-{i}.toml").write_text(text)
        redis, mongo = RedisServer(folder / "redis"), MongoServer(folder / "mongo")
        anyio.run(redis.start)
        anyio.run(mongo.start)
        # Once for the byte code: nobody who is measured after it has it to write.
        subprocess.run([sys.executable, "-c", WARM], env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""}, check=True)
        peer = dict(text.split("=", 1) for text in asked.peer)
        bench = Bench(folder, redis, mongo, asked.flag, asked.minute, peer)
        print(f"{'':<44} {'goal':>10} {'measured':>10}")
        try:
            for part in asked.parts or PARTS:
                PARTS[part](bench)
        finally:
            anyio.run(redis.stop)
            anyio.run(mongo.stop)
    return int(any(line.endswith("MISS") for line in bench.lines))


if __name__ == "__main__":
    sys.exit(main())
