"""The heartbeat: once a second, and at once when something changes."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex

from edge_agent.vitals import Vitals, read_throttling, read_vitals
from wire import subjects
from wire.bus import Bus
from wire.errors import BusError
from wire.messages import Event, Heartbeat, ShardReport, encode

PERIOD_S = 1.0
THROTTLING_PERIOD_S = 5.0  # asking the firmware may take a process

_log = logging.getLogger("bramble.agent")


@dataclass(frozen=True, slots=True)
class Standing:
    """How the agent stands, as far as the machine does not say so."""

    variants: tuple[str, ...]
    shards: tuple[ShardReport, ...]
    in_flight: int
    queued: int
    draining: bool
    busy_s: float = 0.0
    threads: int = 0
    memory_limit: int = 0


class Heart:
    """Beats for one node."""

    def __init__(self, node: str, bus: Bus, *, on_beat: Callable[[], None]) -> None:
        self._node = node
        self._bus = bus
        self._on_beat = on_beat
        self._session = token_hex(8)
        self._version = importlib.metadata.version("bramble-edge")
        self._started = time.monotonic()
        self._seq = 0
        self._changed = asyncio.Event()
        self._throttling: tuple[str, ...] = ()
        bus.control.call_on_reconnect(self.hurry)
        bus.data.call_on_reconnect(self.hurry)

    def hurry(self) -> None:
        """Beat at once: something changed."""
        self._changed.set()

    async def run(self, describe: Callable[[], Standing]) -> None:
        """Beat for ever."""
        throttling_due = 0.0
        while True:
            due = time.monotonic() + PERIOD_S
            self._changed.clear()
            if throttling_due <= due:
                throttling_due = due + THROTTLING_PERIOD_S
                self._throttling = await asyncio.to_thread(read_throttling)
            await self.beat(describe)
            self._on_beat()
            try:
                await asyncio.wait_for(self._changed.wait(), due - time.monotonic())
            except TimeoutError:
                continue

    async def beat(self, describe: Callable[[], Standing]) -> None:
        """Send one heartbeat, if frames can reach the node too: else it would be sent what it cannot get."""
        if not self._bus.connected:
            return
        vitals = await asyncio.to_thread(read_vitals)
        try:
            await self._bus.control.publish(
                subjects.HEARTBEAT.build(node=self._node), encode(self._compose(vitals, describe()))
            )
        except BusError as error:
            _log.warning("a heartbeat was lost", extra={"action": "beat", "error": str(error)})

    async def announce(self, kind: str, text: str) -> None:
        """Tell people and the record what happened."""
        _log.info(text, extra={"action": kind})
        if not self._bus.control.connected:
            return
        event = Event(at=time.time(), kind=kind, text=text)
        try:
            await self._bus.control.publish(subjects.NODE_EVENT.build(node=self._node, kind=kind), encode(event))
        except BusError as error:
            _log.warning("an event was lost", extra={"action": "announce", "kind": kind, "error": str(error)})

    def _compose(self, vitals: Vitals, standing: Standing) -> Heartbeat:
        self._seq += 1
        return Heartbeat(
            node=self._node,
            session=self._session,
            seq=self._seq,
            at=time.time(),
            uptime_s=time.monotonic() - self._started,
            version=self._version,
            machine=vitals.machine,
            variants=standing.variants,
            cpus=vitals.cpus,
            load=vitals.load,
            memory_bytes=vitals.memory,
            memory_available_bytes=vitals.memory_available,
            host=vitals.host,
            busy_s=round(standing.busy_s, 4),
            threads=standing.threads,
            memory_limit_bytes=standing.memory_limit,
            rss_bytes=vitals.rss,
            in_flight=standing.in_flight,
            queued=standing.queued,
            draining=standing.draining,
            temperature_c=vitals.temperature_c,
            throttling=self._throttling,
            shards=standing.shards,
        )
