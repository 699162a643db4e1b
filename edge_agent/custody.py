"""The frames that a node has taken and not yet answered: the loop takes them in, and any thread may let them go."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from threading import Lock

from edge_agent.pipeline import Work
from edge_agent.post import Post


@dataclass(slots=True, eq=False)
class Held:
    """A frame, for whom it is done, and where its answer goes."""

    post: Post
    work: Work
    reply: str
    claimed: bool = field(default=False, init=False)


class Custody:
    """Holds frames, and sees to it that each is answered by one party only: whoever has claimed it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = Lock()
        self._held: dict[Held, None] = {}  # oldest first
        self._waiting: set[asyncio.Event] = set()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def frames(self) -> tuple[Held, ...]:
        """What is held, oldest first."""
        with self._lock:
            return tuple(self._held)

    def take(self, frame: Held) -> None:
        """Hold a frame."""
        with self._lock:
            self._held[frame] = None
            self.bytes += len(frame.work.payload)

    def claim(self, frame: Held) -> bool:
        """Undertake to answer a frame; False where somebody else has."""
        with self._lock:
            claimed, frame.claimed = frame.claimed, True
        return not claimed

    def release(self, frame: Held) -> None:
        """Let go of a frame, which was answered: nothing more is done with it."""
        with self._lock:
            if frame in self._held:
                del self._held[frame]
                self.bytes -= len(frame.work.payload)
            waiting = tuple(self._waiting)
        for event in waiting:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody is left who waits
                self._loop.call_soon_threadsafe(event.set)

    async def wait(self, within: float, *, of: Post | None = None) -> bool:
        """Wait until no frame, or none of one post, is held; False where that takes longer than so many seconds."""
        released = asyncio.Event()
        with self._lock:
            self._waiting.add(released)
        try:
            async with asyncio.timeout(within):
                while any(of is None or frame.post is of for frame in self.frames):
                    await released.wait()
                    released.clear()
        except TimeoutError:
            return False
        finally:
            with self._lock:
                self._waiting.discard(released)
        return True
