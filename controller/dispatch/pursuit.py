"""What has been tried for one frame, and what is waited for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from controller.dispatch.job import Job
from controller.dispatch.pool import NO_BANS, NOBODY, Ban, Slot, Spent
from wire.errors import BrambleError
from wire.messages import Answer

Attempt = asyncio.Task[tuple[Answer, Spent]]


@dataclass(slots=True, eq=False)
class Pursuit:
    """One frame on its way to exactly one answer or error; times are the dispatcher's."""

    job: Job
    waited_s: float
    running: dict[Attempt, Slot] = field(default_factory=dict)
    seeking: asyncio.Task[Slot | None] | None = None  # a slot for one more attempt
    without: frozenset[Ban] = NO_BANS  # nodes that failed it
    avoid: frozenset[str] = NOBODY  # nodes of which one keeps silent
    absent: bool = False  # the last failure was that a node was not there: it may come back in time
    tries: int = 0  # that may have been begun
    doubt_at: float | None = None  # when the nodes are asked whether they are there still; None: they were asked
    look_at: float = 0.0  # when the attempts count as overdue
    gone: frozenset[str] = NOBODY  # nodes on the way of an attempt, since it began
    error: BrambleError | None = None  # the last one
    news: asyncio.Future[None] | None = None  # something has ended; set while that is waited for

    @property
    def nodes(self) -> set[str]:
        """The nodes that may have the frame."""
        return {node for slot in self.running.values() for node in slot.nodes}

    def tell(self) -> None:
        """Wake whoever waits for news."""
        if self.news is not None and not self.news.done():
            self.news.set_result(None)

    def note_gone(self, node: str) -> None:
        """Take note that a node is gone, and the frame with it if it had it."""
        if node in self.nodes:
            self.gone |= {node}
            self.tell()
