"""A hostile feed, imported for real, looked at everywhere: it is shown, and it steers nothing."""

import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pyte
import pytest
from rich.color import ColorSystem
from textual._compositor import CompositorUpdate
from textual.pilot import Pilot

from jobimport_tui.app import ConsoleApp
from jobimport_tui.display.glyphs import Glyphs
from jobimport_tui.display.wire import Wire
from jobimport_tui.gateway.live import LiveGateway
from jobimport_tui.session import Session
from tests.feed_server import Call, FeedServer, Reply
from tests.plant import Plant
from workers.actors.closer import close
from workers.actors.fetcher import fetch
from workers.actors.upserter import upsert
from workers.events.publish import publish
from workers.model import Event
from workers.queue import registry
from workers.queue.dead import Death, encode_death
from workers.queue.lanes import FAILED
from workers.queue.message import Message
from workers.store import runs

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("servers")]

EVIL = [
    "\x1b[31mred\x1b[0m \x1b]0;owned\x07 \x1b[2J",
    "\x9b31m\x90q\x9c eight bits",
    "\u202egnp.exe \u2066isolated\u2069 \u200f",
    "a\u200bb\u200cc\u200dd\u2060e\ufeff\u00adzero",
    "[@click=app.exit]click[/] [bold red]markup[/] [/]",
    "z" * 10_000,
    "データエンジニア東京" * 60,
    "👩‍💻 👨‍👩‍👧‍👦 🇩🇪 ✈️ emoji",
    "Z" + "\u0300\u0301\u0302\u0303\u0304" * 40 + "algo",
    "line\u2028separator\rcarriage\nfeed\ttab",
    "{{0.__class__}} %s %(x)s $PATH `id`",
]
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u00ad]")
NAMED = ("eight bits", "gnp.exe", "click", "zzzz", "データ", "emoji", "algo", "separator")


def feed() -> bytes:
    jobs = [
        {
            "slug": f"evil-{i}{text[:40]}",
            "company_name": text,
            "title": text,
            "description": f"<p>{text}</p>" + "<b>" * 500 + "x" * 5000,
            "remote": False,
            "url": "https://an.example/" + text[:80],
            "tags": [text],
            "job_types": ["Vollzeit"],
            "location": text,
            "created_at": 1772528400 + i,
        }
        for i, text in enumerate(EVIL)
    ]
    rejected = [
        {"slug": f"no-title-{i}", "company_name": text, "title": "", "url": text} for i, text in enumerate(EVIL)
    ]
    return json.dumps({"data": jobs + rejected, "links": {}, "meta": {}}).encode()


def answer(call: Call) -> None:
    """The feed is one page; the second is empty, as where a board ends."""
    body = b'{"data": []}' if "page=" in call.request.path else feed()
    call.reply(Reply(body, content_type="application/json"))


async def imported(plant: Plant, server: FeedServer) -> int:
    plant.source("board", server.on("/feed", answer), kind="snapshot")
    run = await plant.request("board")
    await fetch(plant.desk(), run.id, last_attempt=False)
    rows = plant.db["import_batches"].find({"run": run.id, "size": {"$gt": 0}}, {"_id": 1})
    for row in [row["_id"] async for row in rows]:
        await upsert(plant.desk(), row)
    await close(plant.desk(), run.id)
    ended = await runs.get(plant.db, run.id)
    assert ended is not None and ended.stats.new >= len(NAMED), ended
    assert ended.stats.failed
    return run.id


async def troubled(plant: Plant) -> None:
    """What is not a listing and yet may hold what a feed, or a worker, said."""
    for text in EVIL:
        await publish(plant.redis, Event(kind="action", at=1e9, source=text[:60], user=text, text=text))
        death = Death(reason="attempts", kind=text[:40], error=text, attempts=3, deliveries=3, worker=text[:40])
        message = Message(stage="upsert", run=7, source="board", batch="7:0001")
        await plant.redis.xadd(FAILED, {"lane": "upsert", "data": message.encode(), "meta": encode_death(death)})
    worker = registry.WorkerBeat(id="\x1b[2Jhost:1", host=EVIL[2], pid=1, lanes=["fetch"], slots=4, busy=1, done=7)
    await registry.beat(plant.redis, worker)


