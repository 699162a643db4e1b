from __future__ import annotations

import asyncio
import os
import signal

import pytest

from cli.signals import end_on_signals

WAIT_S = 10.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_cancels_the_task_and_its_cleaning_up_is_not_disturbed_by_a_second(number: int) -> None:
    steps: list[str] = []

    async def work() -> None:
        with end_on_signals():
            try:
                steps.append("began")
                os.kill(os.getpid(), number)
                await asyncio.Event().wait()
            finally:
                os.kill(os.getpid(), number)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                steps.append("tidied up")

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.create_task(work()), WAIT_S)
    assert steps == ["began", "tidied up"]


async def test_a_gentle_signal_asks_first_and_the_second_cancels() -> None:
    asked: list[bool] = []

    async def work() -> None:
        with end_on_signals() as ending, ending.gently():
            os.kill(os.getpid(), signal.SIGINT)
            await ending.asked.wait()
            asked.append(True)
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.create_task(work()), WAIT_S)
    assert asked == [True]
