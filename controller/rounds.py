"""Goes round the nodes that may get work, so that one which is gone gets none before a frame was lost on it.

A process that dies leaves the server at once, long before its silence says anything; and the server tells whoever asks
a subject that nobody listens there (status 503, NATS ADR-4). A node that hangs keeps its connection: its silence is
judged by :mod:`controller.membership`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from controller.dispatch.pool import Pool
from wire import subjects
from wire.bus import Link
from wire.errors import BusError, NoRespondersError

EVERY_S = 0.4
"""From one round to the next: a question of no bytes to each node, answered with none."""

_log = logging.getLogger("bramble.nodes")


class Rounds:
    """Asks, and has the pool lose who is gone; the next heartbeat admits a node again."""

    def __init__(self, pool: Pool, link: Link, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._link = link
        self._clock = clock
        self._doubted: dict[str, asyncio.Task[None]] = {}  # by node: out of turn

    def doubt(self, node: str) -> None:
        """Ask a node out of turn, unless that is under way: a frame has been there for long."""
        if node not in self._doubted:
            self._doubted[node] = asyncio.create_task(self._ask(node), name=f"doubt-{node}")
            self._doubted[node].add_done_callback(lambda _: self._doubted.pop(node))

    async def run(self) -> None:
        """Go round for ever."""
        while True:
            due = self._clock() + EVERY_S
            async with asyncio.TaskGroup() as asking:
                for node in self._pool.admitted:
                    asking.create_task(self._ask(node), name=f"round-{node}")
            await asyncio.sleep(max(0.0, due - self._clock()))

    async def _ask(self, node: str) -> None:
        try:
            await self._link.request(subjects.NODE_PROBE.build(node=node), within=EVERY_S)
        except NoRespondersError:
            self._pool.lose(node)
            _log.warning("nobody listens at the node any more", extra={"action": "bar", "node": node})
        except BusError as error:  # it answered late, or the server is away: neither says that the node is gone
            _log.debug("no word", extra={"action": "round", "node": node, "error": str(error)})
