"""Listens to the servers' elections: what is stored can be written again once its leader is there."""

from __future__ import annotations

import asyncio

import msgspec

from tests.chaos.cluster import Target
from tests.chaos.course import Clock
from tests.chaos.record import Election, Record
from wire.bus import Bus, Received
from wire.context import load_context

ADVISORIES = ("$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.*", "$JS.EVENT.ADVISORY.CONSUMER.LEADER_ELECTED.*.*")
PENDING = 4096


class _Advisory(msgspec.Struct, frozen=True):
    """What the servers say of an election (ADR-7's ``io.nats.jetstream.advisory``), as far as it is of use here."""

    stream: str
    leader: str = ""
    consumer: str = ""


async def hear_elections(cluster: Target, record: Record, clock: Clock) -> None:
    """Take down elections until cancelled."""

    async def take(message: Received) -> None:
        told = msgspec.json.decode(message.data, type=_Advisory)
        record.elections.append(Election(clock(), told.stream, told.leader, told.consumer))

    async with Bus.connect(load_context(cluster.told["context"]), name="elections") as bus:
        for subject in ADVISORIES:
            await bus.control.subscribe(subject, take, max_pending=PENDING)
        await asyncio.Event().wait()
