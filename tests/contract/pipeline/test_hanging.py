"""A call to MongoDB that never returns, as was seen after mongod was killed: nobody waits for it for ever."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
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
from workers.store.connect import Trouble, is_unreachable

pytestmark = pytest.mark.anyio

CALLS = (
    *("find_one", "find_one_and_update", "insert_one", "insert_many", "update_one", "update_many", "bulk_write"),
    *("delete_many", "count_documents", "aggregate"),
)


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
    return await _is_put_off(partial(fetch, desk, run, last_attempt=False))


async def _is_put_off(work: Callable[[], Awaitable[None]]) -> bool:
    """Whether a message ends as one does whose MongoDB is away: it is put off, and no attempt is used."""
    try:
        with anyio.fail_after(20):
            await work()
    except Trouble as error:
        assert is_unreachable(error)
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


async def test_an_upsert_and_a_close_are_put_off_wherever_a_call_hangs(plant: Plant, hanging: Hanging) -> None:
    """And the next delivery ends what was begun: each listing is counted once."""
    desk = plant.desk()
    feeds = [rss([*listings(20, start=n), listings(1, start=900)[0].changed(title=None)]) for n in range(1, 100)]
    hung: Counter[str] = Counter()
    with FeedServer() as server:
        server.on("/feed", *map(Reply, feeds))
        plant.source("board", server.url("/feed"), kind="snapshot")
        for at in range(1, 100):
            run = await plant.request("board", force=True)
            await fetch(desk, run.id, last_attempt=False)
            for name, work in (
                ("upsert", partial(upsert, desk, batch_id(run.id, 0))),
                ("close", partial(close, desk, run.id)),
            ):
                hanging.hang(at)
                put_off = await _is_put_off(work)
                hung[name] += hanging.hung
                assert put_off or not hanging.hung
                hanging.hang(0)
                await work()
            ended = await runs.get(plant.db, run.id)
            assert ended is not None
            expected = (
                Stats(total=21, new=20, failed=1)
                if at == 1
                else Stats(total=21, new=1, unchanged=19, failed=1, closed=1)
            )
            assert (ended.state, ended.stats, ended.error_log) == ("partial", expected, [])
            if at > max(hung.values()):
                break
    assert hung["upsert"] >= 6
    assert hung["close"] >= 10


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