class Watched(ConsoleApp):
    """A console whose every frame also goes over the wire to an emulator."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.sent = ""
        self.emulator = pyte.Screen(100, 30)
        self.emulator.reset_mode(7, private=True)
        self.copper = Wire(self._arrive, lambda: False, ColorSystem.TRUECOLOR)

    def _arrive(self, text: str) -> None:
        self.sent += text
        pyte.Stream(self.emulator).feed(text)

    def _display(self, screen: object, renderable: object) -> None:
        if isinstance(renderable, CompositorUpdate) and not self._batch_count:
            self.copper.take(renderable, self.size, (0, 0))
        super()._display(screen, renderable)  # type: ignore[arg-type]


class Look:
    """What is on the screen now, held to the rules at every look."""

    def __init__(self, app: Watched, pilot: Pilot[int]) -> None:
        self.app, self.pilot, self.read = app, pilot, ""

    async def at(self, *keys: str, until: str = "") -> str:
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()
        for _ in range(200):
            await self.pilot.pause(0.02)
            if not until or until in self.text():
                break
        else:
            raise AssertionError(f"{until!r} is not in\n{self.text()}")
        width = self.app.size.width
        strips = self.app.screen._compositor.render_strips()
        assert all(strip.cell_length == width for strip in strips)
        assert not STEERING.search(self.text())
        assert len({len(line) for line in self.text().split("\n")}) <= len(strips)
        self.read += self.text()
        return self.text()

    def text(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())


@asynccontextmanager
async def looking(plant: Plant) -> AsyncIterator[Look]:
    gateway = LiveGateway(plant.config, clock=time.time)
    app = Watched(Session(gateway, clock=time.time, glyphs=Glyphs()))
    async with app.run_test(size=(100, 30)) as pilot:
        yield Look(app, pilot)


async def test_a_hostile_feed_is_shown_inert_in_every_place(plant: Plant) -> None:
    with FeedServer() as server:
        run_id = await imported(plant, server)
    await troubled(plant)
    async with looking(plant) as look:
        await look.at(until="eight bits")  # the overview: events
        await look.at("2", until="board")
        await look.at("enter", until="BATCHES")
        await look.at("G", until="REJECTED")
        for _ in range(4):
            await look.at("pagedown")
        await look.at("escape", "3", until="board")
        await look.at("enter", "pagedown", "pagedown")
        await look.at("escape", "4", until="emoji")
        for _ in range(len(EVIL)):
            await look.at("enter", "pagedown", "escape", "j")
        await look.at("slash", *"gnp", "enter")
        await look.at("escape", "5", until="isolated")
        await look.at("enter", "escape", "6", until="board")
        await look.at("i", "escape", "colon", *"run", "escape")
        await look.at("question_mark", "escape")
        look.app.session.say(EVIL[0] + EVIL[2] + EVIL[4], "warn")
        assert "[@click=app.exit]" in await look.at("1", until="[@click=")
        missing = [word for word in NAMED if word not in look.read]
        assert not missing
        assert look.app.is_running and f"{run_id}" in look.read
        sent = re.sub(r"\x1b\[(?:[0-9;]*[mHGCnKX]|\?2026[hl])|\r\n", "", look.app.sent)
        assert not STEERING.search(sent)
        assert look.app.emulator.display[0].startswith(" JOBIMPORT")


VERBS = (
    ("jobs", "search"),
    ("runs", "list"),
    ("runs", "show", "1"),
    ("failed", "list"),
    ("workers", "list"),
    ("sources", "show", "board"),
)


async def test_no_table_of_the_command_steers_a_terminal(plant: Plant) -> None:
    with FeedServer() as server:
        await imported(plant, server)
    await troubled(plant)
    said = ""
    for verb in VERBS:
        with anyio.fail_after(30):
            command = [sys.executable, "-m", "jobimport_tui.cli.main", *verb]
            done = await anyio.run_process(command, env=plant.env, check=False)
        said += done.stdout.decode() + done.stderr.decode()
        assert done.returncode == 0, (verb, done)
    # Joiners and soft hyphens steer nothing, and languages are written with them: a shell's own business.
    assert not STEERING.search(re.sub("[\u200c\u200d\u00ad]", "", said))
    assert [word for word in NAMED if word not in said] == []
