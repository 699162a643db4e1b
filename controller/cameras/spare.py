"""A reader that has started and waits for a camera, for who takes one over from a controller that died.

To start Python and to load FFmpeg would take longer than to see that the other is dead, on a busy machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field

from controller.cameras.child import ReaderChild, running_reader, start_reader
from controller.cameras.source import Kind
from controller.cameras.spec import ReaderSpec

CALM_S = 2.0
"""A spare is started once its need has lasted so long: cameras that start now need the processor more."""

CHECK_S = 10.0

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Idle:
    """A reader without a camera, and how to end it."""

    stack: contextlib.AsyncExitStack
    child: ReaderChild = field(init=False)
    conceal: Callable[[str], str] = str  # it knows no secrets before it is briefed

    def print(self, text: str) -> str:
        return self.conceal(text)


class SpareReader:
    """Keeps one reader ready while a camera may come. Costs the memory of a reader, some 40 MB."""

    def __init__(self) -> None:
        self._kinds: frozenset[Kind] = frozenset()
        self._idle: _Idle | None = None
        self._changed = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether one waits."""
        return self._idle is not None and self._idle.child.alive

    def want(self, kinds: Collection[Kind]) -> None:
        """Say of what kinds cameras may come; none: no spare is kept."""
        if self._kinds != (kinds := frozenset(kinds) - {"push"}):
            self._kinds = kinds
            self._changed.set()

    @contextlib.asynccontextmanager
    async def running_reader(self, spec: ReaderSpec, conceal: Callable[[str], str]) -> AsyncIterator[ReaderChild]:
        """Run a reader as :func:`controller.cameras.child.running_reader` does: the spare one, where there is one."""
        if not self.ready or self._idle is None:
            async with running_reader(spec, conceal) as child:
                yield child
            return
        idle, self._idle = self._idle, None
        self._changed.set()
        async with idle.stack:
            idle.conceal = conceal
            idle.child.brief(spec)
            yield idle.child

    async def run(self) -> None:
        """Keep one ready until cancelled."""
        try:
            while True:
                self._changed.clear()
                if self._idle is not None and not (self._kinds and self._idle.child.alive):
                    await self._dismiss()
                if self._kinds and self._idle is None:
                    if await self._wait_changed(CALM_S):
                        continue
                    await self._start()
                await self._wait_changed(CHECK_S)
        finally:
            await self._dismiss()

    async def _start(self) -> None:
        idle = _Idle(contextlib.AsyncExitStack())
        try:
            idle.child = await start_reader(idle.stack, idle.print, sorted(self._kinds))
        except BaseException as error:
            await idle.stack.aclose()
            if not isinstance(error, OSError):
                raise
            _log.warning("no spare reader: %s", error.strerror, extra={"action": "spare_reader"})
        else:
            self._idle = idle

    async def _dismiss(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None:
            await idle.stack.aclose()

    async def _wait_changed(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True
