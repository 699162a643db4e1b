"""Who gets the next frame: workers with a credit left; for the clients that have to do that themselves."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from benchmarks.frame_path.contender import IN_FLIGHT


class Credits:
    """So many frames a worker at a time; whoever has waited longest comes first, the least busy worker serves."""

    def __init__(self, workers: Iterable[int]) -> None:
        self._left = dict.fromkeys(workers, IN_FLIGHT)
        self._barred: set[int] = set()
        self._waiting: deque[asyncio.Future[int]] = deque()

    async def take(self) -> int:
        """Wait for a worker."""
        if not self._waiting and (found := self._find()) is not None:
            return found
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return await future

    def give(self, worker: int) -> None:
        """Give a credit back."""
        self._left[worker] += 1
        self._serve()

    def bar(self, worker: int) -> None:
        """Send it nothing for now."""
        self._barred.add(worker)

    def admit(self, worker: int) -> None:
        """Send it frames again."""
        self._barred.discard(worker)
        self._serve()

    def _find(self) -> int | None:
        free = [worker for worker, left in self._left.items() if left and worker not in self._barred]
        if not free:
            return None
        best = max(free, key=self._left.__getitem__)
        self._left[best] -= 1
        return best

    def _serve(self) -> None:
        while self._waiting:
            if self._waiting[0].cancelled():
                self._waiting.popleft()
                continue
            found = self._find()
            if found is None:
                return
            self._waiting.popleft().set_result(found)
