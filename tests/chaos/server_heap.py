"""The server's live heap, by its own word: what the machine shows of its memory is garbage for the most part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from cli.access.authority import Authority
from tests.chaos.cluster import Target
from tests.chaos.course import Clock
from tests.chaos.growth import Sample
from wire.bus import Link
from wire.context import Context
from wire.errors import BrambleError

WITHIN_S = 5.0
EVERY_S = 60.0  # each look is a connection more that the server remembers
HEAP = "nats-server, live heap"
GOAL = 5.0
"""``runtime.MemStats.NextGC``, at which Go collects garbage, is so many times what was live (``GOGC=400``)."""


class _MemStats(msgspec.Struct, frozen=True):
    NextGC: int


class _Vars(msgspec.Struct, frozen=True):
    memstats: _MemStats


class _Told(msgspec.Struct, frozen=True):
    data: _Vars


async def watch_heap(cluster: Target, clock: Clock, take: Callable[[Sample], None]) -> None:
    """Take samples until cancelled; while the server is frozen there are none."""
    while True:
        with suppress(BrambleError):
            take(Sample(clock(), await _read_live(cluster), 0, 0.0))
        await asyncio.sleep(EVERY_S)


async def _read_live(cluster: Target) -> int:
    """Return the bytes that were live after the latest garbage collection, stacks included."""
    claim, pair = Authority.open(Path(cluster.told["access"])).system_user()  # made for the moment, so anew each time
    context = Context(url=cluster.told["url"], user_jwt=claim, user_seed=pair.reveal_seed())
    link = await Link.open(context, name="heap")
    try:
        told = await link.request("$SYS.REQ.SERVER.PING.EXPVARZ", b"{}", within=WITHIN_S)
    finally:
        await link.close()
    return int(msgspec.json.decode(told.data, type=_Told).data.memstats.NextGC / GOAL)
