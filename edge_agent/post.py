"""A shard that is being served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from edge_agent.backends.base import Servable
from edge_agent.gathering import Gathering
from edge_agent.tally import Tally
from wire.messages import Shard


@dataclass(slots=True, eq=False)
class Post:
    """What serves a shard, and what it has done. Frames are counted in any thread."""

    shard: Shard
    servable: Servable
    on_broken: Callable[[Shard, str], None]
    gathering: Gathering | None = None  # of a shard that goes on with the parts of a picture
    timer: asyncio.TimerHandle | None = None  # when the next frame that lacks a part is given up
    tally: Tally = field(default_factory=Tally)
    _counting: Lock = field(default_factory=Lock, repr=False)

    def count_served(self, busy_ms: float) -> None:
        """Count a frame that took ``busy_ms`` without its waiting."""
        with self._counting:
            self.tally = self.tally.add_served(busy_ms)

    def count_failed(self, *, own_fault: bool) -> Tally:
        """Count a frame that was answered with an error."""
        with self._counting:
            self.tally = self.tally.add_failed(own_fault=own_fault)
            return self.tally
