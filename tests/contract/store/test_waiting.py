"""A lock that is waited under is given back by whoever is cancelled: a console that is left must not hang."""

import asyncio

import anyio
import anyio.lowlevel
from pymongo.asynchronous import topology
from pymongo.lock import (
    _async_create_condition,  # pyright: ignore[reportPrivateUsage]
    _async_create_lock,  # pyright: ignore[reportPrivateUsage]
)

from workers.store import connect


async def test_waiters_that_are_cancelled_together_leave_the_lock():
    assert connect.waiting
    condition = _async_create_condition(_async_create_lock())
    waiting = 0

    async def wait() -> None:
        nonlocal waiting
        async with condition:
            waiting += 1
            await topology._async_cond_wait(condition, 60)  # pyright: ignore[reportPrivateUsage]

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(wait)
        while waiting < 4:
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in others if "Condition.wait" in repr(task)]
    with anyio.fail_after(5):
        async with condition:
            pass


async def test_who_waits_too_long_is_told():
    condition = _async_create_condition(_async_create_lock())
    async with condition:
        assert await topology._async_cond_wait(condition, 0.01) is False  # pyright: ignore[reportPrivateUsage]
        assert condition.locked()
