"""A call to MongoDB that never returns, as was seen after mongod was killed: nobody waits for it for ever."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from pymongo.asynchronous.collection import AsyncCollection

from tests.feed_server import FeedServer, Reply
from tests.listings import listings, rss
from tests.plant import Plant
from workers.actors import fetcher, reconciler
from workers.actors.closer import close
from workers.actors.desk import Desk
from workers.actors.fetcher import fetch
from workers.actors.upserter import upsert
from workers.model import Stats
from workers.model.batch import batch_id
from workers.store import batches, connect, runs

pytestmark = pytest.mark.anyio

CALLS = ("find_one", "find_one_and_update", "insert_one", "update_one", "update_many", "aggregate")


class Hanging:
    """The `at`-th call from now on hangs; every other one works."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self.calls = 0, 0
        self._monkeypatch = monkeypatch
        for name in CALLS:
            monkeypatch.setattr(AsyncCollection, name, self._wrapped(getattr(AsyncCollection, name)))

    def _wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapped(collection: Any, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self.at:
                await anyio.sleep_forever()
            return await call(collection, *args, **kwargs)

        return wrapped

    def hang(self, at: int) -> None:
        """0: no more."""
        self.at, self.calls = at, 0
        self._monkeypatch.setattr(connect, "HANGING_SECONDS", 0.2 if at else 30.0)

    @property
    def hung(self) -> bool:
        return 0 < self.at <= self.calls


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Hanging:
    monkeypatch.setattr(fetcher, "BEAT_EVERY", 0.3)
    return Hanging(monkeypatch)


async def test_a_fetch_ends_wherever_a_call_hangs_and_the_next_delivery_completes_it(
    plant: Plant, hanging: Hanging
) -> None:
    patient = plant.desk()
    plant.env["JOBIMPORT_QUEUE_MESSAGE_TIMEOUT"] = "500ms"
    desk = plant.desk()
    with FeedServer() as server:
        server.on("/feed", Reply(rss(listings(70))))
        plant.source("board", server.url("/feed"))
        for at in range(1, 100):
            run = await plant.request("board", force=True)
            hanging.hang(at)
            with anyio.fail_after(20):
                given_up = await _gives_up(desk, run.id)
            hung = hanging.hung
            assert given_up or not hung or await _has_ended(desk, run.id)
            hanging.hang(0)
            await fetch(patient, run.id, last_attempt=False)
            await _ends_well(patient, run.id, Stats(total=70, new=70) if at == 1 else Stats(total=70, unchanged=70))
            if not hung:
                break
        assert at > 8, "the call of every place has hung once"


async def _gives_up(desk: Desk, run: int) -> bool:
    try:
        await fetch(desk, run, last_attempt=False)
    except TimeoutError:
        return True
    return False


async def _has_ended(desk: Desk, run: int) -> bool:
    """What hung was only an answer that nobody needed."""
    found = await runs.get(desk.db, run)
    return found is not None and found.state != "fetching"


async def _ends_well(desk: Desk, run: int, stats: Stats) -> None:
    for number in range(await batches.next_number(desk.db, run)):
        await upsert(desk, batch_id(run, number))
    await close(desk, run)
    ended = await runs.get(desk.db, run)
    assert ended is not None
    assert (ended.state, ended.stats) in (("succeeded", stats), ("unchanged", Stats()))


async def test_the_reconciler_and_the_progress_go_on_after_a_call_that_hangs(
    plant: Plant, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "ROUND_SECONDS", 0.3)
    desk = plant.desk()
    for work in (lambda: reconciler.run(desk, every=0.05), desk.progress.run):
        hanging.hang(1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            with anyio.fail_after(10):
                while hanging.calls < 3:
                    desk.progress.mark(1)
                    await anyio.sleep(0.02)
            tasks.cancel_scope.cancel()
