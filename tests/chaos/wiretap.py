"""Listens to what no role may hear: which node each frame is sent to, and when each node says that it serves."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from cli.access.authority import ACCOUNT, Authority
from cli.access.claims import encode_user
from tests.chaos.course import Clock
from tests.chaos.load import MODEL
from tests.chaos.record import Beat, Record, Sent
from wire import subjects
from wire.bus import Bus, Received
from wire.context import Context
from wire.identity import KeyPair, Kind, read_key_pair
from wire.messages import Heartbeat, ShardState, decode

LASTS_S = 3600
PENDING = 8192


async def tap(access: Path, url: str, record: Record, clock: Clock) -> None:
    """Take down frames sent and nodes' heartbeats until cancelled."""

    async def take_frame(message: Received) -> None:
        found = subjects.WORK.parse(message.subject)
        if found:
            record.sent.append(Sent(clock(), found["node"]))

    async def take_beat(message: Received) -> None:
        beat = decode(message.data, Heartbeat)
        serves = any(each.shard.model == MODEL and each.state is ShardState.READY for each in beat.shards)
        record.beats.append(Beat(clock(), beat.node, beat.session, serves=serves))

    async with Bus.connect(_let_in(access, url), name="wiretap") as bus:
        await bus.data.subscribe(subjects.WORK.wildcard(), take_frame, max_pending=PENDING)
        await bus.data.subscribe(subjects.HEARTBEAT.wildcard(), take_beat, max_pending=PENDING)
        await asyncio.Event().wait()


def _let_in(access: Path, url: str) -> Context:
    """Return the context of a user of the whole account, whose claim ends after an hour."""
    authority, pair = Authority.open(access), KeyPair.make(Kind.USER)
    signer = read_key_pair(access / "account.nk")
    claim = encode_user(
        signer, pair.public, name="wiretap", account=authority.account, issued_at=int(time.time()),
        lasts_s=LASTS_S, scoped=False,
    )  # fmt: skip
    return Context(url=url, description=ACCOUNT, user_jwt=claim, user_seed=pair.reveal_seed())
