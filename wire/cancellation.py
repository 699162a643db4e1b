"""A repair for Python 3.11, whose ``asyncio.wait_for`` swallows a cancellation that comes together with the result.

nats-py waits with it everywhere. Loops that go on for ever must look, or nobody can end them.
"""

from __future__ import annotations

import asyncio


def heed_cancellation() -> None:
    """Raise the cancellation that this task was sent and did not see.

    Raises:
        asyncio.CancelledError: the task is to end.

    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
