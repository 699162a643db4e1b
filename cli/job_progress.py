"""How far a batch is: bars on a terminal, a line now and then anywhere else. All on stderr."""

from __future__ import annotations

import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.output import print_note

LINE_EVERY_S = 5.0


class JobProgress:
    """Two bars: pictures submitted, jobs ended."""

    def __init__(self, total: int, *, wait: bool) -> None:
        console = Console(stderr=True)
        self._total = total
        self._wait = wait
        self._live = console.is_terminal
        self._said_at = time.monotonic()
        self._submitted = self._ended = self._failed = 0
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=console, disable=not self._live)
        self._sending = self._bars.add_task("submitted", total=total)
        self._ending = self._bars.add_task("ended", total=total, visible=wait)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def note_submitted(self, count: int, jobs: int) -> None:
        """Show how many pictures have been dealt with, and how many jobs came of all of them so far."""
        self._submitted = count
        self._bars.update(self._sending, completed=count)
        if count == self._total:
            self._bars.update(self._ending, total=jobs)
        self._say()

    def note_ended(self, count: int, failed: int) -> None:
        """Show how many jobs have ended."""
        self._ended, self._failed = count, failed
        text = f"ended ({failed} failed)" if failed else "ended"
        self._bars.update(self._ending, completed=count, description=text)
        self._say()

    def note_trouble(self, text: str) -> None:
        """Say what holds things up, or that nothing does any more."""
        if self._live:
            self._bars.update(self._sending, description=f"submitted ({text})" if text else "submitted")
        else:
            print_note(text or "going on")

    def _say(self) -> None:
        now = time.monotonic()
        if self._live or now - self._said_at < LINE_EVERY_S:
            return
        self._said_at = now
        ended = f", {self._ended} ended, {self._failed} failed" if self._wait else ""
        print_note(f"{self._submitted} of {self._total} pictures submitted{ended}")
