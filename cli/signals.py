"""Ending a foreground command in order when its user or the system says so."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """What Ctrl-C, SIGTERM and the terminal's end do: cancel the task, once; its ``finally`` blocks do the rest."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.asked = asyncio.Event()
        self._task = task
        self._gentle = False
        self._cancelled = False

    @contextmanager
    def gently(self) -> Iterator[None]:
        """Inside, the first signal sets ``asked`` instead."""
        self._gentle = True
        try:
            yield
        finally:
            self._gentle = False

    def note_signal(self) -> None:
        """Take in a signal."""
        if self._gentle and not self.asked.is_set():
            self.asked.set()
        elif not self._cancelled:
            self._cancelled = True
            self._task.cancel()


@contextmanager
def end_on_signals() -> Iterator[Ending]:
    """Have signals end the current task in order."""
    task = asyncio.current_task()
    if task is None:
        raise TypeError("signals can only end a task")
    loop = asyncio.get_running_loop()
    ending = Ending(task)
    for number in _ENDING:
        loop.add_signal_handler(number, ending.note_signal)
    try:
        yield ending
    finally:
        for number in _ENDING:
            loop.remove_signal_handler(number)
