"""Saved searches tell what is new since their user last looked: nothing is missed, and nobody sees another's."""

from datetime import timedelta

import pytest

from tests.contract.store.making import NOW, SOURCE, item, normalise
from workers.errors import ConfigError
from workers.query import QueryError
from workers.store import jobs, watches
from workers.store.connect import Database
from workers.store.documents import utc_now
from workers.store.search import search

SECOND = timedelta(seconds=1)


async def seen(db: Database, id: int, title: str, seconds: float) -> None:
    """A listing that a worker stamped so many seconds from now."""
    await jobs.upsert(db, 1, SOURCE, [item(id, title)], normalise, utc_now() + seconds * SECOND)


async def new(db: Database, name: str, user: str = "ann") -> list[str]:
    watch = await watches.get(db, user, name)
    found = sorted(row.title for row in await search(db, watch.new))
    assert await watches.count_new(db, watch) == len(found)
    return found


async def test_new_is_what_came_since_the_last_look(ready_db: Database):
    await seen(ready_db, 1, "python old", -60)
    await watches.add(ready_db, "ann", "py", "python ")
    assert await new(ready_db, "py") == []
    await seen(ready_db, 2, "python new", 5)
    await seen(ready_db, 3, "java new", 5)
    assert await new(ready_db, "py") == ["python new"]
    await watches.looked(ready_db, "ann", "py", utc_now() + 60 * SECOND)
    assert await new(ready_db, "py") == []


async def test_what_was_stamped_before_a_look_and_written_after_it_is_not_missed(ready_db: Database):
    await watches.add(ready_db, "ann", "py", "python ")
    look = utc_now() + 100 * SECOND
    await watches.looked(ready_db, "ann", "py", look)
    await seen(ready_db, 1, "python late", 100 - 29)
    assert await new(ready_db, "py") == ["python late"]


async def test_an_earlier_look_does_not_take_back_a_later_one(ready_db: Database):
    await watches.add(ready_db, "ann", "py", "python ")
    await watches.looked(ready_db, "ann", "py", utc_now() + 200 * SECOND)
    await watches.looked(ready_db, "ann", "py", utc_now() + 100 * SECOND)
    await seen(ready_db, 1, "python", 120)
    assert await new(ready_db, "py") == []


async def test_watches_are_their_users_own(ready_db: Database):
    await watches.add(ready_db, "ann", "py", "python ")
    await watches.add(ready_db, "bob", "py", "java ")
    await watches.add(ready_db, "ann:py", "a", "c")
    assert [(watch.name, watch.query) for watch in await watches.of_user(ready_db, "ann")] == [("py", "python")]
    await watches.looked(ready_db, "ann", "py", NOW + timedelta(days=4000))
    assert (await watches.get(ready_db, "bob", "py")).looked_at < NOW + timedelta(days=3000)
    await watches.remove(ready_db, "ann", "py")
    assert [watch.query for watch in await watches.of_user(ready_db, "bob")] == ["java"]
    with pytest.raises(ConfigError, match="a watch of ann"):
        await watches.remove(ready_db, "ann", "py")


async def test_what_cannot_be_watched_is_refused(ready_db: Database):
    for name in ("", "A", "a b", "$where", "x" * 41):
        with pytest.raises(ConfigError, match="1 to 40"):
            await watches.add(ready_db, "ann", name, "python")
    with pytest.raises(QueryError):
        await watches.add(ready_db, "ann", "py", "salary:lots")
    for n in range(watches.MOST):
        await watches.add(ready_db, "ann", f"w{n}", "python")
    with pytest.raises(ConfigError, match="at most 50"):
        await watches.add(ready_db, "ann", "more", "python")
    with pytest.raises(ConfigError, match="no other watch"):
        await watches.add(ready_db, "bob", "py", "python") and await watches.add(ready_db, "bob", "py", "java")
