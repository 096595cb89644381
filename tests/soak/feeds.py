"""Boards whose listings change from generation to generation, and a server that does not always give them out.

A board stays at one generation until the run that reads it has ended, so that the oracle knows what was to be read.
"""

import gzip
import random
from dataclasses import dataclass, field
from typing import Literal

from tests.feed_server import Call, FeedServer, Reply
from tests.listings import Listing, rss
from tests.soak.plan import Plan

CHANGED, COME, GONE = 0.01, 0.002, 0.002
"""Shares of a board that change, come and go from one generation to the next."""

WORDS = ("platform", "service", "team", "customers", "data", "reliability", "linux", "on-call", "growth", "review")

Mood = Literal["calm", "mild", "down", "torn"]


@dataclass(frozen=True)
class Generation:
    """What a feed holds: version by listing number, in the feed's order. Listings in `untitled` will be rejected."""

    number: int
    versions: dict[int, int]
    untitled: frozenset[int]
    repeats: int


@dataclass
class Board:
    """One source's feed. `snapshot` boards close what is gone."""

    name: str
    kind: Literal["snapshot", "window"]
    size: int
    rng: random.Random
    zipped: bool
    tagged: bool
    generation: Generation = field(init=False)
    mood: Mood = "calm"
    asked: int = 0
    refused: int = 0
    torn: int = 0
    _texts: dict[int, str] = field(default_factory=dict[int, str])
    _body: bytes = b""
    _packed: bytes = b""
    _top: int = 0

    def __post_init__(self) -> None:
        untitled = frozenset(self.rng.sample(range(1, self.size + 1), 3)) if self.kind == "window" else frozenset[int]()
        self._top = self.size
        self.generation = Generation(1, dict.fromkeys(range(1, self.size + 1), 1), untitled, repeats=2)
        self._write()

    def advance(self) -> None:
        """Go on to the next generation: a few change, a few go, a few come."""
        old, rng = self.generation, self.rng
        versions = dict(old.versions)
        numbers = list(versions)
        for number in rng.sample(numbers, max(1, int(len(numbers) * CHANGED))):
            versions[number] += 1
        for number in rng.sample(numbers, int(len(numbers) * GONE)):
            del versions[number]
        for _ in range(int(self.size * COME)):
            self._top += 1
            versions[self._top] = 1
        self.generation = Generation(old.number + 1, versions, old.untitled, old.repeats)
        self._write()

    def title(self, number: int, version: int) -> str:
        """A listing's title; its number comes after it."""
        return f"Engineer, revision {version} of"

    def _listing(self, number: int, version: int) -> Listing:
        text = self._texts.get(number)
        if text is None:
            text = self._texts[number] = " ".join(self.rng.choices(WORDS, k=self.rng.randint(40, 120)))
        title = None if number in self.generation.untitled else self.title(number, version)
        return Listing(number, title=title, body=text, location=f"Town {number % 97}")

    def _write(self) -> None:
        items = [self._listing(number, version) for number, version in self.generation.versions.items()]
        self._body = rss([*items, *items[: self.generation.repeats]])
        self._packed = gzip.compress(self._body, 1) if self.zipped else b""

    def answer(self, call: Call) -> None:
        """Give the feed out, or fail as the mood is."""
        self.asked += 1
        chance = self.rng.random()
        if self.mood == "down" or (self.mood == "mild" and chance < 0.07):
            self.refused += 1
            call.reply(Reply(status=503, headers={"Retry-After": "1"}))
        elif self.mood == "torn" or (self.mood == "mild" and chance < 0.15):
            self.torn += 1
            self._tear(call)
        else:
            call.reply(self._reply(self._packed if self.zipped else self._body))

    def _tear(self, call: Call) -> None:
        """Half a body: less than was promised, or a document without its end, or a connection that breaks."""
        whole = self._packed if self.zipped else self._body
        share, way = self.rng.uniform(0.05, 0.95), self.rng.randrange(3)
        if way == 0:
            call.reply(self._reply(whole, cut=int(len(whole) * share)))
        elif way == 1:
            part = self._body[: int(len(self._body) * share)]
            call.reply(self._reply(gzip.compress(part, 1) if self.zipped else part))
        else:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {len(self._body)}\r\n\r\n"
            call.send(head.encode() + self._body[: int(len(self._body) * share)])
            call.reset()

    def _reply(self, data: bytes, cut: int | None = None) -> Reply:
        headers = {"Content-Encoding": "gzip"} if self.zipped else {}
        etag = f'"{self.name}-{self.generation.number}"' if self.tagged else None
        return Reply(data, headers=headers, etag=etag, cut=cut)


def boards(plan: Plan, server: FeedServer) -> list[Board]:
    """Five boards of sizes that the seed draws, served at /NAME."""
    made: list[Board] = []
    for i, name in enumerate(("alder", "birch", "cedar", "doug", "elm")):
        rng = plan.rng("board", name)
        size = rng.randint(plan.least, plan.most)
        board = Board(name, "snapshot" if i % 2 == 0 else "window", size, rng, zipped=i < 3, tagged=i in (0, 3))
        server.on(f"/{name}", board.answer)
        made.append(board)
    return made
