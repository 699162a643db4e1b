"""Heartbeats with everything filled in."""

from __future__ import annotations

from wire.messages import Heartbeat, ShardReport


def make_heartbeat(
    node: str,
    *,
    seq: int = 0,
    session: str = "s",
    variants: tuple[str, ...] = ("cpu-int8",),
    shards: tuple[ShardReport, ...] = (),
    draining: bool = False,
) -> Heartbeat:
    return Heartbeat(
        node=node,
        session=session,
        seq=seq,
        at=0.0,
        uptime_s=1.0,
        version="1",
        machine="aarch64",
        variants=variants,
        cpus=4,
        load=0.5,
        memory_bytes=1 << 30,
        memory_available_bytes=1 << 29,
        rss_bytes=1 << 26,
        in_flight=0,
        queued=0,
        draining=draining,
        shards=shards,
    )
