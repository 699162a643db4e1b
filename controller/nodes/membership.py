"""Who is in the cluster: heartbeats folded into states. Pure; ``now`` is a monotonic clock's seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from wire.messages import Heartbeat

MISSED_S = 1.5
SUSPECT_S = 3.0
DEAD_S = 5.0


class Liveness(StrEnum):
    """What a node's silence says."""

    LIVE = "live"
    SUSPECT = "suspect"  # gets no new work
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Member:
    """A node as its last heartbeat shows it."""

    heartbeat: Heartbeat
    heard_at: float

    def liveness(self, now: float) -> Liveness:
        """Judge the node by its silence."""
        silence = now - self.heard_at
        if silence >= DEAD_S:
            return Liveness.DEAD
        return Liveness.SUSPECT if silence >= SUSPECT_S else Liveness.LIVE


Members = dict[str, Member]


def fold(members: Members, heartbeat: Heartbeat, now: float) -> Members:
    """Return the members after a heartbeat; one that is older than what is known of its session changes nothing."""
    known = members.get(heartbeat.node)
    if known and known.heartbeat.session == heartbeat.session and heartbeat.seq <= known.heartbeat.seq:
        return members
    return {**members, heartbeat.node: Member(heartbeat, now)}


def mark_gone(members: Members, node: str, now: float) -> Members:
    """Return the members after a node said that it leaves, or its broker that it left: dead from now on."""
    known = members.get(node)
    return {**members, node: replace(known, heard_at=now - DEAD_S)} if known else members


def is_missing(member: Member, now: float) -> bool:
    """Tell of a node that was found not to answer whether it is gone: a heartbeat, sent each second, has not come."""
    return member.liveness(now) is Liveness.LIVE and now - member.heard_at >= MISSED_S


def mark_suspect(members: Members, node: str, now: float) -> Members:
    """Return the members with one of them suspect from now on; its next heartbeat clears it."""
    return {**members, node: replace(members[node], heard_at=min(members[node].heard_at, now - SUSPECT_S))}


def forget(members: Members, now: float, *, after_s: float) -> Members:
    """Return the members without those that have been silent for ``after_s`` seconds."""
    return {name: member for name, member in members.items() if now - member.heard_at < after_s}
