"""Whether this controller lives, and whether it can serve: what ``/healthz`` and ``/readyz`` say."""

from __future__ import annotations

from collections.abc import Callable

from controller.catalogue import Catalogue
from controller.nodes.nodes import Nodes
from wire.bus import Bus

STALL_S = 2.0
"""A loop that has not turned for so long is not healthy."""

LOSING_S = 60.0
"""For so long after messages were thrown away it is said that they are."""


class Vitals:
    """Asked from the thread of the HTTP server, so that a loop that hangs is still told of."""

    def __init__(self, bus: Bus, catalogue: Catalogue, nodes: Nodes, clock: Callable[[], float]) -> None:
        self._bus = bus
        self._catalogue = catalogue
        self._nodes = nodes
        self._clock = clock
        self._turned = clock()
        self._lost = 0
        self._lost_at: float | None = None

    def note_turn(self) -> None:
        """Note that the event loop turns."""
        self._turned = self._clock()
        if self.lost_messages > self._lost:
            self._lost, self._lost_at = self.lost_messages, self._turned

    @property
    def lost_messages(self) -> int:
        """How many messages were thrown away so far, because this program was too slow for them."""
        return self._bus.control.slow_consumers + self._bus.data.slow_consumers

    @property
    def is_losing(self) -> bool:
        """Whether that happened within the last minute."""
        return self._lost_at is not None and self._clock() - self._lost_at < LOSING_S

    def find_illness(self) -> str:
        """Return what is wrong with this program itself, or nothing."""
        silent = self._clock() - self._turned
        return f"the event loop has not turned for {silent:.1f} s" if silent > STALL_S else ""

    def find_unreadiness(self) -> str:
        """Return why requests cannot be served now, or nothing."""
        if illness := self.find_illness():
            return illness
        if not self._bus.connected:
            return "the NATS server cannot be reached"
        if not self._catalogue.manifests:
            return "no model is configured"
        unserved = [m.name for m in self._catalogue.manifests if not self._nodes.ready_for(m.name)]
        return f"no node is ready for {', '.join(unserved)}" if unserved else ""
