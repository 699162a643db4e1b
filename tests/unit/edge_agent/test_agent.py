"""The agent's supervision of its own tasks."""

from __future__ import annotations

import asyncio

import pytest

from edge_agent.agent import TaskEndedError, _cancel, _watch
from edge_agent.pipeline import StuckError


async def _forever() -> None:
    await asyncio.Event().wait()


async def _die() -> None:
    raise LookupError("lost")


async def _return() -> None:
    return


def _never() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def test_a_task_that_dies_ends_the_agent_with_its_name_and_cause() -> None:
    tasks = {asyncio.create_task(_forever(), name="heart"), asyncio.create_task(_die(), name="reconciler")}
    with pytest.raises(TaskEndedError, match="'reconciler' ended") as caught:
        await _watch(tasks, _never(), asyncio.Event())
    assert isinstance(caught.value.__cause__, LookupError)
    await _cancel({task for task in tasks if not task.done()})


async def test_a_task_that_merely_returns_ends_the_agent_too() -> None:
    with pytest.raises(TaskEndedError, match="'heart' ended"):
        await _watch({asyncio.create_task(_return(), name="heart")}, _never(), asyncio.Event())


async def test_a_lost_thread_ends_the_agent() -> None:
    lost = _never()
    lost.set_exception(StuckError("the runtime does not return"))
    task = asyncio.create_task(_forever())
    with pytest.raises(StuckError, match="does not return"):
        await _watch({task}, lost, asyncio.Event())
    await _cancel({task})


async def test_being_told_to_stop_is_no_failure_and_leaves_the_tasks_running() -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(_forever())
    stop.set()
    await _watch({task}, _never(), stop)
    assert not task.done()
    await _cancel({task})
    assert task.cancelled()


async def test_a_task_that_swallows_its_first_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(_cancel({task}), 5)
    assert swallowed == 1
    assert task.cancelled()
