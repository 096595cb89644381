"""The adversary: one fault after the other, in an order and of kinds that the seed decides. It mends what it breaks."""

import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import anyio
from anyio.abc import TaskGroup

from tests.soak.crew import Crew
from tests.soak.members import Member
from tests.soak.site import Site
from tests.soak.waiting import until
from tests.soak.watch import consumers_of, in_hand, taken_up

Fault = Callable[[random.Random], Awaitable[None]]


class Adversary:
    """Breaks one thing at a time of each server, and workers as it likes."""

    def __init__(self, site: Site) -> None:
        self._site, self._plan = site, site.plan
        self._redis, self._mongo = anyio.Lock(), anyio.Lock()
        self._frozen: set[int | None] = set()
        self._tasks: TaskGroup | None = None
        self._faults: list[tuple[str, int, Fault]] = [
            ("kill worker", 8, self._kill_worker),
            ("kill manager", 3, self._kill_manager),
            ("stop manager", 2, self._stop_manager),
            ("freeze worker", 5, self._freeze_worker),
            ("freeze manager", 1, self._freeze_manager),
            ("kill redis", 3, self._kill_redis),
            ("freeze redis", 2, self._freeze_redis),
            ("cut redis", 3, self._cut_redis),
            ("refuse redis", 1, self._refuse_redis),
            ("silence redis", 1, self._silence_redis),
            ("kill primary", 3, self._kill_primary),
            ("freeze primary", 2, self._freeze_primary),
            ("silence primary", 1, self._silence_primary),
            ("kill secondary", 1, self._kill_secondary),
            ("cut mongodb", 2, self._cut_mongo),
        ]
        if self._plan.flushes:
            self._faults.append(("flush redis", 1, self._flush_redis))

    async def run(self) -> None:
        """Break things until the plan's time is over; returns when all is mended."""
        rng = self._plan.rng("adversary")
        weights = [weight for _, weight, _ in self._faults]
        async with anyio.create_task_group() as self._tasks:
            with anyio.move_on_after(self._plan.seconds):
                for number in range(1_000_000):
                    await anyio.sleep(rng.uniform(*self._plan.gap))
                    name, _, fault = rng.choices(self._faults, weights)[0]
                    self._tasks.start_soon(self._strike, name, fault, self._plan.rng("fault", number))
        self._tasks = None

    async def _strike(self, name: str, fault: Fault, rng: random.Random) -> None:
        self._site.faults[name] += 1
        self._site.journal.say(f"{name} ...")
        await fault(rng)
        self._site.journal.say(f"{name}: mended")

    def _crew(self, rng: random.Random) -> Crew:
        return rng.choice(self._site.crews)

    async def _kill(self, kind: str, pid: int, victims: Sequence[int]) -> None:
        """SIGKILL, and from then on watch what its victims held."""
        site = self._site
        consumers = await consumers_of(site, victims)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        killed_at = time.time()
        held = await in_hand(site, consumers)
        assert self._tasks is not None
        self._tasks.start_soon(taken_up, site, kind, held, killed_at)

    async def _kill_worker(self, rng: random.Random) -> None:
        if children := self._crew(rng).children():
            pid = rng.choice(children)
            await self._kill("worker", pid, [pid])

    async def _kill_manager(self, rng: random.Random) -> None:
        crew = self._crew(rng)
        if (pid := crew.pid) is not None:
            await self._kill("manager", pid, crew.children())

    async def _stop_manager(self, rng: random.Random) -> None:
        crew = self._crew(rng)
        frozen = self._frozen.intersection([crew.pid, *crew.children()])
        try:
            seconds = await crew.terminate()
        except TimeoutError:
            self._site.violated(f"worker {crew.name} had not gone 60 s after SIGTERM")
            return
        if seconds is not None and not frozen:
            self._site.exits_busy.append(seconds)

    async def _freeze_worker(self, rng: random.Random) -> None:
        if children := self._crew(rng).children():
            await self._freeze(rng.choice(children), rng.uniform(1.0, self._plan.freeze_most))

    async def _freeze_manager(self, rng: random.Random) -> None:
        if (pid := self._crew(rng).pid) is not None:
            await self._freeze(pid, rng.uniform(1.0, 8.0))

    async def _freeze(self, pid: int | None, seconds: float) -> None:
        if pid is None:
            return
        self._frozen.add(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            await anyio.sleep(seconds)
            os.kill(pid, signal.SIGCONT)
        self._frozen.discard(pid)

    async def _kill_redis(self, rng: random.Random) -> None:
        server = self._site.redis_server
        async with self._redis:
            server.kill()
            killed_at = time.time()
            await anyio.sleep(rng.uniform(0.1, 3.0))
            await server.start()
            self._site.up_after.append(("redis", killed_at, time.time()))

    async def _freeze_redis(self, rng: random.Random) -> None:
        async with self._redis:
            await self._freeze(self._site.redis_server.pid, rng.uniform(0.5, 8.0))

    async def _flush_redis(self, rng: random.Random) -> None:
        del rng
        async with self._redis:
            await self._site.plant.redis.flushall()

    async def _cut_redis(self, rng: random.Random) -> None:
        del rng
        self._site.proxy.cut("redis")

    async def _refuse_redis(self, rng: random.Random) -> None:
        self._site.proxy.refuse("redis")
        await anyio.sleep(rng.uniform(0.5, 5.0))
        self._site.proxy.accept("redis")

    async def _silence_redis(self, rng: random.Random) -> None:
        await self._silence("redis", rng.uniform(0.5, 8.0))

    async def _silence(self, name: str, seconds: float) -> None:
        self._site.proxy.silence(name)
        await anyio.sleep(seconds)
        self._site.proxy.flow(name)

    async def _primary(self) -> int:
        found: int | None = None

        async def look() -> bool:
            nonlocal found
            found = await self._site.replica.primary()
            return found is not None

        assert await until(look, 120) and found is not None, "no primary for two minutes"
        return found

    async def _kill_primary(self, rng: random.Random) -> None:
        async with self._mongo:
            number = await self._primary()
            killed_at = time.time()
            self._site.replica.members[number].kill()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._note_election, killed_at)
                await anyio.sleep(rng.uniform(0.5, 4.0))
                await self._rejoin(self._site.replica.members[number])

    async def _note_election(self, killed_at: float) -> None:
        await self._primary()
        self._site.up_after.append(("primary", killed_at, time.time()))

    async def _rejoin(self, member: Member) -> None:
        """Start it again and wait until it is one of the set, so that the next fault leaves a majority."""
        await member.start()
        assert await until(member.is_member, 120), "a mongod did not rejoin its set in two minutes"

    async def _freeze_primary(self, rng: random.Random) -> None:
        async with self._mongo:
            member = self._site.replica.members[await self._primary()]
            await self._freeze(member.pid, rng.uniform(1.0, 10.0))

    async def _silence_primary(self, rng: random.Random) -> None:
        async with self._mongo:
            await self._silence(f"mongo{await self._primary()}", rng.uniform(1.0, 8.0))

    async def _kill_secondary(self, rng: random.Random) -> None:
        async with self._mongo:
            primary = await self._primary()
            member = self._site.replica.members[(primary + rng.choice((1, 2))) % 3]
            member.kill()
            await anyio.sleep(rng.uniform(0.5, 4.0))
            await self._rejoin(member)

    async def _cut_mongo(self, rng: random.Random) -> None:
        self._site.proxy.cut(f"mongo{rng.randrange(3)}")
